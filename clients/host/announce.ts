/** What an authority has issued and revoked, brought into the audit log of a broker: of one that runs, or of one that will. */
import { join } from 'node:path';
import { reasonOf } from '../../broker/base/index.ts';
import { BrokerError, CONTROL_SOCKET, callControl, type readOptions } from '../../broker/index.ts';
import { type Authority, handOverRegister } from '../../keys/index.ts';

const PATH = '/v1/keys/register';

/** @returns how many entries were new to the log @throws BrokerError ERR_BROKER_…; KeyError */
export async function announceRegister(authority: Authority, control: string): Promise<number> {
  const { ok, body } = await callControl(control, 'GET', PATH);
  if (!ok) throw refused(control, body);
  const { known } = body as { readonly known: readonly string[] };
  return sendExtracts(await authority.extracts(new Set(known)), control);
}

/** @returns how many entries were new to the log @throws BrokerError ERR_BROKER_… */
export async function sendExtracts(extracts: readonly string[], control: string): Promise<number> {
  let recorded = 0;
  for (const extract of extracts) {
    const { ok, body } = await callControl(control, 'POST', PATH, { extract });
    if (!ok) throw refused(control, body);
    recorded += (body as { readonly recorded: number }).recorded;
  }
  return recorded;
}

function refused(control: string, body: unknown): BrokerError {
  const { message = 'no reason' } = (body ?? {}) as { readonly message?: string };
  return new BrokerError(
    'ERR_BROKER_CONTROL',
    `the broker at "${control}" took no extract of the register: ${message}`,
  );
}

/** Where the broker of a host is: its runtime directory, and that of its identity. */
export type BrokerPlaces = Pick<ReturnType<typeof readOptions>, 'runtime' | 'identity'>;

/**
 * For the broker of a host. Its log has the entries when this resolves. A broker that does not run, or does not take them
 * from this user, finds them at its next start.
 *
 * @throws KeyError
 */
export async function announceAtHost(authority: Authority, { runtime, identity }: BrokerPlaces): Promise<void> {
  try {
    await announceRegister(authority, join(runtime, CONTROL_SOCKET));
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    await handOverRegister(authority, identity);
  }
}

/** The outcome of an announcement that nobody waits for: the credential is issued in any case. */
export type RegisterDelivery =
  | { readonly control: string; readonly recorded: number; readonly problem: null }
  | { readonly control: string; readonly recorded: 0; readonly problem: string };

export async function tryToAnnounce(authority: Authority, control: string): Promise<RegisterDelivery> {
  try {
    return { control, recorded: await announceRegister(authority, control), problem: null };
  } catch (error) {
    return { control, recorded: 0, problem: reasonOf(error) };
  }
}
