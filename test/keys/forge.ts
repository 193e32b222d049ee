/** Tokens that only a test would make: any header and claims, signed by a key the test holds. */
import { CompactSign, exportJWK, generateKeyPair } from 'jose';
import { type PublicJwk, parsePublicJwk, thumbprintOf } from '../../keys/credential/jwk.ts';
import { importTrustAnchor, type TrustAnchor } from '../../keys/credential/trust-anchor.ts';

export interface TestKey {
  readonly publicJwk: PublicJwk;
  readonly thumbprint: string;
  readonly anchor: TrustAnchor;
  /** `alg` is Ed25519 unless the header says otherwise. */
  sign(header: Readonly<Record<string, unknown>>, payload: unknown): Promise<string>;
  /** The bare signature of a text. */
  signBytes(text: string): Promise<Uint8Array>;
}

export async function makeTestKey(): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKeyPair('Ed25519');
  const publicJwk = parsePublicJwk(await exportJWK(publicKey));
  const anchor = await importTrustAnchor(publicJwk);
  if (publicJwk === null || anchor === null) throw new Error('a generated key is no Ed25519 key');
  return {
    publicJwk,
    thumbprint: await thumbprintOf(publicJwk),
    anchor,
    sign: (header, payload) =>
      new CompactSign(Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)))
        .setProtectedHeader({ alg: 'Ed25519', ...header })
        .sign(privateKey),
    signBytes: async (text) => new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, Buffer.from(text))),
  };
}

/** A token of these parts as they stand; the signature is what the test wants it to be. */
export function assemble(header: unknown, payload: unknown, signature: string): string {
  const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  return `${encode(header)}.${encode(payload)}.${signature}`;
}

/** The code of what `act` throws, or a phrase when it throws nothing. */
export async function codeOf(act: () => unknown): Promise<unknown> {
  try {
    await act();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return 'nothing was thrown';
}

/** The test's share of the fuzz budget: the folder keys/ has two such tests. */
export const FUZZ_SHARE_SECONDS = Number(process.env.FUZZ_SECONDS ?? 5) / 2;
