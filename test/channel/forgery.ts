/**
 * Hellos and welcomes in which any part can be replaced, signed with keys that the test holds: what an attacker with a
 * genuine key, or none, could put on a carrier.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { encodeRecordHeader, type RecordType, WIRE_VERSION } from '../../broker/wire/index.ts';
import { generateEphemeral, type Identity } from '../../keys/index.ts';
import { assemble, makeTestKey, type TestKey } from '../keys/forge.ts';
import { BROKER } from './pair.ts';

export type Json = Readonly<Record<string, unknown>>;

/** One token: header, claims, and the key that signs both. */
export interface Token {
  readonly header: Json;
  readonly claims: Json;
  readonly key: TestKey;
  /** Instead of a signature by `key`, where a library would refuse to make this token. */
  readonly forge?: (header: Json, claims: unknown) => string | Promise<string>;
  /** Instead of the object of claims. */
  readonly payload?: string;
  /** The last word on the finished token. */
  readonly finish?: (token: string) => string;
}

export const AUTHORITY = await makeTestKey();
export const STRANGER = await makeTestKey();
const HOLDER = await makeTestKey();
const BROKER_KEY = await makeTestKey();
const seconds = Math.floor(Date.now() / 1000);

function credentialOf(name: string, role: string, holder: TestKey): Token {
  return {
    key: AUTHORITY,
    header: { typ: 'argus-credential+jwt' },
    claims: {
      iss: AUTHORITY.thumbprint,
      aud: 'argus',
      sub: name,
      role,
      cnf: { jkt: holder.thumbprint },
      iat: seconds,
      nbf: seconds,
      exp: seconds + 3600,
      jti: 'a-credential',
      gen: 1,
      rls: 0,
    },
  };
}

/** A domain's credential as the authority would sign it. */
export const CREDENTIAL: Token = credentialOf('a', 'domain', HOLDER);
/** A broker's. */
export const BROKERS_CREDENTIAL: Token = credentialOf('the-broker', 'broker', BROKER_KEY);

export const HELLO: Token = {
  key: HOLDER,
  header: { typ: 'argus-hello+jws', jwk: HOLDER.publicJwk },
  claims: {
    v: WIRE_VERSION,
    nonce: randomBytes(32).toString('base64url'),
    epk: Buffer.from(generateEphemeral().publicKey).toString('base64url'),
    suites: ['A256GCM', 'C20P'],
    broker: null,
  },
};

/** Without the two claims that come from the hello it answers. */
export const WELCOME: Token = {
  key: BROKER_KEY,
  header: { typ: 'argus-welcome+jws', jwk: BROKER_KEY.publicJwk },
  claims: {
    v: WIRE_VERSION,
    nonce: randomBytes(32).toString('base64url'),
    epk: Buffer.from(generateEphemeral().publicKey).toString('base64url'),
    suite: 'A256GCM',
  },
};

export async function write(token: Token): Promise<string> {
  const { header, claims, key, forge, payload, finish = (text) => text } = token;
  const content = payload ?? claims;
  return finish(await (forge === undefined ? key.sign(header, content) : forge(header, content)));
}

/** The record of a statement that carries the credential, unless its claims say otherwise. */
export async function recordOf(type: RecordType, statement: Token, credential: Token): Promise<Uint8Array> {
  const claims =
    'credential' in statement.claims ? statement.claims : { ...statement.claims, credential: await write(credential) };
  const body = Buffer.from(await write({ ...statement, claims }), 'latin1');
  return new Uint8Array(Buffer.concat([encodeRecordHeader(type, 0, 0, body.length), body]));
}

/** An end that trusts the authority whose key the test holds. */
export function trusting(identity: Identity): Identity {
  return {
    name: identity.name,
    role: identity.role,
    thumbprint: identity.thumbprint,
    publicJwk: identity.publicJwk,
    credentialJwt: identity.credentialJwt,
    credential: identity.credential,
    authority: AUTHORITY.anchor,
    signStatement: (typ, claims) => identity.signStatement(typ, claims),
    signNote: (text) => identity.signNote(text),
  };
}

export const TRUSTING_BROKER = trusting(BROKER);

// Changes to a token

export const header =
  (changes: Json) =>
  (token: Token): Token => ({ ...token, header: { ...token.header, ...changes } });

export const claims =
  (changes: Json) =>
  (token: Token): Token => ({ ...token, claims: { ...token.claims, ...changes } });

export const without =
  (name: string) =>
  (token: Token): Token => ({ ...token, claims: { ...token.claims, [name]: undefined } });

export const finished =
  (finish: (token: string) => string) =>
  (token: Token): Token => ({ ...token, finish });

/** Replaces one of the three parts. */
export const part =
  (index: number, change: (text: string) => string) =>
  (token: Token): Token => ({
    ...token,
    finish: (text) =>
      text
        .split('.')
        .map((each, at) => (at === index ? change(each) : each))
        .join('.'),
  });

export const signedBy =
  (key: TestKey) =>
  (token: Token): Token => ({ ...token, key });

/** A header that names another algorithm, with a signature of its own or of the genuine key's. */
export const algorithm =
  (alg: unknown, signature: (input: string, token: Token) => Uint8Array = () => randomBytes(64)) =>
  (token: Token): Token => ({
    ...token,
    forge: (fields, body) => {
      const unsigned = assemble({ ...fields, alg }, body, '');
      const input = unsigned.slice(0, -1);
      return `${unsigned}${Buffer.from(signature(input, token)).toString('base64url')}`;
    },
  });

/** Signed with the genuine key where the library that signs would refuse the header. */
export const genuine = (token: Token): Token => ({
  ...token,
  forge: async (fields, body) => {
    const unsigned = assemble({ ...fields, alg: 'Ed25519' }, body, '');
    return `${unsigned}${Buffer.from(await token.key.signBytes(unsigned.slice(0, -1))).toString('base64url')}`;
  },
});

/** The oldest confusion: a MAC under bytes that everybody knows. 64 bytes, so that its form is that of a signature. */
export const macUnder = (secret: (token: Token) => Uint8Array) =>
  algorithm('HS256', (input, token) => {
    const mac = createHmac('sha256', secret(token)).update(input).digest();
    return Buffer.concat([mac, mac]);
  });

/** The order of the Ed25519 group, little-endian (RFC 8032 §5.1). */
const ORDER = Buffer.from('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010', 'hex');

/** The other number that satisfies the equation of a signature, which RFC 8032 §5.1.7 forbids. */
export function malleated(signature: string): string {
  const bytes = Buffer.from(signature, 'base64url');
  let carry = 0;
  for (let index = 0; index < 32; index++) {
    const sum = (bytes[32 + index] ?? 0) + (ORDER[index] ?? 0) + carry;
    bytes[32 + index] = sum & 0xff;
    carry = sum >>> 8;
  }
  return bytes.toString('base64url');
}
