import { randomBytes } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RELEASE_MIN_BYTES } from '../../keys/base/limits.ts';
import { release } from '../../keys/index.ts';

const released = suite('release');

released('a whole buffer is empty afterwards, in every view of it', () => {
  const bytes = new Uint8Array(RELEASE_MIN_BYTES);
  const view = bytes.subarray(8, 16);
  release(bytes);
  assert.is(bytes.byteLength, 0);
  assert.is(view.byteLength, 0);
});

released('a view of a part is left alone: the rest is not the caller’s', () => {
  const whole = new Uint8Array(RELEASE_MIN_BYTES + 1).fill(7);
  release(whole.subarray(1));
  assert.is(whole[RELEASE_MIN_BYTES], 7);
});

released('a small output is left alone', () => {
  const bytes = new Uint8Array(RELEASE_MIN_BYTES - 1);
  release(bytes);
  assert.is(bytes.byteLength, RELEASE_MIN_BYTES - 1);
});

released('bytes of Node’s shared pool are never taken', () => {
  const pooled = Buffer.from('pooled');
  release(pooled);
  assert.is(pooled.toString(), 'pooled');
});

released('releasing twice does nothing', () => {
  const bytes = randomBytes(RELEASE_MIN_BYTES);
  release(bytes);
  release(bytes);
  assert.is(bytes.byteLength, 0);
});

released('many releases leave the memory of the process where it was', () => {
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 2_000; i++) release(new Uint8Array(1 << 20));
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 << 20);
});

released.run();
