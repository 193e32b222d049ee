/** The options about witnesses of `argus audit verify` and `argus console`: what they say, and the keys of the witnesses. */
import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import {
  AuditError,
  fetchWitnessed,
  fetchWitnessHolder,
  MAX_WITNESSES,
  type VerifierKey,
  type WitnessedNotes,
} from '../../../../../broker/audit/index.ts';
import { reasonOf } from '../../../../../broker/base/index.ts';
import { verifyWitness } from '../../../../../broker/index.ts';
import {
  findRevocation,
  type RevocationList,
  readTrustAnchor,
  type TrustAnchor,
  verifyRevocationList,
} from '../../../../../keys/index.ts';
import { parseKeys } from '../arguments.ts';

/** Adds the options, and returns the command. */
export function withWitnessOptions(command: Command): Command {
  return command
    .option(
      '--witness <place>',
      'compare with what a witness has seen: its address, or its file "witnessed"; may be given several times',
      (place: string, before: readonly string[] | undefined) => [...(before ?? []), place],
    )
    .option('--no-witness', 'ask no witness: not even those of the configuration of the broker that writes this log')
    .option('--witness-key <vkey>', 'the key of the witness, which must have cosigned it; may be repeated', parseKeys)
    .option(
      '--witness-authority <file>',
      'authority.pub.jwk: each --witness is an address, and must have a credential of this authority with the role witness',
    )
    .option('--quorum <number>', 'so many of the witnesses must have seen the log', parseQuorum)
    .option('--revocations <file>', 'revocations.jws of that authority: no witness may be on it');
}

export interface WitnessFlags {
  /** False: `--no-witness`. */
  readonly witness?: readonly string[] | false;
  readonly witnessKey?: readonly VerifierKey[];
  readonly witnessAuthority?: string;
  readonly revocations?: string;
  readonly quorum?: number;
}

/** An address, or a file. @throws AuditError ERR_AUDIT_WITNESS */
export async function witnessedAt(place: string): Promise<WitnessedNotes> {
  if (isAddress(place)) return { from: place, text: await fetchWitnessed(place) };
  try {
    return { from: place, text: await readFile(place, 'utf8') };
  } catch (cause) {
    throw new AuditError('ERR_AUDIT_WITNESS', `cannot read "${place}": ${reasonOf(cause)}`, { cause });
  }
}

/** @throws AuditError ERR_AUDIT_WITNESS: a witness cannot be asked, or has no credential that counts */
export async function credentialedKeys({
  witness,
  witnessAuthority,
  revocations,
}: Omit<WitnessFlags, 'witnessKey' | 'quorum'>): Promise<VerifierKey[]> {
  if (witnessAuthority === undefined) {
    if (revocations === undefined) return [];
    throw problem('--revocations needs --witness-authority, the key that signed the list');
  }
  if (!witness) throw problem('--witness-authority needs --witness with the address of a witness');
  const anchor = await readTrustAnchor(witnessAuthority, 'public', 'get authority.pub.jwk from the authority');
  const list = revocations === undefined ? null : await listIn(revocations, anchor);
  return Promise.all(witness.map((place) => keyAt(place, anchor, list)));
}

async function keyAt(place: string, anchor: TrustAnchor, list: RevocationList | null): Promise<VerifierKey> {
  if (!isAddress(place))
    throw problem(`"${place}" is a file, and a file has no credential: name its key with --witness-key`);
  const now = Date.now();
  const result = await verifyWitness(await fetchWitnessHolder(place), anchor, now);
  if (!result.ok) throw problem(`the witness at "${place}" is not trusted: ${result.reason}`);
  if (list !== null && findRevocation(list, result.credential, now / 1_000) !== null)
    throw problem(`the witness at "${place}" is not trusted: the key of "${result.credential.name}" is revoked`);
  return result.key;
}

function parseQuorum(text: string): number {
  const quorum = Number(text);
  if (/^\d{1,2}$/.test(text) && quorum >= 1 && quorum <= MAX_WITNESSES) return quorum;
  throw new InvalidArgumentError(`expected a number from 1 to ${MAX_WITNESSES}.`);
}

function isAddress(place: string): boolean {
  return /^https?:\/\//.test(place);
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
