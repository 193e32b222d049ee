/** How many strangers a socket takes at one time, and how fast refused ones can come again. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Places } from '../../broker/carrier/places.ts';
import { FakeClock } from '../support/clock.ts';

const MAX = 3;
const KEEP_MS = 1_000;

const places = suite('places');

places('as many strangers as there are places are let in, and the next one is not', () => {
  const socket = new Places(MAX, KEEP_MS, new FakeClock().after);
  const taken = Array.from({ length: MAX }, () => socket.take());
  assert.ok(taken.every((release) => release !== null));
  assert.is(socket.take(), null);
});

places('one that has proved itself or is gone gives its place back at once, and once', () => {
  const socket = new Places(1, KEEP_MS, new FakeClock().after);
  const first = socket.take();
  first?.(false);
  first?.(false);
  assert.ok(socket.take() !== null);
  assert.is(socket.take(), null);
});

places('a refused one keeps its place for a while: refusals come only so fast', () => {
  const clock = new FakeClock();
  const socket = new Places(1, KEEP_MS, clock.after);
  socket.take()?.(true);
  clock.advance(KEEP_MS - 1);
  assert.is(socket.take(), null);
  clock.advance(1);
  assert.ok(socket.take() !== null);
});

places('nobody makes more than places a second fail, however fast it comes', () => {
  const clock = new FakeClock();
  const socket = new Places(MAX, KEEP_MS, clock.after);
  let refused = 0;
  for (let ms = 0; ms < 10 * KEEP_MS; ms++) {
    for (let release = socket.take(); release !== null; release = socket.take()) {
      release(true);
      refused++;
    }
    clock.advance(1);
  }
  assert.is(refused, 10 * MAX);
});

places.run();
