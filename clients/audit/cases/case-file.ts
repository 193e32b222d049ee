/**
 * A case as a file: records of a log with their proofs, and what an auditor says about them, signed. Pure.
 *
 * Lines of JSON. The first says what the case is, the second holds the broker's checkpoint, each further one holds a
 * record and its path to that checkpoint. The last line has the SHA-256 of all bytes before it, the auditor's
 * credential, and a statement of that hash which the auditor's key signed.
 */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { ProvenRecords } from '../../../broker/audit/index.ts';
import { MAX_CASE_RECORDS, MAX_CASE_TEXT } from './limits.ts';

/** Type of the signed statement. */
export const CASE_TYP = 'argus-case';
const FORMAT = 'argus-case/1';

const text = z.string().max(MAX_CASE_TEXT);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const seq = z.int().min(1);

const headLine = z.strictObject({
  format: z.literal(FORMAT),
  name: z.string().min(1).max(MAX_CASE_TEXT),
  /** The auditor. */
  by: text,
  made: z.iso.datetime(),
  /** What the auditor says about the whole. */
  note: text,
  /** The question that selected the records; empty: they were chosen one by one. */
  question: text,
  records: z.int().min(1).max(MAX_CASE_RECORDS),
  remarks: z.array(z.strictObject({ seq, text })).max(MAX_CASE_RECORDS),
  /** Does the log have a record of this export? */
  isRecorded: z.boolean(),
});
const checkpointLine = z.strictObject({ checkpoint: z.string() });
const recordLine = z.strictObject({ index: z.int().min(0), path: z.array(hash).max(63), line: z.string() });
const lastLine = z.strictObject({ sha256: hash, credential: z.string(), statement: z.string() });
const signedClaims = z.strictObject({ sha256: hash });

export type CaseHead = Omit<z.output<typeof headLine>, 'format'>;
export type CaseSeal = z.output<typeof lastLine>;

export interface ParsedCase {
  readonly head: CaseHead;
  readonly checkpoint: string;
  readonly records: readonly z.output<typeof recordLine>[];
  readonly seal: CaseSeal;
  /** SHA-256, hex, of the bytes before the last line. */
  readonly sha256: string;
}

/** Everything but the last line. */
export function caseBody(head: CaseHead, { checkpoint, records }: ProvenRecords): string {
  const lines = [
    { format: FORMAT, ...head },
    { checkpoint },
    ...records.map(({ index, path, line }) => ({ index, path, line: Buffer.from(line).toString('utf8') })),
  ];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

export function caseHash(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}

export function sealLine(seal: CaseSeal): string {
  return `${JSON.stringify(seal)}\n`;
}

/** Null: not a case. Never throws, whatever the text. */
export function parseCase(content: string): ParsedCase | null {
  const border = content.lastIndexOf('\n', content.length - 2) + 1;
  const lines = content.slice(0, border).split('\n').slice(0, -1).map(parseJson);
  const head = headLine.safeParse(lines[0]);
  const checkpoint = checkpointLine.safeParse(lines[1]);
  const seal = lastLine.safeParse(parseJson(content.slice(border)));
  const records = lines.slice(2).map((line) => recordLine.safeParse(line));
  if (!head.success || !checkpoint.success || !seal.success) return null;
  if (records.length !== head.data.records) return null;
  const { format: _, ...rest } = head.data;
  return {
    head: rest,
    checkpoint: checkpoint.data.checkpoint,
    records: records.flatMap((record) => (record.success ? [record.data] : [])),
    seal: seal.data,
    sha256: caseHash(content.slice(0, border)),
  };
}

/** What the first line of a case says, unchecked; null: it is not the first line of a case. */
export function parseCaseHead(line: string): CaseHead | null {
  const head = headLine.safeParse(parseJson(line));
  if (!head.success) return null;
  const { format: _, ...rest } = head.data;
  return rest;
}

/** The hash that a verified statement names; null: the statement is about something else. */
export function claimedHash(claims: unknown): string | null {
  const parsed = signedClaims.safeParse(claims);
  return parsed.success ? parsed.data.sha256 : null;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
