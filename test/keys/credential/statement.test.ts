/** Statements: only the holder of the key that the credential names can make one, for one purpose. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Credential } from '../../../keys/credential/credential.ts';
import { parsePrivateJwk, parsePublicJwk } from '../../../keys/credential/jwk.ts';
import { generatePrivateJwk, SigningKey } from '../../../keys/credential/signing-key.ts';
import { signStatement, verifyStatement } from '../../../keys/credential/statement.ts';
import { fuzzUntil } from '../../support/seed.ts';
import { assemble, codeOf, FUZZ_SHARE_SECONDS, makeTestKey } from '../forge.ts';

const statement = suite('statement');
const TYP = 'argus-hello+jws';

async function makeSigningKey(): Promise<SigningKey> {
  const key = await SigningKey.fromPrivateJwk(await generatePrivateJwk());
  if (key === null) throw new Error('a generated key does not fit itself');
  return key;
}

function credentialFor(thumbprint: string): Credential {
  const times = { issuedAt: 0, notBefore: 0, expiresAt: 1, generation: 1, revocationSerial: 0 };
  return { jti: 'x', issuer: 'y', name: 'chrome-vm', role: 'domain', thumbprint, ...times };
}

const key = await makeSigningKey();
const credential = credentialFor(key.thumbprint);
const good = await signStatement(key, TYP, { nonce: 'abc', n: 1, list: [1, 'two', null] });

statement('what the holder signed is read back', async () => {
  assert.equal(await verifyStatement(good, TYP, credential), { nonce: 'abc', n: 1, list: [1, 'two', null] });
});

statement('its header holds the algorithm, the type and the public key and nothing else', async () => {
  const header: unknown = JSON.parse(Buffer.from(good.split('.')[0] ?? '', 'base64url').toString());
  assert.equal(header, { typ: TYP, jwk: key.publicJwk, alg: 'Ed25519' });
});

statement('for another purpose it does not count', async () => {
  for (const typ of ['argus-welcome+jws', '', 'argus-hello'])
    assert.is(await verifyStatement(good, typ, credential), null, typ);
});

statement('by another key it does not count, although its signature is good', async () => {
  const thief = await makeSigningKey();
  assert.is(await verifyStatement(await signStatement(thief, TYP, {}), TYP, credential), null);
});

statement('with the right key in the header but signed by another it does not count', async () => {
  const thief = await makeTestKey();
  const forged = await thief.sign({ typ: TYP, jwk: key.publicJwk }, { nonce: 'abc' });
  assert.is(await verifyStatement(forged, TYP, credential), null);
});

statement('against a credential whose thumbprint has another length it does not count', async () => {
  assert.is(await verifyStatement(good, TYP, credentialFor('')), null);
  assert.is(await verifyStatement(good, TYP, credentialFor(`${key.thumbprint}A`)), null);
});

statement('headers that are not exactly ours are refused', async () => {
  const holder = await makeTestKey();
  const own = credentialFor(holder.thumbprint);
  const jwk = holder.publicJwk;
  assert.equal(await verifyStatement(await holder.sign({ typ: TYP, jwk }, {}), TYP, own), {});
  const [, , signature = ''] = good.split('.');
  const headers: readonly Record<string, unknown>[] = [
    { typ: TYP },
    { jwk },
    { typ: TYP, jwk: null },
    { typ: TYP, jwk: { ...jwk, crv: 'X25519' } },
    { typ: TYP, jwk: { ...jwk, kty: 'EC' } },
    { typ: TYP, jwk: { ...jwk, x: `${jwk.x}=` } },
    { typ: TYP, jwk: { ...jwk, x: jwk.x.slice(1) } },
    { typ: TYP, jwk: [jwk] },
    { typ: TYP, jwk: { ...jwk, d: jwk.x } },
    { typ: TYP, jwk: { ...jwk, use: 'enc' } },
    { typ: TYP, jwk: { ...jwk, key_ops: ['deriveBits'] } },
    { typ: TYP, jwk, alg: 'EdDSA' },
    { typ: [TYP], jwk },
  ];
  for (const header of headers)
    assert.is(await verifyStatement(await holder.sign(header, {}), TYP, own), null, JSON.stringify(header));
  for (const alg of ['none', 'HS256', 'ES256'])
    assert.is(await verifyStatement(assemble({ alg, typ: TYP, jwk }, {}, signature), TYP, own), null, alg);
});

statement('claims that are not a JSON object are refused, so null always means refusal', async () => {
  const holder = await makeTestKey();
  for (const payload of ['null', '[]', '1', '"x"', 'x', ''])
    assert.is(
      await verifyStatement(
        await holder.sign({ typ: TYP, jwk: holder.publicJwk }, payload),
        TYP,
        credentialFor(holder.thumbprint),
      ),
      null,
      payload,
    );
});

statement('one too long for a verifier is not made, and not read', async () => {
  assert.is(await codeOf(() => signStatement(key, TYP, { pad: 'p'.repeat(8192) })), 'ERR_KEY_STATEMENT');
  const holder = await makeTestKey();
  const long = await holder.sign({ typ: TYP, jwk: holder.publicJwk }, { pad: 'p'.repeat(8192) });
  assert.is(await verifyStatement(long, TYP, credentialFor(holder.thumbprint)), null);
});

statement('a public key has one spelling only: spare bits, padding and the other alphabet are refused', () => {
  const x = Buffer.alloc(32, 0xff).toString('base64url');
  for (const wrong of [
    { use: 'enc' },
    { use: '' },
    { alg: 'ECDH-ES' },
    { key_ops: ['encrypt'] },
    { key_ops: 'verify' },
  ])
    assert.is(parsePublicJwk({ kty: 'OKP', crv: 'Ed25519', x, ...wrong }), null, JSON.stringify(wrong));
  for (const right of [{ alg: 'EdDSA' }, { alg: 'Ed25519', key_ops: ['verify'] }])
    assert.equal(parsePublicJwk({ kty: 'OKP', crv: 'Ed25519', x, ...right }), { kty: 'OKP', crv: 'Ed25519', x });
  assert.equal(parsePublicJwk({ kty: 'OKP', crv: 'Ed25519', x, use: 'sig' }), { kty: 'OKP', crv: 'Ed25519', x });
  for (const other of [`${x.slice(0, -1)}9`, `${x}=`, x.replaceAll('_', '/'), ` ${x}`, x.slice(1)])
    assert.is(parsePublicJwk({ kty: 'OKP', crv: 'Ed25519', x: other }), null, other);
});

statement('a private key whose halves do not belong together is refused', async () => {
  const [one, other] = [await generatePrivateJwk(), await generatePrivateJwk()];
  assert.is(await SigningKey.fromPrivateJwk({ ...one, x: other.x }), null);
  for (const bad of [{ ...one, d: 'x' }, { ...one, d: undefined }, { ...one, crv: 'X25519' }, [], null, 'x'])
    assert.is(parsePrivateJwk(bad), null);
});

statement('random, mutated and cut statements never throw and never pass', async () => {
  const rounds = await fuzzUntil(async (random) => {
    const bytes = random.oneIn(4) ? random.bytes(random.below(300)) : random.mutate(new TextEncoder().encode(good));
    const jws = Buffer.from(bytes).toString(random.oneIn(2) ? 'latin1' : 'utf8');
    assert.ok((await verifyStatement(jws, TYP, credential)) === null || jws === good, jws);
  }, FUZZ_SHARE_SECONDS);
  assert.ok(rounds > 0);
});

statement.run();
