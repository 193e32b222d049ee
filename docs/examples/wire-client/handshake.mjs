/** The domain's side of the handshake. See "Handshake" in docs/wire.md. */
import { createHash, createPublicKey, diffieHellman, generateKeyPairSync, randomBytes } from 'node:crypto';
import { assert, readStatement, signStatement } from './identity.mjs';
import { encodeHeader, hkdfExpand, hkdfExtract, Opener, RecordType, Sealer, SUITES } from './records.mjs';

const WELCOME_MEMBERS = ['credential', 'domain', 'epk', 'hello', 'nonce', 'suite', 'v'];

/** A hello record, and what is needed to understand the answer. `broker` null: any broker of the authority. */
export function makeHello(identity, { broker = null, suites = Object.keys(SUITES) } = {}) {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  const statement = signStatement(identity, 'argus-hello+jws', {
    v: 2,
    nonce: randomBytes(32).toString('base64url'),
    epk: publicKey.export({ format: 'jwk' }).x,
    suites,
    broker,
    credential: identity.credential,
  });
  const body = Buffer.from(statement, 'latin1');
  const record = Buffer.concat([encodeHeader(RecordType.hello, 0, 0, body.length), body]);
  return { record, privateKey, broker, suites };
}

/** Keys of both directions from the broker's answer. Throws when the answer is not good. */
export function acceptWelcome(identity, hello, { header, body }) {
  const statement = body.toString('latin1');
  const { claims, credential } = readStatement(statement, 'argus-welcome+jws', 'broker', identity.authority);
  assert(Object.keys(claims).sort().join() === WELCOME_MEMBERS.join() && claims.v === 2, 'not such a welcome');
  assert(hello.broker === null || credential.sub === hello.broker, 'another broker has answered');
  assert(claims.domain === identity.name, 'the welcome is for another domain');
  assert(claims.hello === sha256(hello.record).toString('base64url'), 'the welcome answers another hello');
  assert(hello.suites.includes(claims.suite), 'a suite that was not offered');
  const other = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'X25519', x: claims.epk } });
  const shared = diffieHellman({ privateKey: hello.privateKey, publicKey: other });
  assert(
    shared.some((byte) => byte !== 0),
    'a key of low order',
  );
  const secret = hkdfExtract(sha256(hello.record, header, body), shared);
  const toBroker = hkdfExpand(secret, 'argus v1 to-broker secret', 32);
  const toDomain = hkdfExpand(secret, 'argus v1 to-domain secret', 32);
  return {
    suite: claims.suite,
    sealer: new Sealer(claims.suite, toBroker),
    opener: new Opener(claims.suite, toDomain),
    ourCommitment: hkdfExpand(toBroker, 'argus v1 commitment', 32),
    brokersCommitment: hkdfExpand(toDomain, 'argus v1 commitment', 32),
  };
}

function sha256(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
