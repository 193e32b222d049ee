/**
 * Tells the broker that its log is read or exported, so that the log says so. Best effort: a person who may read the
 * directory can read it without this command, and a log without a broker gets no record.
 */
import { realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlFlags } from '../../sockets/control.ts';
import { who } from '../../who.ts';

/** A reader waits no longer than this for a broker that is busy. */
const ANNOUNCE_TIMEOUT_MS = 2_000;

export interface LogAccess {
  /** The command, and what it is about. */
  readonly what: string;
  /** Which records; empty: all. */
  readonly question: string;
  /** How many leave the log. Undefined: they are only shown. */
  readonly records?: number;
}

/** True: the log has, or will have, a record of it. Never rejects. */
export async function announce(
  directory: string,
  { what, question, records }: LogAccess,
  { control }: Pick<ControlFlags, 'control'> = {},
): Promise<boolean> {
  // Most logs that are read have no broker: then the code of the broker is not even loaded.
  if (!hasWriter(directory)) return false;
  try {
    const { callControl } = await import('../../../../broker/index.ts');
    const { controlSocket } = await import('../../sockets/control.ts');
    const socket = controlSocket(control ?? process.env.ARGUS_CONTROL);
    const status = await callControl(socket, 'GET', '/v1/status', undefined, ANNOUNCE_TIMEOUT_MS);
    if (!isSameDirectory(directory, status.body)) return false;
    const kind = records === undefined ? 'read' : 'export';
    const body = { by: who(), what, question, ...(records === undefined ? {} : { records }) };
    return (await callControl(socket, 'POST', `/v1/audit/${kind}`, body, ANNOUNCE_TIMEOUT_MS)).ok;
  } catch {
    // No socket, no permission to use it, or a broken argus.yaml: reading does not depend on these.
    return false;
  }
}

/** The writer of a directory listens on its LOCK. */
function hasWriter(directory: string): boolean {
  try {
    return statSync(join(directory, 'LOCK')).isSocket();
  } catch {
    return false;
  }
}

function isSameDirectory(directory: string, status: unknown): boolean {
  const audit = (status as { readonly audit?: { readonly directory?: unknown } }).audit?.directory;
  return typeof audit === 'string' && realpathSync(audit) === realpathSync(directory);
}
