/** Why a running broker would refuse a credential that is in order in its own directory: only the broker has the list. */
import { callControl, type KeyReport } from '../../../../broker/index.ts';
import { type Credential, findRevocation } from '../../../../keys/index.ts';

/** As a problem of a directory of keys. */
interface Refusal {
  readonly code: 'ERR_KEY_REVOKED';
  readonly message: string;
}

/** @param now seconds @returns null when the broker would accept it @throws BrokerError */
export async function refusalAt(control: string, credential: Credential, now: number): Promise<Refusal | null> {
  const report = (await callControl(control, 'GET', '/v1/keys')).body as KeyReport;
  return refusalIn(report, credential, now);
}

/** Decides as the broker does. */
export function refusalIn(
  { list, holders }: Pick<KeyReport, 'list' | 'holders'>,
  credential: Credential,
  now: number,
): Refusal | null {
  const revocation = findRevocation(list, credential, now);
  if (revocation !== null) return refusal('REVOKED', `it is on the revocation list ("${revocation.reason}")`);
  const newest = holders.find(({ holder }) => holder === `${credential.role}/${credential.name}`);
  if (newest === undefined || credential.generation > newest.generation) return null;
  if (credential.generation < newest.generation)
    return refusal('OLD_KEY', `a key of generation ${newest.generation} has had a session`);
  if (credential.thumbprint === newest.thumbprint) return null;
  return refusal('SECOND_KEY', 'another key of its generation has had a session');
}

function refusal(kind: string, why: string): Refusal {
  return {
    code: 'ERR_KEY_REVOKED',
    message: `the broker refuses this key (${kind}): ${why}; make a new one: argus keys enrol`,
  };
}
