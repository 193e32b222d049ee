/** A ring's list of messages against a naive list, over many segments. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LEDGER_ENTRY_BYTES, Ledger } from '../../broker/core/rings/ledger.ts';
import { Share } from '../../broker/core/rings/share.ts';
import { CoreHarness, OPEN } from '../support/core/harness.ts';
import { seeded } from '../support/seed.ts';

const ledgers = suite('ledger');
const SENDERS = ['a', 'b', 'c'] as const;
/** Of a ring of 16 MiB with empty messages. */
const MOST = 1_048_574;
const LARGEST_SEGMENT = 2_048;
const harness = await CoreHarness.of({ domains: [...SENDERS], rows: OPEN });

function shareOf(sender: (typeof SENDERS)[number] = 'a', onActive: (delta: 1 | -1) => void = () => {}): Share {
  return new Share(harness.state(sender), onActive);
}

ledgers('no message makes it allocate more than a segment, however many there are', () => {
  const ledger = new Ledger();
  const share = shareOf();
  let largest = 0;
  for (let at = 0, before = ledger.capacity; at < 20 * LARGEST_SEGMENT; at++) {
    ledger.push(share, 16, at);
    const { capacity } = ledger;
    largest = Math.max(largest, capacity - before);
    before = capacity;
    assert.ok(capacity <= Math.max(16, 2 * ledger.messages), 'the price of an entry covers its memory');
  }
  assert.is(largest, LARGEST_SEGMENT);
  assert.is(LEDGER_ENTRY_BYTES, 2 * 12);
});

ledgers('a million messages are released at once, and their memory with them', () => {
  const ledger = new Ledger();
  const share = shareOf();
  for (let at = 1; at <= MOST; at++) ledger.push(share, 16, at);
  assert.not(ledger.release(MOST * 16, MOST - 1), 'the last one has not departed');
  assert.not(ledger.release((MOST + 1) * 16, MOST), 'more than there are');
  assert.equal([ledger.messages, share.messages, share.bytes], [MOST, MOST, MOST * 16]);
  assert.ok(ledger.release(MOST * 16, MOST));
  assert.equal([ledger.messages, share.messages, share.bytes], [0, 0, 0]);
  assert.is(ledger.capacity, 16);
});

ledgers('a ring that is never empty needs no more memory', () => {
  const ledger = new Ledger();
  const share = shareOf();
  ledger.push(share, 16, 0);
  for (let at = 1; at < 10 * LARGEST_SEGMENT; at++) {
    ledger.push(share, 16, at);
    ledger.release(16, at);
  }
  assert.is(ledger.messages, 1);
  assert.is(ledger.capacity, 2 * 16);
});

ledgers('a message that is 2^32 deliveries newer than those before it keeps its number', () => {
  const ledger = new Ledger();
  const share = shareOf();
  const late = 3 * 2 ** 32;
  for (const delivery of [1, late, late + 1]) ledger.push(share, 16, delivery);
  assert.not(ledger.release(32, late - 1));
  assert.ok(ledger.release(32, late));
  assert.not(ledger.release(16, late));
  assert.ok(ledger.release(16, late + 1));
});

const step = fc.oneof(
  fc.record({
    do: fc.constant('push' as const),
    sender: fc.constantFrom(...SENDERS),
    messages: fc.constantFrom(1, 3, 20, 700, LARGEST_SEGMENT, 5_000),
    isMixed: fc.boolean(),
  }),
  fc.record({
    do: fc.constant('release' as const),
    part: fc.constantFrom(0, 0.01, 0.3, 0.9, 1),
    surplus: fc.constantFrom(0, 0, 1, -1),
    undelivered: fc.constantFrom(0, 0, 1, 3_000),
  }),
  fc.record({
    do: fc.constant('filter' as const),
    part: fc.constantFrom(0, 0.1, 0.6, 1),
    every: fc.integer({ min: 1, max: 4 }),
  }),
);

ledgers('any sequence of steps leaves what a list has', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const ledger = new Ledger();
      let active = 0;
      const shares = new Map(SENDERS.map((name) => [name, shareOf(name, (delta) => (active += delta))]));
      let list: { sender: (typeof SENDERS)[number]; size: number; delivery: number }[] = [];
      let delivery = 0;
      for (const action of steps) {
        if (action.do === 'push') {
          for (let at = 0; at < action.messages; at++) {
            const sender = action.isMixed ? (SENDERS[at % 3] ?? 'a') : action.sender;
            const message = { sender, size: 16 * (1 + (at % 3)), delivery: ++delivery };
            ledger.push(shares.get(sender) ?? shareOf(), message.size, message.delivery);
            list.push(message);
          }
        } else if (action.do === 'release') {
          const front = list.slice(0, Math.floor(list.length * action.part));
          const bytes = front.reduce((sum, { size }) => sum + size, 0) + (front.length > 0 ? action.surplus : 0);
          const departed = delivery - action.undelivered;
          const isWhole = front.length === 0 || (action.surplus === 0 && (front.at(-1)?.delivery ?? 0) <= departed);
          assert.is(ledger.release(bytes, departed), isWhole);
          if (isWhole) list = list.slice(front.length);
        } else {
          const from = list.length - Math.floor(list.length * action.part);
          const keep = list.slice(from).map((_, index) => index % action.every === 0);
          const gone = list.slice(from).filter((_, index) => keep[index] === false);
          assert.is(
            ledger.filterNewest(keep),
            gone.reduce((sum, { size }) => sum + size, 0),
          );
          list = [...list.slice(0, from), ...list.slice(from).filter((_, index) => keep[index] === true)];
        }
        assert.is(ledger.messages, list.length);
        for (const [name, share] of shares) {
          const own = list.filter(({ sender }) => sender === name);
          assert.equal([share.messages, share.bytes], [own.length, own.reduce((sum, { size }) => sum + size, 0)]);
        }
        assert.is(active, new Set(list.map(({ sender }) => sender)).size);
      }
      // Each message is released alone, in order.
      for (const { size, delivery: last } of list.slice(0, 50)) {
        assert.not(ledger.release(size, last - 1));
        assert.ok(ledger.release(size, last));
      }
    }),
    seeded({ numRuns: 100 }),
  );
});

ledgers.run();
