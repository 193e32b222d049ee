/**
 * The handshake as a table: each row changes one thing in a good hello or welcome, and states the outcome. The rows are
 * attacks that were tried with an independent client: confused algorithms, missing or odd claims, points of low order,
 * statements bound to another party, and replayed statements.
 */
import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { answerHello, beginHello, type HandshakeFault } from '../../broker/channel/handshake.ts';
import { RecordType } from '../../broker/wire/index.ts';
import {
  AUTHORITY,
  algorithm,
  BROKERS_CREDENTIAL,
  CREDENTIAL,
  claims,
  finished,
  genuine,
  HELLO,
  header,
  macUnder,
  malleated,
  part,
  recordOf,
  STRANGER,
  signedBy,
  type Token,
  TRUSTING_BROKER,
  trusting,
  WELCOME,
  without,
  write,
} from './forgery.ts';
import { CONTEXT, DOMAIN, recordFrom } from './pair.ts';

const SUITES = ['A256GCM', 'C20P'] as const;
const NOW = Math.floor(Date.now() / 1000);
/** The clock stands still, because a slow machine may take longer for the table than a row allows. */
const STANDING = { ...CONTEXT, wallClock: () => NOW * 1000 };
type Outcome = HandshakeFault | 'let in';
type Change = (token: Token) => Token;
type Row = readonly [label: string, outcome: Outcome, change: Change];

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const jwk = (changes: object): Change => header({ jwk: { ...HELLO.key.publicJwk, ...changes } });
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64url');
const spare = (signature: string): string => `${signature.slice(0, -1)}${SPARE[signature.slice(-1)] ?? 'B'}`;
/** The same bytes with a spare bit set. */
const SPARE: Readonly<Record<string, string>> = { A: 'B', Q: 'R', g: 'h', w: 'x' };

/** Rows for any signed token: the outcomes for a bad signature, for text that is not a token, and for no text. */
function tokenRows(bad: Outcome, none: Outcome, nothing: Outcome): readonly Row[] {
  return [
    ['alg none', none, algorithm('none', () => new Uint8Array(0))],
    ['alg none with a signature', none, algorithm('none')],
    ['alg NONE', none, algorithm('NONE')],
    ['HS256 under the public key', none, macUnder(({ key }) => Buffer.from(key.publicJwk.x, 'base64url'))],
    ['HS256 under the key’s text', none, macUnder(({ key }) => Buffer.from(key.publicJwk.x))],
    ['HS256 under its JWK', none, macUnder(({ key }) => Buffer.from(JSON.stringify(key.publicJwk)))],
    ['HS256 under nothing', none, macUnder(() => new Uint8Array(0))],
    ['the polymorphic EdDSA', none, algorithm('EdDSA')],
    ['Ed448', none, algorithm('Ed448')],
    ['ES256', none, algorithm('ES256')],
    ['RS256', none, algorithm('RS256')],
    ['PS512', none, algorithm('PS512')],
    ['the algorithm in another case', none, algorithm('ed25519')],
    ['no algorithm', none, algorithm(undefined)],
    ['a list of algorithms', none, algorithm(['Ed25519'])],
    ['an algorithm that is null', none, algorithm(null)],
    ['the right algorithm and a random signature', bad, algorithm('Ed25519')],
    ['a signature of zeros', bad, algorithm('Ed25519', () => new Uint8Array(64))],
    ['the other form of the signature', bad, part(2, malleated)],
    ['half a signature', none, part(2, (text) => text.slice(0, 43))],
    ['no signature', none, part(2, () => '')],
    ['a spare bit in the signature', none, part(2, spare)],
    ['padding', none, part(2, (text) => `${text}==`)],
    ['a blank in the middle', none, part(1, (text) => `${text.slice(0, 8)} ${text.slice(8)}`)],
    ['a line feed at the end', none, finished((text) => `${text}\n`)],
    ['two parts', none, finished((text) => text.split('.').slice(0, 2).join('.'))],
    ['four parts', none, finished((text) => `${text}.AAAA`)],
    ['five parts, as of a JWE', none, finished((text) => `${text}.AAAA.AAAA`)],
    ['nothing', nothing, finished(() => '')],
    ['more than 8192 characters', none, claims({ broker: null, jti: 'x'.repeat(8192) })],
    ['a header that is no JSON', none, part(0, () => 'AAAA')],
    ['a header that is a list', none, part(0, () => base64url(Buffer.from('[]')))],
    ['a critical extension', none, (token) => genuine(header({ crit: ['later'], later: 1 })(token))],
    [
      'a type of its own kind in capitals',
      none,
      (token) => header({ typ: String(token.header.typ).toUpperCase() })(token),
    ],
    ['no type', none, header({ typ: undefined })],
    ['the type JWT', none, header({ typ: 'JWT' })],
    ['a key id, which means nothing', 'let in', header({ kid: '../../etc/passwd' })],
    ['an address of keys, which nobody reads', 'let in', header({ jku: 'https://example.org/keys' })],
    ['a certificate, which nobody reads', 'let in', header({ x5c: ['AAAA'] })],
  ];
}

const CREDENTIALS: readonly Row[] = [
  ['as it is', 'let in', (token) => token],
  ...tokenRows('FOREIGN_AUTHORITY', 'MALFORMED', 'MALFORMED'),
  ['the type of a hello', 'MALFORMED', header({ typ: 'argus-hello+jws' })],
  ['signed by a stranger', 'FOREIGN_AUTHORITY', signedBy(STRANGER)],
  ['signed by its own holder', 'FOREIGN_AUTHORITY', signedBy(HELLO.key)],
  [
    'with the stranger’s key beside it',
    'FOREIGN_AUTHORITY',
    (token) => signedBy(STRANGER)(header({ jwk: STRANGER.publicJwk })(token)),
  ],
  ['in the name of another authority', 'FOREIGN_AUTHORITY', claims({ iss: STRANGER.thumbprint })],
  ...['iss', 'aud', 'sub', 'role', 'cnf', 'iat', 'nbf', 'exp', 'jti'].map(
    (name): Row => [`no ${name}`, 'MALFORMED', without(name)],
  ),
  ['no generation and no serial', 'let in', claims({ gen: undefined, rls: undefined })],
  ['a claim of a later version', 'let in', claims({ later: 1 })],
  ['an issuer that is a number', 'MALFORMED', claims({ iss: 7 })],
  ['another audience', 'WRONG_AUDIENCE', claims({ aud: 'argus-admin' })],
  ['a list of audiences', 'MALFORMED', claims({ aud: ['argus'] })],
  ['an empty name', 'MALFORMED', claims({ sub: '' })],
  ['a name in capitals', 'MALFORMED', claims({ sub: 'A' })],
  ['a name with a slash', 'MALFORMED', claims({ sub: 'a/../b' })],
  ['a name with a line feed', 'MALFORMED', claims({ sub: 'a\n' })],
  ['a name that looks like a label', 'MALFORMED', claims({ sub: '@app' })],
  ['a name of 64 characters', 'MALFORMED', claims({ sub: 'a'.repeat(64) })],
  ['a name with a letter that looks alike', 'MALFORMED', claims({ sub: '\u0430' })],
  ['the role of a broker', 'WRONG_ROLE', claims({ role: 'broker' })],
  ['the role of an admin', 'WRONG_ROLE', claims({ role: 'admin' })],
  ['the role of an auditor', 'WRONG_ROLE', claims({ role: 'auditor' })],
  ['the role of a witness', 'WRONG_ROLE', claims({ role: 'witness' })],
  ['a role that does not exist', 'MALFORMED', claims({ role: 'root' })],
  ['a list of roles', 'MALFORMED', claims({ role: ['domain'] })],
  ['no thumbprint', 'MALFORMED', claims({ cnf: {} })],
  ['a short thumbprint', 'MALFORMED', claims({ cnf: { jkt: 'AAAA' } })],
  ['another holder’s thumbprint', 'BAD_SIGNATURE', claims({ cnf: { jkt: STRANGER.thumbprint } })],
  ['expired', 'EXPIRED', claims({ iat: NOW - 7200, nbf: NOW - 7200, exp: NOW - 3600 })],
  ['expired a moment ago', 'let in', claims({ iat: NOW - 60, nbf: NOW - 60, exp: NOW - 1 })],
  ['of the future', 'NOT_YET_VALID', claims({ nbf: NOW + 600 })],
  ['issued in the future', 'NOT_YET_VALID', claims({ iat: NOW + 600 })],
  ['that ends before it begins', 'MALFORMED', claims({ nbf: NOW, exp: NOW })],
  ['an end that is a text', 'MALFORMED', claims({ exp: String(NOW + 3600) })],
  ['an end that is no whole number', 'MALFORMED', claims({ exp: NOW + 0.5 })],
  ['an end beyond all numbers', 'MALFORMED', claims({ exp: 1e300 })],
  ['a beginning before 1970', 'MALFORMED', claims({ nbf: -1 })],
  ['an empty id', 'MALFORMED', claims({ jti: '' })],
  ['a negative generation', 'MALFORMED', claims({ gen: -1 })],
  ['half a generation', 'MALFORMED', claims({ gen: 0.5 })],
  ['a serial that is a text', 'MALFORMED', claims({ rls: '0' })],
  ['claims that are null', 'MALFORMED', (token) => ({ ...token, payload: 'null' })],
  ['claims that are a list', 'MALFORMED', (token) => ({ ...token, payload: '[]' })],
  ['claims that are no JSON', 'MALFORMED', (token) => ({ ...token, payload: '{' })],
];

/**
 * Points of low order and their other spellings (RFC 7748 §7). The highest bit is ignored, so it gives one more
 * spelling.
 */
const LOW_ORDER: readonly string[] = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
].flatMap((point) => [point, `${point.slice(0, 62)}${(Number.parseInt(point.slice(62), 16) | 0x80).toString(16)}`]);

const HELLOS: readonly Row[] = [
  ['as it is', 'let in', (token) => token],
  ...tokenRows('BAD_SIGNATURE', 'BAD_SIGNATURE', 'MALFORMED_STATEMENT'),
  ['the type of a welcome', 'BAD_SIGNATURE', header({ typ: 'argus-welcome+jws' })],
  ['the type of a credential', 'BAD_SIGNATURE', header({ typ: 'argus-credential+jwt' })],
  ['no key', 'BAD_SIGNATURE', header({ jwk: undefined })],
  ['a key that is null', 'BAD_SIGNATURE', header({ jwk: null })],
  ['a list of keys', 'BAD_SIGNATURE', header({ jwk: [HELLO.key.publicJwk] })],
  ['a private key', 'BAD_SIGNATURE', jwk({ d: HELLO.key.publicJwk.x })],
  ['a key for encryption', 'BAD_SIGNATURE', jwk({ use: 'enc' })],
  ['a key that may only sign', 'BAD_SIGNATURE', jwk({ key_ops: ['sign'] })],
  ['a key for another algorithm', 'BAD_SIGNATURE', jwk({ alg: 'ES256' })],
  ['a key of another curve', 'BAD_SIGNATURE', jwk({ crv: 'X25519' })],
  ['a key of another type', 'BAD_SIGNATURE', jwk({ kty: 'EC' })],
  ['a short key', 'BAD_SIGNATURE', jwk({ x: 'AAAA' })],
  ['a key with padding', 'BAD_SIGNATURE', jwk({ x: `${HELLO.key.publicJwk.x}=` })],
  ['a key with further members', 'let in', jwk({ kid: 'a', use: 'sig', alg: 'Ed25519', key_ops: ['verify'] })],
  [
    'the stranger’s key and signature',
    'BAD_SIGNATURE',
    (token) => signedBy(STRANGER)(header({ jwk: STRANGER.publicJwk })(token)),
  ],
  ['the holder’s key and the stranger’s signature', 'BAD_SIGNATURE', signedBy(STRANGER)],
  [
    'signed by the authority itself',
    'BAD_SIGNATURE',
    (token) => signedBy(AUTHORITY)(header({ jwk: AUTHORITY.publicJwk })(token)),
  ],
  ...['v', 'nonce', 'epk', 'suites', 'broker'].map((name): Row => [`no ${name}`, 'MALFORMED_STATEMENT', without(name)]),
  ['a surplus member', 'MALFORMED_STATEMENT', claims({ admin: true })],
  ['a member that objects inherit', 'MALFORMED_STATEMENT', claims(JSON.parse('{"constructor": 1}'))],
  ['version 0', 'MALFORMED_STATEMENT', claims({ v: 0 })],
  ['the version before', 'NO_COMMON_VERSION', claims({ v: 1 })],
  ['a later version with members of its own', 'NO_COMMON_VERSION', claims({ v: 3, kem: 'ML-KEM-768' })],
  ['a version that is a text', 'MALFORMED_STATEMENT', claims({ v: '2' })],
  ['version one and a half', 'MALFORMED_STATEMENT', claims({ v: 1.5 })],
  ['a short nonce', 'MALFORMED_STATEMENT', claims({ nonce: 'AAAA' })],
  ['a long nonce', 'MALFORMED_STATEMENT', claims({ nonce: 'A'.repeat(44) })],
  ['a nonce of other characters', 'MALFORMED_STATEMENT', claims({ nonce: '+'.repeat(43) })],
  ['a nonce that is a number', 'MALFORMED_STATEMENT', claims({ nonce: 7 })],
  ['a short ephemeral key', 'MALFORMED_STATEMENT', claims({ epk: 'A'.repeat(42) })],
  ['a long ephemeral key', 'MALFORMED_STATEMENT', claims({ epk: 'A'.repeat(44) })],
  ...LOW_ORDER.map(
    (point): Row => [
      `an ephemeral key of low order ${point.slice(0, 6)}…${point.slice(-2)}`,
      'BAD_KEY',
      claims({ epk: base64url(Buffer.from(point, 'hex')) }),
    ],
  ),
  ['no suites', 'MALFORMED_STATEMENT', claims({ suites: [] })],
  ['suites that are a text', 'MALFORMED_STATEMENT', claims({ suites: 'A256GCM' })],
  ['unknown suites only', 'NO_COMMON_SUITE', claims({ suites: ['NULL', 'RC4'] })],
  ['an unknown suite first', 'let in', claims({ suites: ['ML-KEM', 'A256GCM'] })],
  ['a suite in another case', 'NO_COMMON_SUITE', claims({ suites: ['a256gcm'] })],
  ['the same suite twice', 'let in', claims({ suites: ['A256GCM', 'A256GCM'] })],
  ['17 suites', 'MALFORMED_STATEMENT', claims({ suites: Array(17).fill('A256GCM') })],
  ['a suite with a long name', 'MALFORMED_STATEMENT', claims({ suites: ['x'.repeat(33)] })],
  ['a suite that is an object', 'MALFORMED_STATEMENT', claims({ suites: [{}] })],
  ['this broker', 'let in', claims({ broker: 'the-broker' })],
  ['another broker', 'WRONG_BROKER', claims({ broker: 'other' })],
  ['a broker without a name', 'WRONG_BROKER', claims({ broker: '' })],
  ['a broker that is a number', 'MALFORMED_STATEMENT', claims({ broker: 7 })],
  ['no credential', 'MALFORMED_STATEMENT', claims({ credential: undefined })],
  ['a credential that is a number', 'MALFORMED_STATEMENT', claims({ credential: 7 })],
  ['a credential that is no token', 'MALFORMED', claims({ credential: 'x.y.z' })],
  ['a broker’s credential', 'WRONG_ROLE', claims({ credential: await write(BROKERS_CREDENTIAL) })],
];

const WELCOMES: readonly Row[] = [
  ['as it is', 'let in', (token) => token],
  ['of another domain', 'WRONG_PEER', claims({ domain: 'b' })],
  ['to another hello', 'WRONG_HELLO', claims({ hello: base64url(new Uint8Array(32)) })],
  ['with a suite that was not offered', 'NO_COMMON_SUITE', claims({ suite: 'C20P' })],
  ['with a suite that does not exist', 'MALFORMED_STATEMENT', claims({ suite: 'NULL' })],
  ['of another version', 'MALFORMED_STATEMENT', claims({ v: 1 })],
  ['with a surplus member', 'MALFORMED_STATEMENT', claims({ suites: ['A256GCM'] })],
  ...['v', 'nonce', 'epk', 'suite', 'hello', 'domain'].map(
    (name): Row => [`without ${name}`, 'MALFORMED_STATEMENT', without(name)],
  ),
  ...LOW_ORDER.map(
    (point): Row => [
      `with an ephemeral key of low order ${point.slice(0, 6)}…${point.slice(-2)}`,
      'BAD_KEY',
      claims({ epk: base64url(Buffer.from(point, 'hex')) }),
    ],
  ),
  ['with a private key', 'BAD_SIGNATURE', header({ jwk: { ...WELCOME.key.publicJwk, d: WELCOME.key.publicJwk.x } })],
  ['of the type of a hello', 'BAD_SIGNATURE', header({ typ: 'argus-hello+jws' })],
  ['signed by a stranger', 'BAD_SIGNATURE', (token) => signedBy(STRANGER)(header({ jwk: STRANGER.publicJwk })(token))],
  ['by a domain in the place of a broker', 'WRONG_ROLE', claims({ credential: await write(CREDENTIAL) })],
  [
    'by a broker of another authority',
    'FOREIGN_AUTHORITY',
    claims({ credential: await write(signedBy(STRANGER)(BROKERS_CREDENTIAL)) }),
  ],
  [
    'by another broker than meant',
    'WRONG_PEER',
    claims({ credential: await write(claims({ sub: 'other' })(BROKERS_CREDENTIAL)) }),
  ],
  ['with alg none', 'BAD_SIGNATURE', algorithm('none')],
  [
    'with HS256 under the public key',
    'BAD_SIGNATURE',
    macUnder(({ key }) => Buffer.from(key.publicJwk.x, 'base64url')),
  ],
  ['with the other form of the signature', 'BAD_SIGNATURE', part(2, malleated)],
];

const matrix = suite('handshake matrix');

async function answered(record: Uint8Array): Promise<Outcome> {
  const result = await answerHello(TRUSTING_BROKER, recordFrom(record), null, SUITES, STANDING);
  return result.ok ? 'let in' : result.fault;
}

for (const [label, outcome, change] of CREDENTIALS)
  matrix(`credential: ${label}: ${outcome}`, async () => {
    assert.is(await answered(await recordOf(RecordType.hello, HELLO, change(CREDENTIAL))), outcome);
  });

for (const [label, outcome, change] of HELLOS)
  matrix(`hello: ${label}: ${outcome}`, async () => {
    assert.is(await answered(await recordOf(RecordType.hello, change(HELLO), CREDENTIAL)), outcome);
  });

for (const [label, outcome, change] of WELCOMES)
  matrix(`welcome: ${label}: ${outcome}`, async () => {
    const said = await beginHello(trusting(DOMAIN), 'the-broker', ['A256GCM'], STANDING);
    const hello = sha256(said.record);
    const token = change(claims({ ...WELCOME.claims, hello, domain: 'a' })(WELCOME));
    const result = await said.accept(recordFrom(await recordOf(RecordType.welcome, token, BROKERS_CREDENTIAL)));
    assert.is(result.ok ? 'let in' : result.fault, outcome);
  });

matrix('a credential in the place of a hello, and a hello in the place of a credential', async () => {
  const credential = await write(CREDENTIAL);
  const record = await recordOf(RecordType.hello, finished(() => credential)(HELLO), CREDENTIAL);
  assert.is(await answered(record), 'MALFORMED_STATEMENT');
  const hello = await write(claims({ credential })(HELLO));
  assert.is(
    await answered(await recordOf(RecordType.hello, claims({ credential: hello })(HELLO), CREDENTIAL)),
    'MALFORMED',
  );
});

matrix('a hello that comes back to the domain is no welcome', async () => {
  const said = await beginHello(trusting(DOMAIN), null, SUITES, STANDING);
  const back = new Uint8Array(said.record);
  back[3] = RecordType.welcome;
  assert.is((await said.accept(recordFrom(back))).ok, false);
});

matrix('an ephemeral key that another domain signs as its own gets a welcome that the first refuses', async () => {
  // Unknown key share attack: M puts A's key into its own hello, and passes the broker's answer on to A.
  const [a, m] = [trusting(DOMAIN), HELLO];
  const said = await beginHello(a, null, SUITES, STANDING);
  const [, payload = ''] = Buffer.from(said.record.subarray(24)).toString('latin1').split('.');
  const { epk } = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const stolen = await recordOf(RecordType.hello, claims({ epk })(m), claims({ sub: 'm' })(CREDENTIAL));
  const token = claims({ ...WELCOME.claims, hello: sha256(stolen), domain: 'm' })(WELCOME);
  const passedOn = await said.accept(recordFrom(await recordOf(RecordType.welcome, token, BROKERS_CREDENTIAL)));
  assert.is(passedOn.ok ? 'let in' : passedOn.fault, 'WRONG_PEER');
});

matrix('the table has not lost rows', () => {
  assert.ok(
    CREDENTIALS.length + HELLOS.length + WELCOMES.length >= 200,
    `${CREDENTIALS.length} ${HELLOS.length} ${WELCOMES.length}`,
  );
});

matrix.run();
