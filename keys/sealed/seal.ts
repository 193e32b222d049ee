/**
 * A private key at rest: XChaCha20-Poly1305 under a key that scrypt makes of a passphrase.
 *
 * The file is JSON, so that a person sees what it is. Everything in it but the ciphertext is the additional data: a file
 * whose parameters were edited does not open. A wrong passphrase and an edited file look alike, on purpose.
 */
import { scrypt } from 'node:crypto';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import * as z from 'zod';
import { MAX_SCRYPT_COST, MIN_SCRYPT_COST, SCRYPT_COST, SEAL_NONCE_BYTES, SEAL_SALT_BYTES } from '../base/index.ts';

const SCRYPT_BLOCK = 8;
const KEY_BYTES = 32;
/** scrypt takes 128 · cost · block bytes; twice that is room enough. */
const memoryOf = (cost: number): number => 256 * cost * SCRYPT_BLOCK;

const exactly = (length: number) =>
  z.base64url().refine((text) => Buffer.from(text, 'base64url').length === length, `expected ${length} bytes`);

const sealedFile = z.strictObject({
  sealed: z.literal('argus key v1'),
  /** Of scrypt, a power of two; bounded, because the file chooses what opening it costs. */
  cost: z
    .int()
    .min(MIN_SCRYPT_COST)
    .max(MAX_SCRYPT_COST)
    .refine((cost) => (cost & (cost - 1)) === 0),
  salt: exactly(SEAL_SALT_BYTES),
  nonce: exactly(SEAL_NONCE_BYTES),
  ciphertext: z.base64url(),
});

type SealedFile = z.output<typeof sealedFile>;

/** True for what calls itself a sealed key, in order or not. */
export function isSealed(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'sealed' in value;
}

/** @returns JSON on one line */
export async function sealText(
  text: string,
  passphrase: string,
  randomBytes: (length: number) => Uint8Array,
  cost = SCRYPT_COST,
): Promise<string> {
  const head = {
    sealed: 'argus key v1',
    cost,
    salt: Buffer.from(randomBytes(SEAL_SALT_BYTES)).toString('base64url'),
    nonce: Buffer.from(randomBytes(SEAL_NONCE_BYTES)).toString('base64url'),
  } as const;
  const key = await keyOf(passphrase, head);
  const sealed = xchacha20poly1305(key, bytesOf(head.nonce), dataOf(head)).encrypt(Buffer.from(text, 'utf8'));
  key.fill(0);
  return `${JSON.stringify({ ...head, ciphertext: Buffer.from(sealed).toString('base64url') })}\n`;
}

export type Unsealed =
  | { readonly ok: true; readonly text: string }
  /** `FORM`: not such a file, or of a later version. `CLOSED`: the passphrase is wrong, or the file was changed. */
  | { readonly ok: false; readonly reason: 'FORM' | 'CLOSED' };

export async function openSealed(value: unknown, passphrase: string): Promise<Unsealed> {
  const parsed = sealedFile.safeParse(value);
  if (!parsed.success) return { ok: false, reason: 'FORM' };
  const { ciphertext, ...head } = parsed.data;
  const key = await keyOf(passphrase, head);
  try {
    const opened = xchacha20poly1305(key, bytesOf(head.nonce), dataOf(head)).decrypt(bytesOf(ciphertext));
    return { ok: true, text: Buffer.from(opened).toString('utf8') };
  } catch {
    return { ok: false, reason: 'CLOSED' }; // noble throws for a tag that does not match
  } finally {
    key.fill(0);
  }
}

type Head = Omit<SealedFile, 'ciphertext'>;

function keyOf(passphrase: string, { salt, cost }: Head): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { N: cost, r: SCRYPT_BLOCK, p: 1, maxmem: memoryOf(cost) };
    scrypt(passphrase.normalize('NFKC'), bytesOf(salt), KEY_BYTES, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

function dataOf({ sealed, cost, salt, nonce }: Head): Uint8Array {
  return Buffer.from(`${sealed}|${cost}|${salt}|${nonce}`, 'utf8');
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'base64url'));
}
