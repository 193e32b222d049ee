/** `argus audit verify --witness-authority`: the keys of witnesses that have a credential. */
import { readFile } from 'node:fs/promises';
import { AuditError, fetchWitnessHolder, type VerifierKey } from '../../../../broker/audit/index.ts';
import { reasonOf } from '../../../../broker/base/index.ts';
import { verifyWitness } from '../../../../broker/index.ts';
import {
  findRevocation,
  type RevocationList,
  readTrustAnchor,
  type TrustAnchor,
  verifyRevocationList,
} from '../../../../keys/index.ts';

interface Flags {
  readonly witness?: readonly string[];
  readonly witnessAuthority?: string;
  readonly revocations?: string;
}

/** @throws AuditError ERR_AUDIT_WITNESS: a witness cannot be asked, or has no credential that counts */
export async function credentialedKeys({ witness, witnessAuthority, revocations }: Flags): Promise<VerifierKey[]> {
  if (witnessAuthority === undefined) {
    if (revocations === undefined) return [];
    throw problem('--revocations needs --witness-authority, the key that signed the list');
  }
  if (witness === undefined) throw problem('--witness-authority needs --witness with the address of a witness');
  const anchor = await readTrustAnchor(witnessAuthority, 'public', 'get authority.pub.jwk from the authority');
  const list = revocations === undefined ? null : await listIn(revocations, anchor);
  return Promise.all(witness.map((place) => keyAt(place, anchor, list)));
}

async function keyAt(place: string, anchor: TrustAnchor, list: RevocationList | null): Promise<VerifierKey> {
  if (!/^https?:\/\//.test(place))
    throw problem(`"${place}" is a file, and a file has no credential: name its key with --witness-key`);
  const now = Date.now();
  const result = await verifyWitness(await fetchWitnessHolder(place), anchor, now);
  if (!result.ok) throw problem(`the witness at "${place}" is not trusted: ${result.reason}`);
  if (list !== null && findRevocation(list, result.credential, now / 1_000) !== null)
    throw problem(`the witness at "${place}" is not trusted: the key of "${result.credential.name}" is revoked`);
  return result.key;
}

async function listIn(file: string, anchor: TrustAnchor): Promise<RevocationList> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw problem(`cannot read "${file}": ${reasonOf(cause)}`);
  });
  const list = await verifyRevocationList(text.trim(), anchor);
  if (list === null) throw problem(`"${file}" is not a revocation list of this authority`);
  return list;
}

function problem(message: string): AuditError {
  return new AuditError('ERR_AUDIT_WITNESS', message);
}
