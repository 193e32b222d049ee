/** A key at rest: it opens under its passphrase and unchanged, and in no other case. */
import { randomBytes } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MAX_SCRYPT_COST, MIN_SCRYPT_COST } from '../../../keys/base/index.ts';
import { isSealed, openSealed, sealText } from '../../../keys/sealed/seal.ts';

const seal = suite('sealed key');
const PASSPHRASE = 'correct horse battery staple';
const TEXT = '{"kty":"OKP","d":"secret"}\n';

const sealed = await sealText(TEXT, PASSPHRASE, randomBytes, MIN_SCRYPT_COST);
const whole = JSON.parse(sealed) as Readonly<Record<string, unknown>>;

async function outcome(value: unknown, passphrase = PASSPHRASE): Promise<string> {
  const opened = await openSealed(value, passphrase);
  return opened.ok ? opened.text : opened.reason;
}

seal('what was sealed opens, says that it is sealed, and holds nothing of the key in the clear', async () => {
  assert.ok(isSealed(whole));
  assert.is(await outcome(whole), TEXT);
  assert.not.match(sealed, 'secret');
});

seal('one text sealed twice has another salt, nonce and ciphertext', async () => {
  const again = JSON.parse(await sealText(TEXT, PASSPHRASE, randomBytes, MIN_SCRYPT_COST));
  for (const member of ['salt', 'nonce', 'ciphertext']) assert.is.not(again[member], whole[member], member);
});

seal('a passphrase is what a person typed, however the keyboard composed it', async () => {
  const value = JSON.parse(await sealText(TEXT, 'pass\u0065\u0301phrase', randomBytes, MIN_SCRYPT_COST));
  assert.is(await outcome(value, 'pass\u00e9phrase'), TEXT);
});

/** base64url with the first character changed: the same length, other bytes. */
function other(text: unknown): string {
  const [first = '', ...rest] = String(text);
  return `${first === 'A' ? 'B' : 'A'}${rest.join('')}`;
}

seal('a wrong passphrase and each changed member look alike', async () => {
  assert.is(await outcome(whole, `${PASSPHRASE} `), 'CLOSED');
  for (const member of ['salt', 'nonce', 'ciphertext'])
    assert.is(await outcome({ ...whole, [member]: other(whole[member]) }), 'CLOSED', member);
  assert.is(await outcome({ ...whole, cost: MIN_SCRYPT_COST * 2 }), 'CLOSED', 'cost');
  assert.is(await outcome({ ...whole, ciphertext: String(whole.ciphertext).slice(0, -4) }), 'CLOSED', 'cut short');
  assert.is(await outcome({ ...whole, ciphertext: '' }), 'CLOSED', 'empty');
});

seal('what is no such file, or costs more than it may, is not tried', async () => {
  const table: readonly (readonly [string, unknown])[] = [
    ['a later version', { ...whole, sealed: 'argus key v2' }],
    ['a member too many', { ...whole, more: 1 }],
    ['a member missing', { ...whole, nonce: undefined }],
    ['too cheap', { ...whole, cost: MIN_SCRYPT_COST / 2 }],
    ['too dear', { ...whole, cost: MAX_SCRYPT_COST * 2 }],
    ['no power of two', { ...whole, cost: MIN_SCRYPT_COST + 1 }],
    ['a short salt', { ...whole, salt: 'AAAA' }],
    ['no object', 'sealed'],
    ['nothing', null],
  ];
  for (const [label, value] of table) assert.is(await outcome(value), 'FORM', label);
});

seal.run();
