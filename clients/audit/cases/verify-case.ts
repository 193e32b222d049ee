/** Checks a case without the log: with the broker's key and the authority's key. Pure. */
import { parseLine, type VerifierKey, verifyRecordProof } from '../../../broker/audit/index.ts';
import { CLOCK_TOLERANCE_SECONDS, type TrustAnchor, verifyCredential, verifyStatement } from '../../../keys/index.ts';
import { CASE_TYP, type CaseHead, claimedHash, parseCase } from './case-file.ts';

export type CaseFault =
  /** Not a case file. */
  | 'MALFORMED'
  /** Bytes were changed after the auditor signed. */
  | 'ALTERED'
  /** The authority names no such auditor. */
  | 'NOT_AN_AUDITOR'
  /** The case says another name than the one who signed. */
  | 'OTHER_NAME'
  /** The auditor's key did not sign it. */
  | 'UNSIGNED'
  /** A record is not in the log that the broker's key signed. */
  | 'NOT_INCLUDED'
  /** A remark is about a record that the case does not hold. */
  | 'REMARK';

/** The same in words. */
export const CASE_FAULTS: Readonly<Record<CaseFault, string>> = {
  MALFORMED: 'the file is not a case',
  ALTERED: 'the file was changed after the auditor signed it',
  NOT_AN_AUDITOR: 'the authority has not named its author as an auditor',
  OTHER_NAME: 'it was signed by another auditor than it says',
  UNSIGNED: 'the auditor has not signed it',
  NOT_INCLUDED: 'a record is not in the log that the broker signed',
  REMARK: 'a remark is about a record that is not in the case',
};

export interface ProvenCase extends CaseHead {
  readonly ok: true;
  /** The log, and how many of its records were signed. */
  readonly origin: string;
  readonly size: number;
  readonly lines: readonly { readonly seq: number; readonly fields: { readonly [key: string]: unknown } }[];
}

export type CaseVerdict =
  | ProvenCase
  | { readonly ok: false; readonly reason: CaseFault; readonly record?: number; readonly why?: string };

/** @param content from the file; may be hostile, and never makes this throw */
export async function verifyCase(content: string, key: VerifierKey, authority: TrustAnchor): Promise<CaseVerdict> {
  const parsed = parseCase(content);
  if (parsed === null) return { ok: false, reason: 'MALFORMED' };
  const { head, checkpoint, records, seal, sha256 } = parsed;
  if (seal.sha256 !== sha256) return { ok: false, reason: 'ALTERED' };
  // A credential lasts some months and a case for years, so it is judged at the moment that the case names.
  const options = { now: Date.parse(head.made), clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS };
  const verdict = await verifyCredential(seal.credential, authority, { ...options, roles: ['auditor'] });
  if (!verdict.ok) return { ok: false, reason: 'NOT_AN_AUDITOR', why: verdict.reason };
  if (verdict.credential.name !== head.by) return { ok: false, reason: 'OTHER_NAME' };
  if (claimedHash(await verifyStatement(seal.statement, CASE_TYP, verdict.credential)) !== sha256)
    return { ok: false, reason: 'UNSIGNED' };
  const lines: ProvenCase['lines'][number][] = [];
  let signed: { readonly origin: string; readonly size: number } | null = null;
  for (const { index, path, line } of records) {
    const proof = verifyRecordProof({ index, path, line: Buffer.from(line), checkpoint }, key);
    if (!proof.ok) return { ok: false, reason: 'NOT_INCLUDED', record: index + 1, why: proof.reason };
    const record = parseLine(proof.line);
    if (typeof record === 'string') return { ok: false, reason: 'NOT_INCLUDED', record: index + 1, why: record };
    signed = proof.checkpoint;
    lines.push({ seq: index + 1, fields: record.fields });
  }
  const held = new Set(lines.map(({ seq }) => seq));
  const stray = head.remarks.find(({ seq }) => !held.has(seq));
  if (stray !== undefined) return { ok: false, reason: 'REMARK', record: stray.seq };
  return signed === null
    ? { ok: false, reason: 'MALFORMED' }
    : { ok: true, ...head, origin: signed.origin, size: signed.size, lines };
}
