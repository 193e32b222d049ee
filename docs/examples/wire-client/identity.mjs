/** Keys on disk, compact JWS with Ed25519, and credentials. See "Handshake" in docs/wire.md and docs/keys.md. */
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const MAX_TOKEN_CHARACTERS = 8192;
const CLOCK_TOLERANCE_SECONDS = 60;
/** Three parts; the signature has 86 characters, and its four spare bits are 0. */
const COMPACT_FORM = /^[\w-]+\.[\w-]+\.[\w-]{85}[AQgw]$/;

/** RFC 7638: the members in this order, without blanks. */
export function thumbprint({ crv, kty, x }) {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url');
}

/** Reads the four files that `argus keys install` leaves in a directory. */
export function loadIdentity(directory) {
  const read = (file) => readFileSync(join(directory, file), 'utf8').trim();
  const { kty, crv, x, d } = JSON.parse(read('key.jwk'));
  const authority = publicJwk(JSON.parse(read('authority.jwk')));
  const credential = read('credential.jwt');
  return {
    name: decodePart(credential, 1).sub,
    jwk: { kty, crv, x },
    privateKey: createPrivateKey({ format: 'jwk', key: { kty, crv, x, d } }),
    credential,
    authority,
  };
}

/** A statement of this type with these claims. */
export function signStatement({ jwk, privateKey }, typ, claims) {
  const header = { alg: 'Ed25519', typ, jwk };
  const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`;
}

/** The claims of a statement, and the verified credential of its signer. Throws when anything is wrong. */
export function readStatement(jws, typ, role, authority, now = Date.now()) {
  assert(COMPACT_FORM.test(jws) && jws.length <= MAX_TOKEN_CHARACTERS, 'not a compact JWS');
  const credential = readCredential(decodePart(jws, 1).credential, role, authority, now);
  const header = decodePart(jws, 0);
  assert(header.alg === 'Ed25519' && header.typ === typ && header.crit === undefined, 'not such a statement');
  const jwk = publicJwk(header.jwk);
  assert(thumbprint(jwk) === credential.cnf.jkt, 'the signer is not the holder of the credential');
  assert(isSignedBy(jws, jwk), 'the signature is wrong');
  return { claims: decodePart(jws, 1), credential };
}

function readCredential(jwt, role, authority, now) {
  assert(typeof jwt === 'string' && COMPACT_FORM.test(jwt) && jwt.length <= MAX_TOKEN_CHARACTERS, 'no credential');
  const { alg, typ } = decodePart(jwt, 0);
  assert(alg === 'Ed25519' && typ === 'argus-credential+jwt', 'not a credential');
  assert(isSignedBy(jwt, authority), 'the credential is not signed by our authority');
  const claims = decodePart(jwt, 1);
  const seconds = now / 1000;
  assert(claims.iss === thumbprint(authority) && claims.aud === 'argus', 'the credential is for something else');
  assert(claims.exp + CLOCK_TOLERANCE_SECONDS > seconds, 'the credential has expired');
  assert(Math.max(claims.nbf, claims.iat) - CLOCK_TOLERANCE_SECONDS <= seconds, 'the credential is of the future');
  assert(claims.role === role, `the credential is not that of a ${role}`);
  return claims;
}

/** Exactly the members that count. A private key in the place of a public one is refused. */
function publicJwk(jwk) {
  assert(jwk?.kty === 'OKP' && jwk.crv === 'Ed25519' && /^[\w-]{43}$/.test(jwk.x), 'not an Ed25519 public key');
  assert(!('d' in jwk), 'a private key where a public one belongs');
  return { kty: jwk.kty, crv: jwk.crv, x: jwk.x };
}

function isSignedBy(token, jwk) {
  const end = token.lastIndexOf('.');
  const key = createPublicKey({ format: 'jwk', key: jwk });
  return verify(null, Buffer.from(token.slice(0, end)), key, Buffer.from(token.slice(end + 1), 'base64url'));
}

function decodePart(token, index) {
  return JSON.parse(Buffer.from(token.split('.')[index] ?? '', 'base64url').toString('utf8'));
}

export function assert(condition, message) {
  if (!condition) throw new Error(message);
}
