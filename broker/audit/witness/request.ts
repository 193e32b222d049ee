/** The body of `add-checkpoint` (c2sp.org/tlog-witness), and its answers. Pure. */
import { decodeBase64 } from '../evidence/index.ts';

/** As many hashes as a consistency proof may have (c2sp.org/tlog-witness). */
const MAX_PATH = 63;
const HASH_BYTES = 32;

export interface WitnessRequest {
  /** Records that the witness knows already; 0: none. */
  readonly old: number;
  /** Hexadecimal: proves that the checkpoint extends the tree of `old` records. */
  readonly path: readonly string[];
  /** The signed note, word for word. */
  readonly checkpoint: string;
}

/**
 * The answer of a witness, as an HTTP status with its body. 200: lines of cosignatures. 409: the number of records that
 * the witness knows. 400 malformed, 403 no signature by a known key, 404 unknown log, 422 the proof does not hold.
 */
export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422;
  readonly body: string;
}

export function formatWitnessRequest({ old, path, checkpoint }: WitnessRequest): string {
  const hashes = path.map((hash) => `${Buffer.from(hash, 'hex').toString('base64')}\n`);
  return `old ${old}\n${hashes.join('')}\n${checkpoint}`;
}

/** Null: not a request. Never throws. */
export function parseWitnessRequest(text: string): WitnessRequest | null {
  const border = text.indexOf('\n\n');
  const [first = '', ...hashes] = text.slice(0, Math.max(0, border)).split('\n');
  if (border < 0 || !/^old (0|[1-9]\d{0,15})$/.test(first) || hashes.length > MAX_PATH) return null;
  const path: string[] = [];
  for (const hash of hashes) {
    const bytes = decodeBase64(hash);
    if (bytes?.length !== HASH_BYTES) return null;
    path.push(bytes.toString('hex'));
  }
  return { old: Number(first.slice(4)), path, checkpoint: text.slice(border + 2) };
}
