/** Key files: one JWK per file. A message never quotes the content, because it may be a private key. */
import { KeyError } from '../base/index.ts';
import {
  holderNameOf,
  importTrustAnchor,
  isPrivateJwk,
  type PrivateJwk,
  type PublicJwk,
  parsePrivateJwk,
  parsePublicJwk,
  SigningKey,
  type TrustAnchor,
} from '../credential/index.ts';
import { openStored } from './at-rest/sealed-keys.ts';
import { type FileTrust, isPresent, readKeyFile } from './key-files.ts';
import type { IdentityLayout } from './layout.ts';

interface NamedPublicJwk {
  readonly publicJwk: PublicJwk;
  /** The name that enrolment stored as `kid`, or null. */
  readonly holder: string | null;
}

interface NamedSigningKey {
  readonly key: SigningKey;
  readonly holder: string | null;
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, '')); // some editors begin a file with a byte order mark
  } catch {
    // no cause: the parser's message quotes its input
    throw new KeyError('ERR_KEY_FILE_CONTENT', `"${path}" is not JSON; expected an Ed25519 key as JWK`);
  }
}

/** @throws KeyError ERR_KEY_PRIVATE_GIVEN for a private key, ERR_KEY_FILE_… otherwise */
export async function readPublicJwk(path: string, trust: FileTrust, hint: string): Promise<NamedPublicJwk> {
  const value = parseJson(path, await readKeyFile(path, trust, hint));
  if (isPrivateJwk(value))
    throw new KeyError(
      'ERR_KEY_PRIVATE_GIVEN',
      `"${path}" holds a private key where a public one belongs; use the file that ends in .pub.jwk, and do not copy this one`,
    );
  const publicJwk = parsePublicJwk(value);
  if (publicJwk === null)
    throw new KeyError('ERR_KEY_FILE_CONTENT', `"${path}" is not a public Ed25519 JWK (kty "OKP", crv "Ed25519", x)`);
  return { publicJwk, holder: holderNameOf(value) };
}

/** @throws KeyError as `readPublicJwk` */
export async function readTrustAnchor(path: string, trust: FileTrust, hint: string): Promise<TrustAnchor> {
  const { publicJwk } = await readPublicJwk(path, trust, hint);
  const anchor = await importTrustAnchor(publicJwk);
  if (anchor === null) throw new KeyError('ERR_KEY_FILE_CONTENT', `"${path}" is not the public key of an authority`);
  return anchor;
}

/** @throws KeyError ERR_KEY_FILE_… */
export async function readSigningKey(path: string, hint: string): Promise<NamedSigningKey> {
  const value = await openStored(path, parseJson(path, await readKeyFile(path, 'private', hint)));
  const jwk = parsePrivateJwk(value);
  const key = jwk === null ? null : await SigningKey.fromPrivateJwk(jwk);
  if (key === null)
    throw new KeyError(
      'ERR_KEY_FILE_CONTENT',
      `"${path}" is not a private Ed25519 JWK (kty "OKP", crv "Ed25519", x, d, the one belonging to the other)`,
    );
  return { key, holder: holderNameOf(value) };
}

/**
 * The holder's key. While a rotation is under way there are two, and the credential names the one in use. The credential
 * is read first: a rotation that is completed meanwhile moves the named key from the second file to the first.
 */
export async function readHolderKey(
  { privateKey, nextKey }: Pick<IdentityLayout, 'privateKey' | 'nextKey'>,
  thumbprint: string,
  hint: string,
): Promise<NamedSigningKey> {
  if (await isPresent(nextKey)) {
    const next = await readSigningKey(nextKey, hint).catch(missingAsNull);
    if (next?.key.thumbprint === thumbprint) return next;
  }
  return readSigningKey(privateKey, hint);
}

function missingAsNull(error: unknown): null {
  if (error instanceof KeyError && error.code === 'ERR_KEY_FILE_MISSING') return null;
  throw error;
}

/** JSON on one line. `kid` is the holder's name, so that mixed-up files are noticed. */
export function formatJwk(jwk: PublicJwk | PrivateJwk, holder?: string): string {
  return `${JSON.stringify(holder === undefined ? jwk : { ...jwk, kid: holder })}\n`;
}
