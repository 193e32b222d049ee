/** Looks up the users that run VMMs, by the means of the host (files, LDAP, systemd): Node knows only numbers. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { BrokerError } from '../process/index.ts';

/** @throws BrokerError ERR_BROKER_VMM_USER */
export async function uidOf(user: string | number): Promise<number> {
  if (typeof user === 'number') return user;
  try {
    const { stdout } = await promisify(execFile)('id', ['-u', user]);
    return Number.parseInt(stdout, 10);
  } catch (cause) {
    const message = `this host knows no user "${user}", who is to run a VMM; make one, or give its number in domains.yaml`;
    throw new BrokerError('ERR_BROKER_VMM_USER', message, { cause });
  }
}
