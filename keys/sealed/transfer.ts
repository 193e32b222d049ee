/**
 * A transfer: the files of a directory of keys in one JWE (RFC 7516) for the X25519 key of another host (RFC 8037 §3.2).
 *
 * Such a file does not prove who made it: anybody can seal for a public key. So the receiver names the key that it
 * expects to find inside.
 */
import { CompactEncrypt, calculateJwkThumbprint, compactDecrypt, exportJWK, generateKeyPair, importJWK } from 'jose';
import * as z from 'zod';
import { X25519_BYTES } from '../base/index.ts';
import { type Backup, CONTENT, parseBackup } from './backup.ts';

const TRANSFER_TYPE = 'argus-transfer+jwe';
const KEY_MANAGEMENT = 'ECDH-ES+A256KW';

const bytes = z
  .string()
  .length(43)
  .refine((text) => {
    const decoded = Buffer.from(text, 'base64url');
    return decoded.length === X25519_BYTES && decoded.toString('base64url') === text;
  });
const publicKey = z.object({ kty: z.literal('OKP'), crv: z.literal('X25519'), x: bytes, d: z.undefined().optional() });
const privateKey = z.object({ kty: z.literal('OKP'), crv: z.literal('X25519'), x: bytes, d: bytes });

/** Of the host that receives. */
export interface TransferKey {
  readonly kty: 'OKP';
  readonly crv: 'X25519';
  readonly x: string;
}

/** @returns just the three members; null for anything else, a private key included */
export function parseTransferKey(value: unknown): TransferKey | null {
  const parsed = publicKey.safeParse(value).data;
  return parsed === undefined ? null : { kty: parsed.kty, crv: parsed.crv, x: parsed.x };
}

/** A new pair: `text` is the private key for its file. */
export async function makeTransferKey(): Promise<{ readonly text: string; readonly publicJwk: TransferKey }> {
  const pair = await generateKeyPair(KEY_MANAGEMENT, { crv: 'X25519', extractable: true });
  const jwk = privateKey.parse(await exportJWK(pair.privateKey));
  return { text: `${JSON.stringify(jwk)}\n`, publicJwk: { kty: jwk.kty, crv: jwk.crv, x: jwk.x } };
}

/** RFC 7638. */
export function transferThumbprint({ kty, crv, x }: TransferKey): Promise<string> {
  return calculateJwkThumbprint({ kty, crv, x }, 'sha256');
}

export async function sealTransfer(content: Backup, recipient: TransferKey): Promise<string> {
  return new CompactEncrypt(Buffer.from(JSON.stringify(content), 'utf8'))
    .setProtectedHeader({ alg: KEY_MANAGEMENT, enc: CONTENT, typ: TRANSFER_TYPE })
    .encrypt(await importJWK({ ...recipient }, KEY_MANAGEMENT));
}

/** @returns null when it is for another key, was changed or cut short, or is something else */
export async function openTransfer(jwe: string, key: unknown): Promise<Backup | null> {
  const jwk = privateKey.safeParse(key).data;
  if (jwk === undefined) return null;
  try {
    const { plaintext, protectedHeader } = await compactDecrypt(jwe, await importJWK(jwk, KEY_MANAGEMENT), {
      keyManagementAlgorithms: [KEY_MANAGEMENT],
      contentEncryptionAlgorithms: [CONTENT],
    });
    return protectedHeader.typ === TRANSFER_TYPE ? parseBackup(plaintext) : null;
  } catch {
    return null; // jose throws one error for all of it, without a reason
  }
}
