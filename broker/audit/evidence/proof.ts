/**
 * Proof that one record is in the log (c2sp.org/tlog-proof): a file that a third party checks without the log. Pure.
 *
 * The line itself travels as the format's extra data, in base64. It is proven only because its hash leads to the signed
 * root.
 */
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { decodeBase64, type VerifierKey, verifyNote } from './note.ts';
import { isIncluded, leafHash } from './tree.ts';

const HEADER = 'c2sp.org/tlog-proof@v1';
/** As many siblings as a path in a tree of 2^63 leaves has. */
const MAX_PATH = 63;
const HASH_BYTES = 32;

export interface RecordProof {
  /** The record's line, without its newline. */
  readonly line: Uint8Array;
  /** The record's `seq` minus 1. */
  readonly index: number;
  /** Hexadecimal, leaf side first. */
  readonly path: readonly string[];
  /** The signed note, word for word. */
  readonly checkpoint: string;
}

export function formatProof({ line, index, path, checkpoint }: RecordProof): string {
  const hashes = path.map((hash) => `${Buffer.from(hash, 'hex').toString('base64')}\n`);
  return `${HEADER}\nextra ${Buffer.from(line).toString('base64')}\nindex ${index}\n${hashes.join('')}\n${checkpoint}`;
}

/** Null: not a proof file. Never throws. */
export function parseProof(text: string): RecordProof | null {
  const border = text.indexOf('\n\n');
  if (border < 0) return null;
  const [header, extra = '', index = '', ...hashes] = text.slice(0, border).split('\n');
  const line = extra.startsWith('extra ') ? decodeBase64(extra.slice(6)) : null;
  if (header !== HEADER || line === null || !/^index (0|[1-9]\d{0,15})$/.test(index)) return null;
  const path = hashes.map(decodeBase64);
  if (path.length > MAX_PATH || path.some((hash) => hash?.length !== HASH_BYTES)) return null;
  return {
    line,
    index: Number(index.slice(6)),
    path: path.map((hash) => hash?.toString('hex') ?? ''),
    checkpoint: text.slice(border + 2),
  };
}

export type ProofVerdict =
  | { readonly ok: true; readonly line: Uint8Array; readonly checkpoint: Checkpoint }
  | { readonly ok: false; readonly reason: ProofFault };

export type ProofFault =
  /** Not a proof file. */
  | 'MALFORMED'
  /** The checkpoint is not signed by this key. */
  | 'WRONG_KEY'
  /** The signature by this key is false. */
  | 'BAD_SIGNATURE'
  /** The checkpoint is from another log of this key. */
  | 'FOREIGN_ORIGIN'
  /** The record is not in the signed tree. */
  | 'NOT_INCLUDED';

export function verifyProof(text: string, key: VerifierKey): ProofVerdict {
  const proof = parseProof(text);
  return proof === null ? { ok: false, reason: 'MALFORMED' } : verifyRecordProof(proof, key);
}

/** All members may be hostile; never throws. */
export function verifyRecordProof(proof: RecordProof, key: VerifierKey): ProofVerdict {
  const checkpoint = parseCheckpoint(proof.checkpoint);
  if (checkpoint === null) return { ok: false, reason: 'MALFORMED' };
  const signed = verifyNote(checkpoint.note, key);
  if (signed !== 'verified') return { ok: false, reason: signed === 'bad' ? 'BAD_SIGNATURE' : 'WRONG_KEY' };
  if (!checkpoint.origin.startsWith(`${key.name}/`)) return { ok: false, reason: 'FOREIGN_ORIGIN' };
  const { size, root } = checkpoint;
  if (!isIncluded(proof.index, size, leafHash(proof.line), proof.path, root))
    return { ok: false, reason: 'NOT_INCLUDED' };
  return { ok: true, line: proof.line, checkpoint };
}
