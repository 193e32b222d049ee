/** The queue of a session: order, gates, runs that are copied at once, and frames that a policy change removes. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ChunkPool } from '../../broker/peer/index.ts';
import { type Gate, Outbox } from '../../broker/peer/outbox.ts';
import { decodeBrokerFrame, encodeDataFrame, MAX_RECORD_PLAINTEXT_BYTES, Op } from '../../broker/wire/index.ts';
import { seeded } from '../support/seed.ts';

const outboxes = suite('outbox');

class TestOutbox extends Outbox {
  dirty = 0;

  introduce(): void {}

  holdForRecords(): void {}

  protected override onDirty(): void {
    this.dirty++;
  }

  protected override onQueued(): void {}

  forget(): void {
    this.discard();
  }

  /** All frames that may be sent now, each as a word `m:payload` or `e:id`, in one array per record. */
  drain(): string[][] {
    const records: string[][] = [];
    for (let chunk = this.take(); chunk !== null; chunk = this.take()) {
      records.push(words(chunk.bytes.slice(0, chunk.used)));
      this.written(chunk);
    }
    return records;
  }
}

function words(bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + view.getUint32(at, true);
    if (bytes[at + 4] === Op.deliver) found.push(`m:${Buffer.from(bytes.subarray(at + 28, end)).toString('latin1')}`);
    else {
      const frame = decodeBrokerFrame(bytes, at, end);
      found.push(frame !== null && 'id' in frame ? `e:${frame.id}` : 'broken');
    }
    at = end;
  }
  return found;
}

/** One record's plaintext with these payloads, and the place of each frame in it. */
function record(payloads: readonly string[]): { bytes: Uint8Array; spans: [number, number][] } {
  const bytes = new Uint8Array(payloads.reduce((sum, each) => sum + 28 + each.length, 0));
  const view = new DataView(bytes.buffer);
  const spans: [number, number][] = [];
  let at = 0;
  for (const text of payloads) {
    const frame = { op: Op.deliver, flags: 0, id: 1, source: 1, destination: 2, sourcePort: 0, destinationPort: 3 };
    const length = encodeDataFrame(view, at, { ...frame, messageType: 0, payload: Buffer.from(text, 'latin1') });
    spans.push([at, at + length]);
    at += length;
  }
  return { bytes, spans };
}

function deliver(outbox: Outbox, payloads: readonly string[]): void {
  const { bytes, spans } = record(payloads);
  for (const [start, end] of spans) outbox.deliver(bytes, start, end);
}

const pong = (id: number) => ({ op: Op.brokerPong, id }) as const;

outboxes('all that is queued shares a record, in order', () => {
  const outbox = new TestOutbox(new ChunkPool());
  deliver(outbox, ['a', 'b']);
  outbox.event(pong(1));
  deliver(outbox, ['c']);
  assert.equal(outbox.drain(), [['m:a', 'm:b', 'e:1', 'm:c']]);
  assert.ok(outbox.isEmpty);
});

outboxes('it says once that it has something, until it was asked', () => {
  const outbox = new TestOutbox(new ChunkPool());
  outbox.event(pong(1));
  deliver(outbox, ['a', 'b']);
  assert.is(outbox.dirty, 1);
  outbox.drain();
  outbox.event(pong(2));
  assert.is(outbox.dirty, 2);
});

for (const [payload, records] of [
  [MAX_RECORD_PLAINTEXT_BYTES - 28 - 29 - 12, 1],
  [MAX_RECORD_PLAINTEXT_BYTES - 28 - 29 - 12 + 1, 2],
] as const) {
  outboxes(`a record is full at 95 KiB: a payload of ${payload} makes ${records}`, () => {
    const outbox = new TestOutbox(new ChunkPool());
    deliver(outbox, ['x', 'y'.repeat(payload)]);
    outbox.event(pong(1));
    assert.is(outbox.drain().length, records);
  });
}

outboxes('a message above a record’s size has one of its own', () => {
  const outbox = new TestOutbox(new ChunkPool());
  deliver(outbox, ['a', 'b'.repeat(MAX_RECORD_PLAINTEXT_BYTES), 'c']);
  assert.equal(
    outbox.drain().map((frames) => frames.length),
    [1, 1, 1],
  );
});

outboxes('a closed gate holds back everything after it and nothing before; opened, order is kept', () => {
  const outbox = new TestOutbox(new ChunkPool());
  outbox.event(pong(1));
  const first = outbox.hold();
  deliver(outbox, ['a']);
  const second = outbox.hold();
  outbox.event(pong(2));
  assert.equal(outbox.drain(), [['e:1']]);
  second.isOpen = true;
  assert.equal(outbox.drain(), [], 'the second opens for nobody while the first is closed');
  assert.not(outbox.isEmpty);
  first.isOpen = true;
  assert.equal(outbox.drain(), [['m:a'], ['e:2']]);
});

outboxes('what departed is counted in deliveries, and only when it was taken', () => {
  const outbox = new TestOutbox(new ChunkPool());
  deliver(outbox, ['a', 'b']);
  assert.is(outbox.departed, 0);
  const gate = outbox.hold();
  deliver(outbox, ['c']);
  outbox.event(pong(1));
  outbox.drain();
  assert.is(outbox.departed, 2);
  gate.isOpen = true;
  outbox.drain();
  assert.is(outbox.departed, 3);
});

outboxes('a borrowed run is copied before the next record is touched', () => {
  const outbox = new TestOutbox(new ChunkPool());
  const { bytes, spans } = record(['a', 'b', 'c']);
  for (const [start, end] of spans) outbox.deliver(bytes, start, end);
  const taken = outbox.take();
  bytes.fill(0);
  assert.equal(taken === null ? null : words(taken.bytes.slice(0, taken.used)), ['m:a', 'm:b', 'm:c']);
});

outboxes('a buffer that another session used before shows none of its bytes', () => {
  const pool = new ChunkPool();
  const first = new TestOutbox(pool);
  deliver(first, ['secret'.repeat(100)]);
  first.drain();
  const second = new TestOutbox(pool);
  deliver(second, ['a']);
  assert.equal(second.drain(), [['m:a']]);
});

outboxes('forgotten is forgotten', () => {
  const outbox = new TestOutbox(new ChunkPool());
  deliver(outbox, ['a']);
  outbox.hold();
  outbox.event(pong(1));
  outbox.forget();
  assert.equal(outbox.drain(), []);
  assert.is(outbox.controlBytes, 0);
});

type Step =
  | { readonly do: 'record'; readonly frames: readonly { readonly to: number; readonly size: number }[] }
  | { readonly do: 'event'; readonly to: number }
  | { readonly do: 'hold'; readonly to: number }
  | { readonly do: 'open'; readonly to: number }
  | { readonly do: 'drain'; readonly to: number }
  | { readonly do: 'filter'; readonly to: number; readonly modulo: number };

const BOXES = 3;
/** `to` = BOXES means a refused send: its frame is in the record, but is not delivered. */
const target = fc.nat(BOXES);
const box = fc.nat(BOXES - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('record' as const),
      frames: fc.array(
        fc.record({
          to: target,
          size: fc.oneof(fc.nat(40), fc.constantFrom(0, 30_000, MAX_RECORD_PLAINTEXT_BYTES - 28, 100_000)),
        }),
        { maxLength: 12 },
      ),
    }),
  },
  fc.record({ do: fc.constant('event' as const), to: box }),
  fc.record({ do: fc.constant('hold' as const), to: box }),
  fc.record({ do: fc.constant('open' as const), to: box }),
  fc.record({ do: fc.constant('drain' as const), to: box }),
  fc.record({ do: fc.constant('filter' as const), to: box, modulo: fc.integer({ min: 1, max: 4 }) }),
);

/** A slow model of an outbox: a list of words and gates. */
class Naive {
  queue: (string | Gate)[] = [];
  delivered = 0;
  departed = 0;
  readonly numbers = new Map<string, number>();

  drain(): string[] {
    const out: string[] = [];
    while (this.queue.length > 0) {
      const next = this.queue[0];
      if (typeof next === 'object' && !next.isOpen) break;
      this.queue.shift();
      if (typeof next !== 'string') continue;
      out.push(next);
      this.departed = Math.max(this.departed, this.numbers.get(next) ?? 0);
    }
    return out;
  }
}

outboxes('runs of interleaved destinations, gates and filters give what a plain list gives', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const pool = new ChunkPool();
      const real = Array.from({ length: BOXES }, () => new TestOutbox(pool));
      const naive = Array.from({ length: BOXES }, () => new Naive());
      const gates: Gate[][] = Array.from({ length: BOXES }, () => []);
      let serial = 0;
      const at = <T>(list: readonly T[], index: number): T => {
        const found = list[index];
        if (found === undefined) throw new Error('out of range');
        return found;
      };
      for (const action of steps) {
        if (action.do === 'record') {
          const payloads = action.frames.map(({ size }) => `${serial++}.`.padEnd(size, 'x'));
          const { bytes, spans } = record(payloads);
          for (const [index, { to }] of action.frames.entries()) {
            if (to === BOXES) continue;
            const [start, end] = at(spans, index);
            at(real, to).deliver(bytes, start, end);
            const twin = at(naive, to);
            const word = `m:${at(payloads, index)}`;
            twin.queue.push(word);
            twin.numbers.set(word, ++twin.delivered);
          }
        } else if (action.do === 'event') {
          at(real, action.to).event(pong(serial));
          at(naive, action.to).queue.push(`e:${serial++}`);
        } else if (action.do === 'hold') {
          const gate = at(real, action.to).hold();
          at(gates, action.to).push(gate);
          at(naive, action.to).queue.push(gate);
        } else if (action.do === 'open') {
          const gate = at(gates, action.to).shift();
          if (gate !== undefined) gate.isOpen = true;
        } else if (action.do === 'drain') {
          const expected = at(naive, action.to).drain();
          assert.equal(at(real, action.to).drain().flat(), expected);
          assert.ok(at(real, action.to).departed >= at(naive, action.to).departed);
        } else {
          const denied = (word: string): boolean =>
            word.startsWith('m:') && Number.parseInt(word.slice(2), 10) % action.modulo === 0;
          const asked: string[] = [];
          at(real, action.to).filter((frames, start, end) => {
            const [word = ''] = words(frames.slice(start, end));
            asked.push(word);
            return !denied(word);
          });
          const twin = at(naive, action.to);
          assert.equal(
            asked,
            twin.queue.filter((item) => typeof item === 'string' && item.startsWith('m:')),
          );
          twin.queue = twin.queue.filter((item) => typeof item !== 'string' || !denied(item));
        }
      }
      for (const [index, twin] of naive.entries()) {
        for (const gate of at(gates, index)) gate.isOpen = true;
        assert.equal(at(real, index).drain().flat(), twin.drain());
        assert.is(at(real, index).controlBytes, 0);
        assert.ok(at(real, index).isEmpty);
      }
    }),
    seeded({ numRuns: 300 }),
  );
});

outboxes.run();
