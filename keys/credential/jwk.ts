/** Ed25519 keys as JWK (RFC 8037): the only kind of signing key that Argus uses. */
import { calculateJwkThumbprint } from 'jose';
import * as z from 'zod';
import { ED25519_KEY_BYTES } from '../base/index.ts';
import { NAME_PATTERN } from './names.ts';

/** Exactly the members that the thumbprint covers (RFC 7638 §3.2, RFC 8037 §2). */
export interface PublicJwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  /** base64url of 32 bytes, 43 characters. */
  readonly x: string;
}

/** @internal Never leaves keys/: it is read from a file, turned into a SigningKey, and dropped. */
export interface PrivateJwk extends PublicJwk {
  readonly d: string;
}

/** Only the canonical form: a second base64url form of the same bytes would have another thumbprint. */
const keyBytes = z
  .string()
  .length(43)
  .refine((text) => {
    const bytes = Buffer.from(text, 'base64url');
    return bytes.length === ED25519_KEY_BYTES && bytes.toString('base64url') === text;
  });

const okp = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: keyBytes });

/** RFC 7517 §4.2-4.4: a key that states another purpose than this kind of signature is refused. */
const purpose = (operation: 'sign' | 'verify') => ({
  use: z.literal('sig').optional(),
  alg: z.enum(['Ed25519', 'EdDSA']).optional(),
  key_ops: z
    .array(z.string())
    .refine((operations) => operations.includes(operation))
    .optional(),
});
const publicJwk = okp.extend(purpose('verify')).transform(({ kty, crv, x }) => ({ kty, crv, x }));
const privateJwk = okp
  .extend({ d: keyBytes, ...purpose('sign') })
  .transform(({ kty, crv, x, d }) => ({ kty, crv, x, d }));
const holderName = z.object({ kid: z.string().regex(NAME_PATTERN) });

/** @returns a fresh object of just the three members, or null */
export function parsePublicJwk(value: unknown): PublicJwk | null {
  return publicJwk.safeParse(value).data ?? null;
}

export function parsePrivateJwk(value: unknown): PrivateJwk | null {
  return privateJwk.safeParse(value).data ?? null;
}

/** True for any object with a private member, valid or not. Such a file is an error where a public key is expected. */
export function isPrivateJwk(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'd' in value;
}

/** The holder's name, which enrolment stored as `kid`. It is a hint against mixed-up files, not evidence. */
export function holderNameOf(value: unknown): string | null {
  return holderName.safeParse(value).data?.kid ?? null;
}

/** RFC 7638, SHA-256, 43 characters. */
export function thumbprintOf(jwk: PublicJwk): Promise<string> {
  return calculateJwkThumbprint({ kty: jwk.kty, crv: jwk.crv, x: jwk.x }, 'sha256');
}
