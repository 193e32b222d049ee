/** Extracts the proof of one record, or of one state, from a log, for a third party. Reads only. */
import { invariant } from '../base/index.ts';
import { AuditError } from './errors.ts';
import {
  type Checkpoint,
  consistencyRanges,
  formatProof,
  formatVerifierKey,
  InclusionPaths,
  leafHash,
  parseCheckpoint,
  parseVerifierKey,
  RangeRoots,
  type RecordProof,
  splitNotes,
} from './evidence/index.ts';
import type { AuditReader } from './files/files.ts';
import { nodeFiles } from './files/node-files.ts';
import { CHECKPOINT_TAIL_BYTES } from './limits.ts';
import { type LinePlace, lines } from './read/lines.ts';
import { type PrunedPart, withoutPruned } from './read/pruned.ts';
import { readRecord } from './read/record.ts';
import { CHECKPOINTS_FILE, VKEY_FILE } from './verify/index.ts';

/** The newest signed note of a log, word for word; null if it has none. */
export async function latestCheckpoint(
  directory: string,
  reader: AuditReader = nodeFiles(directory),
): Promise<string | null> {
  const tail = (await reader.readBeside(CHECKPOINTS_FILE, CHECKPOINT_TAIL_BYTES)) ?? '';
  // A broker may be writing the last one right now.
  const whole = splitNotes(tail).filter((note) => parseCheckpoint(note) !== null);
  return whole.at(-1) ?? null;
}

/**
 * The verifier key that the broker stored next to the log, as text. Null if there is none. It proves little: a process
 * that can write the log can write this key too.
 */
export async function readVerifierKey(
  directory: string,
  reader: AuditReader = nodeFiles(directory),
): Promise<string | null> {
  const key = parseVerifierKey((await reader.readBeside(VKEY_FILE)) ?? '');
  return key === null ? null : formatVerifierKey(key);
}

/**
 * The text of a proof file (c2sp.org/tlog-proof) for record `seq` under the newest checkpoint. Reads all records that
 * the checkpoint covers.
 *
 * Throws AuditError ERR_AUDIT_UNPROVEN: there is no such record, or no checkpoint that covers it.
 */
export async function proveRecord(
  directory: string,
  seq: number,
  reader: AuditReader = nodeFiles(directory),
): Promise<string> {
  const { checkpoint, records } = await proveRecords(directory, [seq], reader);
  const [record] = records;
  invariant(record !== undefined, 'one record was asked for');
  return formatProof({ ...record, checkpoint });
}

export interface ProvenRecords {
  /** The signed note. */
  readonly checkpoint: string;
  /** In the order of the log. */
  readonly records: readonly Omit<RecordProof, 'checkpoint'>[];
}

/**
 * Several records under the newest checkpoint, in one pass over the log. Throws ERR_AUDIT_UNPROVEN as `proveRecord`.
 *
 * @param seqs numbers of records
 */
export async function proveRecords(
  directory: string,
  seqs: readonly number[],
  reader: AuditReader = nodeFiles(directory),
): Promise<ProvenRecords> {
  const { text, checkpoint } = await newest(directory, reader);
  const wanted = [...new Set(seqs)].sort((a, b) => a - b);
  const out = wanted.find((seq) => seq < 1 || seq > checkpoint.size);
  if (out !== undefined) {
    const covered = `the newest checkpoint covers records 1 to ${checkpoint.size}`;
    throw new AuditError('ERR_AUDIT_UNPROVEN', `record ${out} cannot be proven: ${covered}`);
  }
  const [first = 1] = wanted;
  const pruned = await prunedBefore(reader, first, `record ${first} cannot be proven`);
  const lineAt = new Map<number, Uint8Array | null>(wanted.map((seq) => [seq - 1, null]));
  const paths = new InclusionPaths(lineAt.keys(), checkpoint.size);
  for (const node of pruned?.nodes ?? []) paths.node(node);
  let at = pruned?.records ?? 0;
  for await (const line of lines(reader, placeAfterPruned(pruned))) {
    if (at >= checkpoint.size) break;
    if (lineAt.has(at)) lineAt.set(at, Uint8Array.from(line));
    paths.leaf(at, leafHash(line));
    at += 1;
  }
  const records = [...lineAt].flatMap(([index, line]) => {
    const path = paths.path(index);
    return line === null || path === null ? [] : [{ line, index, path }];
  });
  if (records.length < wanted.length || at < checkpoint.size) {
    throw new AuditError('ERR_AUDIT_UNPROVEN', `the log ends before its last checkpoint; run "argus audit verify"`);
  }
  return { checkpoint: text, records };
}

/** The hash of a record's line, which the record after it has in `prev`. Null: there is no such record. */
export async function hashOfRecord(
  directory: string,
  seq: number,
  reader: AuditReader = nodeFiles(directory),
): Promise<string | null> {
  const record = await readRecord(directory, seq, reader);
  return record === null ? null : leafHash(record.bytes);
}

/** The hashes that prove to a witness that the newest checkpoint extends one of `old` records. */
export async function proveConsistency(
  directory: string,
  old: number,
  reader: AuditReader = nodeFiles(directory),
): Promise<{ readonly checkpoint: string; readonly path: readonly string[] }> {
  const { text, checkpoint } = await newest(directory, reader);
  if (old > checkpoint.size) {
    const message = `a witness remembers ${old} records, the newest checkpoint covers ${checkpoint.size}`;
    throw new AuditError('ERR_AUDIT_UNPROVEN', message);
  }
  const ranges = consistencyRanges(old, checkpoint.size);
  const roots = new RangeRoots(ranges);
  if (ranges.length > 0) {
    const pruned = await prunedBefore(reader, old, `a witness remembers ${old} records`, old);
    for (const node of pruned?.nodes ?? []) roots.node(node);
    let at = pruned?.records ?? 0;
    for await (const line of lines(reader, placeAfterPruned(pruned))) {
      if (at >= checkpoint.size) break;
      roots.leaf(at, leafHash(line));
      at += 1;
    }
  }
  return { checkpoint: text, path: roots.roots() };
}

/** Throws ERR_AUDIT_UNPROVEN if record `seq` itself was removed, or more than `most` records were. */
async function prunedBefore(
  reader: AuditReader,
  seq: number,
  what: string,
  most: number = seq - 1,
): Promise<PrunedPart | null> {
  const { pruned } = await withoutPruned(reader, await reader.segments());
  if (pruned === null || pruned.records <= most) return pruned;
  throw new AuditError('ERR_AUDIT_UNPROVEN', `${what}: retention removed records 1 to ${pruned.records}`);
}

function placeAfterPruned(pruned: PrunedPart | null): LinePlace | undefined {
  return pruned === null ? undefined : { segment: pruned.segment + 1, offset: 0 };
}

async function newest(directory: string, reader: AuditReader): Promise<{ text: string; checkpoint: Checkpoint }> {
  const text = await latestCheckpoint(directory, reader);
  const checkpoint = text === null ? null : parseCheckpoint(text);
  if (text !== null && checkpoint !== null) return { text, checkpoint };
  throw new AuditError('ERR_AUDIT_UNPROVEN', `"${directory}" has no signed checkpoint`);
}
