/** The start-up self-test passes here, and fails for every way in which a provider can be wrong. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Aead } from '../../../keys/aead/aead.ts';
import { allAeads, selectAead } from '../../../keys/aead/select.ts';
import { AEAD_VECTORS, aeadSelfTest } from '../../../keys/aead/self-test.ts';

const selfTest = suite('aead self-test');

const gcm = selectAead('A256GCM');
const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === 0 ? byte ^ 1 : byte));

const broken: readonly (readonly [string, Partial<Aead>])[] = [
  [
    'another ciphertext',
    {
      seal: (...from) => {
        const sealed = gcm.seal(...from);
        return { ...sealed, ciphertext: flip(sealed.ciphertext) };
      },
    },
  ],
  [
    'another tag',
    {
      seal: (...from) => {
        const sealed = gcm.seal(...from);
        return { ...sealed, tag: flip(sealed.tag) };
      },
    },
  ],
  ['opens nothing', { open: () => null }],
  ['opens to other bytes', { open: (...from) => gcm.open(...from)?.map((byte) => byte ^ 1) ?? null }],
  ['opens forgeries', { open: (key, nonce, aad, ciphertext) => gcm.seal(key, nonce, aad, ciphertext).ciphertext }],
  [
    'wrong only beyond 4 KiB',
    {
      open: (...from) => {
        const plaintext = gcm.open(...from);
        return plaintext !== null && plaintext.length > 4096 ? flip(plaintext) : plaintext;
      },
    },
  ],
  [
    'seals other bytes, but only few',
    {
      seal: (...from) => {
        const sealed = gcm.seal(...from);
        return sealed.ciphertext.length > 4096 ? sealed : { ...sealed, tag: flip(sealed.tag) };
      },
    },
  ],
  [
    'opens to other bytes, but only few',
    {
      open: (...from) => {
        const plaintext = gcm.open(...from);
        return plaintext !== null && plaintext.length < 4096 ? Buffer.concat([plaintext, flip(plaintext)]) : plaintext;
      },
    },
  ],
  ['seals other bytes in place', { sealInPlace: (_key, _nonce, _aad, bytes) => bytes.fill(1) }],
  ['opens nothing in place', { openInPlace: () => false }],
  ['opens forgeries in place', { openInPlace: (...from) => gcm.openInPlace(...from) || true }],
  [
    'leaves the plaintext of a forgery behind',
    {
      openInPlace: (key, nonce, aad, bytes, start, length) => {
        const isGenuine = gcm.openInPlace(key, nonce, aad, bytes, start, length);
        if (!isGenuine) bytes.fill(1, start, start + length);
        return isGenuine;
      },
    },
  ],
  [
    'writes behind its range',
    {
      sealInPlace: (key, nonce, aad, bytes, start, length) => {
        gcm.sealInPlace(key, nonce, aad, bytes, start, length);
        bytes[start + length + 16] = 0;
      },
    },
  ],
];

selfTest('the ciphers of this machine pass', () => {
  aeadSelfTest();
});

selfTest('each suite has a published vector', () => {
  for (const { suite: name } of allAeads())
    assert.ok(
      AEAD_VECTORS.some((vector) => vector.suite === name),
      name,
    );
});

for (const [label, fault] of broken)
  selfTest(`a provider that is wrong is found: ${label}`, () => {
    try {
      aeadSelfTest([gcm, { ...gcm, provider: 'noble', ...fault }]);
    } catch (error) {
      assert.is(error instanceof Error && 'code' in error && error.code, 'ERR_KEY_AEAD_SELF_TEST');
      return;
    }
    assert.unreachable();
  });

selfTest.run();
