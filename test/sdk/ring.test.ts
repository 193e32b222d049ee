import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { creditThreshold, occupiedBytes } from '../../clients/sdk/engine/credit.ts';
import { wordError } from '../../clients/sdk/errors.ts';
import { CREDIT_BATCH_BYTES, CREDIT_DELAY_MS, CREDIT_RIDE_MS } from '../../clients/sdk/limits.ts';
import type { Message } from '../../clients/sdk/message.ts';
import { Ring } from '../../clients/sdk/ring.ts';
import { FakeClock } from '../support/clock.ts';
import { Random } from '../support/random.ts';

const test = suite('sdk: rings');
const SOURCE = Object.freeze({ domid: 2, name: 'audio-vm', labels: [] });

function message(bytes: number, type = 0): Message {
  return { source: SOURCE, port: 0, type, payload: new Uint8Array(bytes) };
}

/** `isRegistered`: the broker has the ring now, and takes room back. */
function ringOf(
  length: number,
  isRegistered = (): boolean => true,
): { readonly ring: Ring; readonly credits: number[]; readonly clock: FakeClock } {
  const credits: number[] = [];
  const clock = new FakeClock();
  const ring = new Ring(1, 'any', length, {
    credit: (_ring, bytes) => isRegistered() && credits.push(bytes) > 0,
    owes: () => {},
    unregister: async (each) => each.end(null),
    schedule: clock.schedule,
    now: clock.now,
  });
  return { ring, credits, clock };
}

async function codeOf(promise: Promise<void>): Promise<unknown> {
  return promise.then(
    () => 'ended',
    (error: { readonly code?: unknown }) => error.code,
  );
}

for (const [payload, occupied] of [
  [0, 16],
  [1, 32],
  [16, 32],
  [17, 48],
  [16_777_120, 16_777_136],
] as const) {
  test(`${payload} bytes occupy ${occupied}`, () => assert.is(occupiedBytes(payload), occupied));
}

test('credit is due at a quarter of the ring, and at 64 KiB in any case', () => {
  assert.is(creditThreshold(48), 12);
  assert.is(creditThreshold(4096), 1024);
  assert.is(creditThreshold(16_777_152), CREDIT_BATCH_BYTES);
});

test('messages are read in order; read does not wait', async () => {
  const { ring } = ringOf(4096);
  assert.is(ring.read(), undefined);
  for (const type of [1, 2, 3]) ring.deliver(message(1, type));
  assert.is(ring.pending, 3);
  assert.is(ring.read()?.type, 1);
  assert.is((await ring.receive())?.type, 2);
  assert.is((await ring[Symbol.asyncIterator]().next()).value?.type, 3);
});

test('readers that wait are served in their order', async () => {
  const { ring } = ringOf(4096);
  const waiting = [ring.receive(), ring.receive()];
  ring.deliver(message(1, 1));
  ring.deliver(message(1, 2));
  assert.equal(
    (await Promise.all(waiting)).map((each) => each?.type),
    [1, 2],
  );
});

test('what was not read is not credited', () => {
  const { ring, credits, clock } = ringOf(4096);
  for (let i = 0; i < 100; i++) ring.deliver(message(16));
  clock.advance(1000);
  assert.equal(credits, []);
});

test('consumed bytes are returned in batches, the rest a moment later', () => {
  const { ring, credits, clock } = ringOf(4096);
  for (let i = 0; i < 40; i++) ring.deliver(message(16)); // 32 each; due at 1024
  while (ring.read() !== undefined);
  assert.equal(credits, [1024]);
  clock.advance(CREDIT_DELAY_MS);
  assert.equal(credits, [1024, 256]);
  clock.advance(1000);
  assert.equal(credits, [1024, 256]);
});

test('consumed room leaves with the next record, but not with each of many', () => {
  const { ring, credits, clock } = ringOf(4096);
  for (let i = 0; i < 3; i++) ring.deliver(message(16));
  ring.read();
  assert.is(ring.ride(clock.now()), true);
  assert.equal(credits, [32]);
  ring.read();
  assert.is(ring.ride(clock.now()), false, 'another record took some along just now');
  clock.advance(CREDIT_RIDE_MS);
  assert.is(ring.ride(clock.now()), true);
  assert.equal(credits, [32, 32]);
  clock.advance(CREDIT_RIDE_MS);
  assert.is(ring.ride(clock.now()), true, 'nothing is owed');
  assert.equal(credits, [32, 32]);
});

test('the timer of what has left with a record is not one for what is consumed later', () => {
  const { ring, credits, clock } = ringOf(4096);
  for (let i = 0; i < 2; i++) ring.deliver(message(16));
  ring.read();
  ring.ride(clock.now());
  clock.advance(2);
  ring.read();
  clock.advance(CREDIT_DELAY_MS - 1);
  assert.equal(credits, [32]);
  clock.advance(1);
  assert.equal(credits, [32, 32]);
  assert.is(clock.pendingTimers, 0);
});

test('a message that waits for nobody is credited as well', async () => {
  const { ring, credits, clock } = ringOf(48);
  const waiting = ring.receive();
  ring.deliver(message(16));
  await waiting;
  clock.advance(CREDIT_DELAY_MS);
  assert.equal(credits, [32]);
});

test('everything consumed is credited exactly once, whatever the sizes', () => {
  const random = new Random(5);
  const { ring, credits, clock } = ringOf(65_536);
  let occupied = 0;
  for (let i = 0; i < 2000; i++) {
    const bytes = random.below(3000);
    occupied += occupiedBytes(bytes);
    ring.deliver(message(bytes));
    if (random.oneIn(3)) ring.read();
    if (random.oneIn(10)) clock.advance(1);
  }
  while (ring.read() !== undefined);
  clock.advance(CREDIT_DELAY_MS);
  assert.is(
    credits.reduce((sum, each) => sum + each, 0),
    occupied,
  );
});

test('a new session is told what is unread; what was consumed before is not charged to it', () => {
  const { ring, credits, clock } = ringOf(4096);
  ring.deliver(message(16));
  ring.deliver(message(32));
  ring.read();
  assert.is(ring.restart(), 48);
  clock.advance(CREDIT_DELAY_MS);
  assert.equal(credits, []);
  ring.read();
  clock.advance(CREDIT_DELAY_MS);
  assert.equal(credits, [48]);
});

test('room that nobody takes back is kept until somebody does', () => {
  let isRegistered = false;
  const { ring, credits, clock } = ringOf(256, () => isRegistered);
  for (const bytes of [16, 48, 16]) ring.deliver(message(bytes));
  assert.is(ring.restart(), 128);
  ring.read();
  clock.advance(CREDIT_DELAY_MS);
  ring.read(); // now it is a quarter of the ring
  isRegistered = true;
  ring.settle();
  assert.equal(credits, [96]);
});

test('a ring closed by this side ends its iteration once it is read empty', async () => {
  const { ring, credits, clock } = ringOf(4096);
  ring.deliver(message(1, 1));
  const types: number[] = [];
  await ring.close();
  for await (const each of ring) types.push(each.type);
  assert.equal(types, [1]);
  assert.is(await ring.receive(), undefined);
  assert.not(ring.isOpen);
  clock.advance(1000);
  assert.equal(credits, [], 'there is nobody to credit');
});

test('a ring closed by the broker throws once it is read empty', async () => {
  const { ring } = ringOf(4096);
  ring.deliver(message(1, 1));
  ring.end(wordError('EACCES', 'ring'));
  const types: number[] = [];
  try {
    for await (const each of ring) types.push(each.type);
    assert.unreachable();
  } catch (error) {
    assert.is((error as { code?: unknown }).code, 'EACCES');
  }
  assert.equal(types, [1]);
});

test('those who wait learn of the end', async () => {
  const { ring } = ringOf(4096);
  const waiting = [ring.receive(), ring.receive()];
  ring.end(null);
  assert.equal(await Promise.all(waiting), [undefined, undefined]);
});

test('a consumer takes what was queued, then each message as it comes; what it has taken is credited', async () => {
  const { ring, credits, clock } = ringOf(4096);
  const types: number[] = [];
  ring.deliver(message(16, 1));
  const done = ring.consume(({ type }) => void types.push(type));
  assert.is(ring.deliver(message(16, 2)), false, 'its memory is not looked at again');
  assert.equal(types, [1, 2]);
  clock.advance(CREDIT_DELAY_MS);
  assert.equal(credits, [64]);
  ring.end(null);
  await done;
});

test('who waited before the consumer came is served first, and keeps what it gets', async () => {
  const { ring } = ringOf(4096);
  const waiting = ring.receive();
  const types: number[] = [];
  void ring.consume(({ type }) => void types.push(type));
  assert.ok(ring.deliver(message(1, 1)));
  ring.deliver(message(1, 2));
  assert.equal([(await waiting)?.type, types], [1, [2]]);
});

test('a second consumer is refused while there is one', async () => {
  const { ring } = ringOf(4096);
  void ring.consume(() => {});
  assert.is(await codeOf(ring.consume(() => {})), 'EEXIST');
});

test('what a consumer throws ends it, and leaves the rest in the ring', async () => {
  const { ring } = ringOf(4096);
  for (const type of [1, 2, 3]) ring.deliver(message(1, type));
  const done = ring.consume(({ type }) => {
    if (type === 2) throw new RangeError('two');
  });
  ring.deliver(message(1, 4));
  assert.is(await done.catch((error: Error) => error.message), 'two');
  assert.equal([ring.read()?.type, ring.read()?.type], [3, 4]);
  void ring.consume(() => {}); // there is room for the next
});

test('a consumer ends and throws as readers do, also when it comes late', async () => {
  const [closed, refused, late] = [ringOf(4096).ring, ringOf(4096).ring, ringOf(4096).ring];
  const types: number[] = [];
  late.deliver(message(1, 1));
  late.end(wordError('EACCES', 'ring'));
  const ends = [closed.consume(() => {}), refused.consume(() => {}), late.consume(({ type }) => void types.push(type))];
  closed.end(null);
  refused.end(wordError('EACCES', 'ring'));
  assert.equal(await Promise.all(ends.map(codeOf)), ['ended', 'EACCES', 'EACCES']);
  assert.equal(types, [1]);
});

test('room of consumed messages goes back at once when the ring is about to end, and only once', () => {
  const { ring, credits, clock } = ringOf(65_536);
  ring.deliver(message(100));
  ring.read();
  assert.equal(credits, []);
  ring.settle();
  assert.equal(credits, [occupiedBytes(100)]);
  ring.settle();
  clock.advance(CREDIT_DELAY_MS);
  assert.equal(credits, [occupiedBytes(100)]);
});

test.run();
