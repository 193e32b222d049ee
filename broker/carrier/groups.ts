/** Looks up the group that may open the shared control socket, by the means of the host: Node knows only numbers. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { BrokerError } from '../process/index.ts';

/** @param group null: the group of this process. @throws BrokerError ERR_BROKER_CONFIG */
export async function gidOf(group: string | number | null): Promise<number> {
  if (group === null) return process.getgid?.() ?? 0;
  if (typeof group === 'number' || /^\d+$/.test(group)) return Number(group);
  try {
    const { stdout } = await promisify(execFile)('getent', ['group', group]);
    return Number.parseInt(stdout.split(':')[2] ?? '', 10);
  } catch (cause) {
    const message = `control.group: this host knows no group "${group}"; make it (groupadd ${group}), or give a number`;
    throw new BrokerError('ERR_BROKER_CONFIG', message, { cause });
  }
}
