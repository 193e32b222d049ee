/**
 * Signed notes (c2sp.org/signed-note): a text, an empty line, and lines `— NAME base64(key id || signature)`. Pure.
 *
 * Two of the format's signature types are read: 0x01, an Ed25519 signature of the text, and 0x04, a witness's
 * timestamped cosignature of a checkpoint (c2sp.org/tlog-cosignature).
 */
import { createPublicKey, hash, verify } from 'node:crypto';

export const SIGNATURE_ED25519 = 0x01;
export const SIGNATURE_COSIGNATURE = 0x04;

const KEY_ID_BYTES = 4;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const TIMESTAMP_BYTES = 8;
/** A note with more signatures is refused. The format requires support for at least 16. */
const MAX_SIGNATURES = 64;
const MAX_NOTE_CHARACTERS = 64 * 1024;
const DASH = '\u2014 ';

export interface NoteSignature {
  readonly name: string;
  /** Eight hexadecimal digits. */
  readonly keyId: string;
  readonly signature: Uint8Array;
}

export interface Note {
  /** The signed text, with its last newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** A public key under a name: `NAME+KEYID+base64(type || key)`. */
export interface VerifierKey {
  readonly name: string;
  readonly keyId: string;
  readonly type: typeof SIGNATURE_ED25519 | typeof SIGNATURE_COSIGNATURE;
  readonly publicKey: Uint8Array;
}

/** Null: not a note. Never throws, whatever the text. */
export function parseNote(note: string): Note | null {
  if (note.length > MAX_NOTE_CHARACTERS || !note.endsWith('\n') || hasControl(note)) return null;
  const border = note.lastIndexOf('\n\n');
  if (border < 0) return null;
  const lines = note.slice(border + 2, -1).split('\n');
  if (lines.length > MAX_SIGNATURES) return null;
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const signature = parseSignatureLine(line);
    if (signature === null) return null;
    signatures.push(signature);
  }
  return { text: note.slice(0, border + 1), signatures };
}

/** Null: not a signature line. */
export function parseSignatureLine(line: string): NoteSignature | null {
  const [name, encoded, ...more] = line.startsWith(DASH) ? line.slice(DASH.length).split(' ') : [];
  if (name === undefined || encoded === undefined || more.length > 0 || !isKeyName(name)) return null;
  const bytes = decodeBase64(encoded);
  if (bytes === null || bytes.length <= KEY_ID_BYTES) return null;
  return { name, keyId: bytes.toString('hex', 0, KEY_ID_BYTES), signature: bytes.subarray(KEY_ID_BYTES) };
}

export function formatNote({ text, signatures }: Note): string {
  return `${text}\n${signatures.map(formatSignatureLine).join('')}`;
}

export function formatSignatureLine({ name, keyId, signature }: NoteSignature): string {
  return `${DASH}${name} ${Buffer.concat([Buffer.from(keyId, 'hex'), signature]).toString('base64')}\n`;
}

export function verifierKey(name: string, type: VerifierKey['type'], publicKey: Uint8Array): VerifierKey {
  const bytes = Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([type]), publicKey]);
  return { name, keyId: hash('sha256', bytes, 'hex').slice(0, 2 * KEY_ID_BYTES), type, publicKey };
}

/** Null: not a verifier key, a key of an unsupported type, or a key id that does not match the key. */
export function parseVerifierKey(text: string): VerifierKey | null {
  const [, name = '', keyId, encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim()) ?? [];
  const bytes = decodeBase64(encoded);
  const type = bytes?.[0];
  if (bytes === null || bytes.length !== 1 + PUBLIC_KEY_BYTES || !isKeyName(name)) return null;
  if (type !== SIGNATURE_ED25519 && type !== SIGNATURE_COSIGNATURE) return null;
  const key = verifierKey(name, type, bytes.subarray(1));
  return key.keyId === keyId ? key : null;
}

export function formatVerifierKey({ name, keyId, type, publicKey }: VerifierKey): string {
  return `${name}+${keyId}+${Buffer.concat([Buffer.from([type]), publicKey]).toString('base64')}`;
}

/** `absent`: no signature by this key. `bad`: the signature by this key is false; refuse the whole note. */
export function verifyNote(note: Note, key: VerifierKey): 'verified' | 'absent' | 'bad' {
  const own = note.signatures.filter(({ name, keyId }) => name === key.name && keyId === key.keyId);
  if (own.length === 0) return 'absent';
  return own.every(({ signature }) => isSignedBy(note.text, signature, key)) ? 'verified' : 'bad';
}

/** The time at which the witness of a verified cosignature signed, seconds since 1970. Null: no cosignature. */
export function cosignedAt(note: Note, key: VerifierKey): number | null {
  const own = note.signatures.find(({ name, keyId }) => name === key.name && keyId === key.keyId);
  if (own === undefined || key.type !== SIGNATURE_COSIGNATURE) return null;
  return Number(Buffer.from(own.signature).readBigUInt64BE(0));
}

/** The message that a witness signs: its time and the note's text. */
export function cosignedMessage(text: string, seconds: number): string {
  return `cosignature/v1\ntime ${seconds}\n${text}`;
}

export function cosignature(seconds: number, signature: Uint8Array): Uint8Array {
  const timestamp = Buffer.alloc(TIMESTAMP_BYTES);
  timestamp.writeBigUInt64BE(BigInt(seconds));
  return Buffer.concat([timestamp, signature]);
}

function isSignedBy(text: string, signature: Uint8Array, key: VerifierKey): boolean {
  if (key.type === SIGNATURE_ED25519) return isEd25519(text, signature, key.publicKey);
  if (signature.length !== TIMESTAMP_BYTES + SIGNATURE_BYTES) return false;
  const seconds = Number(Buffer.from(signature).readBigUInt64BE(0));
  return isEd25519(cosignedMessage(text, seconds), signature.subarray(TIMESTAMP_BYTES), key.publicKey);
}

function isEd25519(message: string, signature: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false;
  const x = Buffer.from(publicKey).toString('base64url');
  return verify(
    null,
    Buffer.from(message),
    createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } }),
    signature,
  );
}

function isKeyName(name: string): boolean {
  return name.length > 0 && !/[\s+]/u.test(name);
}

function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 && code !== 0x0a) return true;
  }
  return false;
}

/** Null unless the text is the canonical base64 of its bytes. Buffer's own decoder skips unknown characters. */
export function decodeBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length > 0 && bytes.toString('base64') === text ? bytes : null;
}
