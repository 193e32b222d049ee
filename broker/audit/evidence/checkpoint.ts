/**
 * Checkpoints (c2sp.org/tlog-checkpoint): `origin`, number of records, root of their tree, signed as a note. Pure.
 *
 * The key's name is `argus/BROKER`. The origin is `argus/BROKER/ID`, where ID is the beginning of the hash of record 1.
 * So two logs of one broker have different origins, and neither can be presented as the other. The key's name stays.
 */
import {
  decodeBase64,
  formatNote,
  type Note,
  parseNote,
  SIGNATURE_COSIGNATURE,
  SIGNATURE_ED25519,
  type VerifierKey,
  verifierKey,
} from './note.ts';

/** Hex digits of the first record's hash in the origin. */
const LOG_ID_DIGITS = 16;
const HASH_BYTES = 32;

export interface TreeHead {
  readonly origin: string;
  readonly size: number;
  /** Hexadecimal. */
  readonly root: string;
}

export interface Checkpoint extends TreeHead {
  readonly note: Note;
}

/** The key that verifies a broker's checkpoints. */
export function noteKeyOf(broker: string, publicKey: Uint8Array): VerifierKey {
  return verifierKey(`argus/${broker}`, SIGNATURE_ED25519, publicKey);
}

/** The key of the cosignatures that a broker makes on the checkpoints of others. */
export function cosignerKeyOf(broker: string, publicKey: Uint8Array): VerifierKey {
  return verifierKey(`argus/${broker}`, SIGNATURE_COSIGNATURE, publicKey);
}

export function originOf(keyName: string, firstLeaf: string): string {
  return `${keyName}/${firstLeaf.slice(0, LOG_ID_DIGITS)}`;
}

export function checkpointText({ origin, size, root }: TreeHead): string {
  return `${origin}\n${size}\n${Buffer.from(root, 'hex').toString('base64')}\n`;
}

/** Null: not a checkpoint. Does not check the signatures. Never throws. */
export function parseCheckpoint(text: string): Checkpoint | null {
  const note = parseNote(text);
  if (note === null) return null;
  const [origin, size = '', root = '', ...extensions] = note.text.slice(0, -1).split('\n');
  const bytes = decodeBase64(root);
  if (origin === undefined || origin === '' || !/^(0|[1-9]\d{0,15})$/.test(size)) return null;
  if (bytes === null || bytes.length !== HASH_BYTES || extensions.includes('')) return null;
  return { origin, size: Number(size), root: bytes.toString('hex'), note };
}

/** Signs checkpoints with the broker's private key, which this code never sees. */
export interface CheckpointSigner {
  readonly key: VerifierKey;
  /** Ed25519 over the text's UTF-8 bytes. */
  sign(text: string): Promise<Uint8Array>;
}

export async function signCheckpoint(head: TreeHead, signer: CheckpointSigner): Promise<string> {
  const text = checkpointText(head);
  const { name, keyId } = signer.key;
  return formatNote({ text, signatures: [{ name, keyId, signature: await signer.sign(text) }] });
}

/** Splits a text that holds many notes. Each begins with its origin, after the signature lines of the previous note. */
export function splitNotes(text: string): readonly string[] {
  return text.split(/(?<=\n\u2014[^\n]*\n)(?!\u2014)/u).filter((note) => note !== '');
}
