/** Where commands find the audit log, the archive and the broker. */
import { Option } from 'commander';
import { type BrokerStatus, callControl } from '../../../../broker/index.ts';
import { controlSocket } from '../../sockets/control.ts';

export interface AuditFlags {
  readonly audit?: string;
  readonly control?: string;
}

export function auditOption(): Option {
  return new Option('--audit <directory>', 'the audit directory (default: the one of the broker at --control)');
}

/** The directory that was named, or that of the running broker. */
export async function auditDirectory({ audit, control }: AuditFlags): Promise<string> {
  if (audit !== undefined) return audit;
  const { body } = await callControl(controlSocket(control), 'GET', '/v1/status');
  return (body as BrokerStatus).audit.directory;
}
