/** Project Wycheproof's vectors, for each AEAD provider, in fresh memory and in place. vectors/ says where they are from. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { allAeads } from '../../keys/aead/select.ts';

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

const FILES = { A256GCM: 'wycheproof-aes-256-gcm.json', C20P: 'wycheproof-chacha20-poly1305.json' } as const;

for (const aead of allAeads())
  wycheproof(`${aead.suite} by ${aead.provider}`, () => {
    const file = new URL(`vectors/${FILES[aead.suite]}`, import.meta.url);
    const { tests } = aeadVectors.parse(JSON.parse(readFileSync(file, 'utf8')));
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

wycheproof.run();
