/** Project Wycheproof's vectors: each AEAD provider (in fresh memory and in place), HKDF, Ed25519. vectors/ says where they are from. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { allAeads } from '../../../keys/aead/select.ts';
import { importTrustAnchor } from '../../../keys/credential/trust-anchor.ts';
import { hkdfExpand, hkdfExtract } from '../../../keys/schedule/hkdf.ts';

const wycheproof = suite('wycheproof');

const hex = z.string().transform((text) => Buffer.from(text, 'hex'));
const aeadVectors = z.object({
  source: z.string(),
  tests: z.array(
    z.object({
      tcId: z.int(),
      comment: z.string(),
      key: hex,
      iv: hex,
      aad: hex,
      msg: hex,
      ct: hex,
      tag: hex,
      result: z.enum(['valid', 'invalid']),
    }),
  ),
});

const FILES = {
  A256GCM: 'wycheproof-aes-256-gcm.json',
  C20P: 'wycheproof-chacha20-poly1305.json',
  A256GCMSIV: 'wycheproof-aes-256-gcm-siv.json',
} as const;

for (const aead of allAeads())
  wycheproof(`${aead.suite} by ${aead.provider}`, () => {
    const { tests } = aeadVectors.parse(readVectors(FILES[aead.suite]));
    assert.ok(tests.length > 60);
    for (const { tcId, comment, key: raw, iv, aad, msg, ct, tag, result } of tests) {
      const label = `${tcId} ${comment}`;
      const key = aead.importKey(raw);
      const opened = aead.open(key, iv, aad, ct, tag);
      const record = Buffer.concat([ct, tag]);
      const isOpened = tag.length === 16 && aead.openInPlace(key, iv, aad, record, 0, ct.length);
      if (result === 'invalid') {
        assert.is(opened, null, label);
        assert.not(isOpened, label);
        assert.not(
          record.subarray(0, ct.length).some((byte) => byte !== 0),
          label,
        );
      } else {
        assert.ok(opened !== null && Buffer.compare(opened, msg) === 0, label);
        assert.ok(isOpened && record.subarray(0, ct.length).equals(msg), label);
        const sealed = aead.seal(key, iv, aad, msg);
        assert.is(Buffer.compare(sealed.ciphertext, ct), 0, label);
        assert.is(Buffer.compare(sealed.tag, tag), 0, label);
      }
      key.free();
    }
  });

const hkdfVectors = z.object({
  tests: z.array(
    z.object({
      tcId: z.int(),
      ikm: hex,
      salt: hex,
      info: hex,
      size: z.int(),
      okm: hex,
      result: z.enum(['valid', 'invalid']),
    }),
  ),
});

wycheproof('HKDF-SHA256', () => {
  const { tests } = hkdfVectors.parse(readVectors('wycheproof-hkdf-sha256.json'));
  assert.ok(tests.length > 60);
  for (const { tcId, ikm, salt, info, size, okm, result } of tests) {
    const expand = () => hkdfExpand(hkdfExtract(salt, ikm), info, size);
    if (result === 'invalid') assert.throws(expand, undefined, `${tcId}`);
    else assert.is(Buffer.compare(expand(), okm), 0, `${tcId}`);
  }
});

const signatureVectors = z.object({
  tests: z.array(
    z.object({ tcId: z.int(), comment: z.string(), pk: hex, msg: hex, sig: hex, result: z.enum(['valid', 'invalid']) }),
  ),
});

wycheproof('Ed25519, as the library that verifies our tokens does it', async () => {
  const { tests } = signatureVectors.parse(readVectors('wycheproof-ed25519.json'));
  assert.ok(tests.length > 140);
  for (const { tcId, comment, pk, msg, sig, result } of tests) {
    const anchor = await importTrustAnchor({ kty: 'OKP', crv: 'Ed25519', x: pk.toString('base64url') });
    if (anchor === null) throw new Error(`${tcId}: the key is refused`);
    const isGood = await crypto.subtle.verify('Ed25519', anchor.publicKey, sig, msg);
    assert.is(isGood, result === 'valid', `${tcId} ${comment}`);
  }
});

function readVectors(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'));
}

wycheproof.run();
