/** Examples that the RFCs print, for every primitive that the handshake and the records are made of. AEAD: see aead-self-test.test.ts. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { parsePrivateJwk, parsePublicJwk, thumbprintOf } from '../../keys/credential/jwk.ts';
import { SigningKey } from '../../keys/credential/signing-key.ts';
import { readSignedClaims, readTokenHeader } from '../../keys/credential/token.ts';
import { importTrustAnchor } from '../../keys/credential/trust-anchor.ts';
import { agreement } from '../../keys/schedule/ephemeral.ts';
import { hkdfExpand, hkdfExtract } from '../../keys/schedule/hkdf.ts';

const rfc = suite('RFC vectors');

const hex = (text: string): Uint8Array => Buffer.from(text, 'hex');
const toHex = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString('hex');
/** The bytes from `first` to `last`, one after the other, as the RFCs like them. */
const range = (first: number, last: number): Uint8Array =>
  Uint8Array.from({ length: last - first + 1 }, (_, index) => first + index);

const PKCS8 = { x25519: '302e020100300506032b656e04220420', ed25519: '302e020100300506032b657004220420' } as const;

function privateKeyOf(curve: keyof typeof PKCS8, secret: Uint8Array): KeyObject {
  const key = Buffer.concat([hex(PKCS8[curve]), secret]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

for (const [section, scalar, point, shared] of [
  [
    '§5.2, first',
    'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
    'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
    'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
  ],
  [
    '§5.2, second',
    '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
    'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
    '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
  ],
  [
    '§6.1, Alice',
    '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
    'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
    '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
  ],
  [
    '§6.1, Bob',
    '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
    '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
    '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
  ],
] as const)
  rfc(`RFC 7748 ${section}: X25519`, () => {
    assert.is(toHex(agreement(privateKeyOf('x25519', hex(scalar)), hex(point))), shared);
  });

rfc('RFC 7748 §5.2: X25519, once and a thousand times', () => {
  let [scalar, point]: [Uint8Array, Uint8Array] = [hex(`09${'00'.repeat(31)}`), hex(`09${'00'.repeat(31)}`)];
  for (let round = 1; round <= 1_000; round++) {
    const next = agreement(privateKeyOf('x25519', scalar), point) ?? new Uint8Array(0);
    [scalar, point] = [next, scalar];
    if (round === 1) assert.is(toHex(scalar), '422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079');
  }
  assert.is(toHex(scalar), '684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51');
});

for (const [test, ikm, salt, info, prk, okm] of [
  [
    1,
    hex('0b'.repeat(22)),
    range(0x00, 0x0c),
    range(0xf0, 0xf9),
    '077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5',
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  ],
  [
    2,
    range(0x00, 0x4f),
    range(0x60, 0xaf),
    range(0xb0, 0xff),
    '06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244',
    'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
  ],
  [
    3,
    hex('0b'.repeat(22)),
    new Uint8Array(0),
    new Uint8Array(0),
    '19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04',
    '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  ],
] as const)
  rfc(`RFC 5869 test case ${test}: HKDF-SHA256`, () => {
    const key = hkdfExtract(salt, ikm);
    assert.is(toHex(key), prk);
    assert.is(toHex(hkdfExpand(key, info, okm.length / 2)), okm);
  });

for (const [test, secret, publicKey, message, signature] of [
  [
    '1',
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '2',
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    '3',
    'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
] as const)
  rfc(`RFC 8032 §7.1 test ${test}: Ed25519`, async () => {
    const { d, x } = privateKeyOf('ed25519', hex(secret)).export({ format: 'jwk' });
    const jwk = parsePrivateJwk({ kty: 'OKP', crv: 'Ed25519', d, x });
    assert.is(toHex(Buffer.from(x ?? '', 'base64url')), publicKey);
    assert.ok(jwk !== null && (await SigningKey.fromPrivateJwk(jwk)) !== null);
    const anchor = await importTrustAnchor(jwk);
    assert.ok(anchor !== null);
    if (anchor === null) return;
    assert.ok(await crypto.subtle.verify('Ed25519', anchor.publicKey, hex(signature), hex(message)));
    const other = hex(signature);
    other[0] = (other[0] ?? 0) ^ 1;
    assert.not(await crypto.subtle.verify('Ed25519', anchor.publicKey, other, hex(message)));
  });

/** RFC 8037 A.1 and A.2. */
const EXAMPLE_KEY = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };

rfc('RFC 8037 A.3 and RFC 7638 §3: the thumbprint of an Ed25519 key', async () => {
  const jwk = parsePublicJwk(EXAMPLE_KEY);
  assert.ok(jwk !== null);
  if (jwk !== null) assert.is(await thumbprintOf(jwk), 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
});

rfc('RFC 8037 A.4: the signature is good, and its polymorphic algorithm is not accepted', async () => {
  const input = 'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc';
  const signature = 'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg';
  const anchor = await importTrustAnchor(EXAMPLE_KEY);
  assert.ok(anchor !== null);
  if (anchor === null) return;
  const bytes = Buffer.from(signature, 'base64url');
  assert.ok(await crypto.subtle.verify('Ed25519', anchor.publicKey, bytes, Buffer.from(input)));
  const token = `${input}.${signature}`;
  assert.equal(readTokenHeader(token), { alg: 'EdDSA' });
  assert.equal(await readSignedClaims(token, anchor.publicKey), { outcome: 'malformed' });
});

rfc('RFC 7515 appendix C: base64url without padding', () => {
  assert.is(Buffer.from([3, 236, 255, 224, 193]).toString('base64url'), 'A-z_4ME');
});

const vectors = z.object({
  tests: z.array(
    z.object({
      tcId: z.int(),
      comment: z.string(),
      public: z.string(),
      private: z.string(),
      shared: z.string(),
      result: z.enum(['valid', 'acceptable']),
    }),
  ),
});

rfc('Project Wycheproof: X25519, where a result of zeros is refused', () => {
  const file = new URL('./vectors/wycheproof-x25519.json', import.meta.url);
  const { tests } = vectors.parse(JSON.parse(readFileSync(file, 'utf8')));
  const refused = tests.filter(({ shared }) => shared === '00'.repeat(32));
  assert.ok(tests.length > 200 && refused.length > 20);
  for (const { tcId, comment, public: point, private: scalar, shared } of tests) {
    const expected = shared === '00'.repeat(32) ? '' : shared;
    assert.is(toHex(agreement(privateKeyOf('x25519', hex(scalar)), hex(point))), expected, `${tcId} ${comment}`);
  }
});

rfc.run();
