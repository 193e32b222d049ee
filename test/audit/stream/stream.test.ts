/** Streaming a log: what is delivered, repeated and never left out. In memory, on a clock that stands still. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ParsedLine } from '../../../broker/audit/index.ts';
import {
  type CursorStore,
  formatCursor,
  parseCursor,
  type StreamCursor,
} from '../../../clients/audit/stream/cursor.ts';
import { StreamError } from '../../../clients/audit/stream/errors.ts';
import {
  FIRST_RETRY_MS,
  MAX_BATCH_RECORDS,
  MAX_RETRY_MS,
  STREAM_POLL_MS,
} from '../../../clients/audit/stream/limits.ts';
import { BEGINNING } from '../../../clients/audit/stream/records.ts';
import {
  type StreamDelivery,
  type StreamTarget,
  type StreamTotals,
  streamLog,
} from '../../../clients/audit/stream/stream.ts';
import { FakeClock } from '../../support/clock.ts';
import { durable, hostClock, type LogFixture, MemoryDisk, openOn, settle } from '../fixtures.ts';

const streams = suite('audit stream');
const TAKEN: StreamDelivery = { rejected: 0, note: null, receiver: null };
const DOWN = new StreamError('ERR_STREAM_UNREACHABLE', 'receiver: not reached');

class MemoryCursor implements CursorStore {
  /** As in the file. */
  text: string | null = null;
  isBroken = false;

  async read(): Promise<StreamCursor> {
    return this.text === null ? { ...BEGINNING, receiver: null } : parseCursor(this.text, 'receiver', 'cursor');
  }

  async replace(cursor: StreamCursor): Promise<void> {
    if (this.isBroken) throw new Error('ENOSPC');
    this.text = formatCursor(cursor, 'receiver');
  }
}

interface Run {
  /** Numbers of the records of each delivery that the receiver took. */
  readonly taken: number[][];
  readonly reports: string[];
  readonly clock: FakeClock;
  /** Deliveries that were tried. */
  tries: number;
  /** Decides about each delivery; a throw is a failure. */
  answer: () => StreamDelivery | Promise<StreamDelivery>;
  readonly stop: AbortController;
  readonly ended: Promise<StreamTotals>;
}

function run(
  disk: MemoryDisk,
  cursor: CursorStore = new MemoryCursor(),
  { isOnce = false, wants = () => true }: { isOnce?: boolean; wants?: (record: ParsedLine) => boolean } = {},
): Run {
  const stop = new AbortController();
  const clock = new FakeClock();
  const made: Omit<Run, 'ended'> = { taken: [], reports: [], clock, tries: 0, answer: () => TAKEN, stop };
  const target: StreamTarget = {
    name: 'receiver',
    deliver: async (records) => {
      made.tries += 1;
      const delivery = await made.answer();
      made.taken.push(records.map(({ seq }) => seq));
      return delivery;
    },
    close: async () => undefined,
  };
  const parts = { reader: disk, target, cursor, wants, clock: hostClock(clock), random: () => 1, isOnce };
  const ended = streamLog({ ...parts, report: (line) => made.reports.push(line) }, stop.signal);
  ended.catch(() => undefined);
  return Object.assign(made, { ended });
}

/** The same object: `answer` may still be changed. */
function failing(started: Run, times: number): Run {
  let left = times;
  started.answer = () => {
    if (left-- > 0) throw DOWN;
    return TAKEN;
  };
  return started;
}

async function grow({ log }: Pick<LogFixture, 'log'>, count: number): Promise<void> {
  for (let index = 0; index < count; index++) log.record({ event: 'admin.request', reason: `R${index}` });
  await durable(log);
}

const codeOf = (running: Promise<unknown>): Promise<string> =>
  running.then(
    () => 'ended',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );

const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, at) => first + at);

streams('every record is delivered once and in order, also those that are written later', async () => {
  const fixture = await openOn(new MemoryDisk(), { segmentBytes: 1_500 });
  await grow(fixture, 20);
  const stream = run(fixture.disk);
  await settle();
  await grow(fixture, 5);
  await settle();
  assert.equal(stream.taken.flat(), upTo(21), 'new records wait for the interval');
  stream.clock.advance(STREAM_POLL_MS);
  await settle();
  assert.equal(stream.taken.flat(), upTo(26));
  stream.stop.abort();
  assert.equal(await stream.ended, { delivered: 26, rejected: 0, findings: 0, seq: 26 });
  assert.is(stream.clock.pendingTimers, 0);
});

streams('a batch is bounded, and the next one is read after it was delivered', async () => {
  const fixture = await openOn();
  await grow(fixture, 2 * MAX_BATCH_RECORDS);
  const stream = run(fixture.disk, new MemoryCursor(), { isOnce: true });
  await stream.ended;
  assert.equal(
    stream.taken.map(({ length }) => length),
    [MAX_BATCH_RECORDS, MAX_BATCH_RECORDS, 1],
  );
});

streams('a receiver that is away gets everything when it is back, and the operator hears of it twice', async () => {
  const fixture = await openOn();
  await grow(fixture, 3);
  const stream = failing(run(fixture.disk), 6);
  for (let waited = FIRST_RETRY_MS; stream.tries < 7; waited = Math.min(2 * waited, MAX_RETRY_MS)) {
    await settle();
    stream.clock.advance(waited);
    await settle();
  }
  assert.equal(stream.taken, [upTo(4)]);
  assert.is(stream.reports.length, 2);
  assert.match(stream.reports[0] ?? '', 'not reached; records up to 4 wait');
  assert.match(stream.reports[1] ?? '', 'takes records again');
  stream.stop.abort();
  await stream.ended;
});

streams('the wait between attempts doubles up to its maximum', async () => {
  const fixture = await openOn();
  const stream = failing(run(fixture.disk), 100);
  await settle();
  for (const wait of [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    const before = stream.tries;
    stream.clock.advance(wait - 1);
    await settle();
    assert.is(stream.tries, before, `not before ${wait} ms`);
    stream.clock.advance(1);
    await settle();
    assert.is(stream.tries, before + 1);
  }
  stream.stop.abort();
  await stream.ended;
});

streams('the receiver says when it wants to be asked again', async () => {
  const fixture = await openOn();
  const stream = run(fixture.disk);
  stream.answer = () => {
    throw new StreamError('ERR_STREAM_UNREACHABLE', 'busy', { retryAfterMs: 90_000 });
  };
  await settle();
  stream.clock.advance(89_999);
  await settle();
  assert.is(stream.tries, 1);
  stream.clock.advance(1);
  await settle();
  assert.is(stream.tries, 2);
  stream.stop.abort();
  await stream.ended;
});

streams('a stream that is killed at any moment leaves no record out, and repeats at most one delivery', async () => {
  const fixture = await openOn(new MemoryDisk(), { segmentBytes: 1_500 });
  await grow(fixture, 30);
  const cursor = new MemoryCursor();
  const got: number[] = [];
  // Killed before the delivery, after it and before the cursor was written, and after the cursor was written.
  for (const death of ['before', 'between', 'after', 'between', 'before'] as const) {
    const stream = run(fixture.disk, cursor);
    cursor.isBroken = death === 'between';
    if (death === 'before') {
      stream.answer = () => {
        throw new Error('killed');
      };
    }
    await settle();
    stream.stop.abort();
    await codeOf(stream.ended);
    got.push(...stream.taken.flat());
    await grow(fixture, 4);
  }
  cursor.isBroken = false;
  const last = run(fixture.disk, cursor, { isOnce: true });
  await last.ended;
  got.push(...last.taken.flat());
  assert.equal([...new Set(got)], upTo(51));
});

streams('a slow receiver holds up neither the log nor another stream', async () => {
  const fixture = await openOn();
  await grow(fixture, 2);
  const slow = run(fixture.disk);
  slow.answer = () => new Promise(() => undefined);
  const quick = run(fixture.disk);
  await settle();
  await grow(fixture, 5);
  quick.clock.advance(STREAM_POLL_MS);
  await settle();
  assert.equal(quick.taken.flat(), upTo(8));
  assert.equal([slow.tries, slow.taken], [1, []]);
  quick.stop.abort();
  await quick.ended;
});

streams('only wanted records are delivered, and the cursor moves over the others', async () => {
  const fixture = await openOn();
  await grow(fixture, 4);
  const cursor = new MemoryCursor();
  const options = { isOnce: true, wants: ({ seq }: ParsedLine) => seq === 3 };
  assert.is((await run(fixture.disk, cursor, options).ended).seq, 5);
  const again = run(fixture.disk, cursor, options);
  await again.ended;
  assert.equal(again.taken, []);
});

streams('a refusal ends the stream, and the cursor stays before the refused records', async () => {
  const fixture = await openOn();
  const cursor = new MemoryCursor();
  const stream = run(fixture.disk, cursor);
  stream.answer = () => {
    throw new StreamError('ERR_STREAM_REFUSED', 'no');
  };
  assert.is(await codeOf(stream.ended), 'ERR_STREAM_REFUSED');
  assert.is(cursor.text, null);
});

streams('once: the first failure ends it', async () => {
  const fixture = await openOn();
  assert.is(await codeOf(failing(run(fixture.disk, new MemoryCursor(), { isOnce: true }), 1).ended), DOWN.code);
});

streams('records that the receiver rejects are counted and reported, and the stream goes on', async () => {
  const fixture = await openOn();
  await grow(fixture, 3);
  const stream = run(fixture.disk, new MemoryCursor(), { isOnce: true });
  stream.answer = () => ({ rejected: 1, note: 'too long', receiver: null });
  assert.equal(await stream.ended, { delivered: 3, rejected: 1, findings: 0, seq: 4 });
  assert.equal(stream.reports, ['receiver rejected 1 of 4 records: too long']);
});

streams('records that retention removed before they were streamed are reported with their numbers', async () => {
  const fixture = await openOn(new MemoryDisk(), { segmentBytes: 1_500 });
  await grow(fixture, 2);
  const cursor = new MemoryCursor();
  await run(fixture.disk, cursor, { isOnce: true }).ended;
  for (let commit = 0; commit < 5; commit++) await grow(fixture, 4);
  fixture.disk.files.delete(1);
  const next = JSON.parse(fixture.disk.bytes(2).toString().split('\n')[0] ?? '').seq as number;
  const stream = run(fixture.disk, cursor, { isOnce: true });
  assert.is((await stream.ended).findings, 1);
  assert.equal(stream.reports, [`records 4 to ${next - 1} are not in the log any more, and were not streamed`]);
  assert.equal(stream.taken.flat(), upTo(23, next));
});

/** A log of four records that was streamed, as it lies on the disk afterwards. */
async function streamed(): Promise<{ disk: MemoryDisk; cursor: MemoryCursor }> {
  const fixture = await openOn();
  await grow(fixture, 3);
  const cursor = new MemoryCursor();
  await run(fixture.disk, cursor, { isOnce: true }).ended;
  await grow(fixture, 3);
  return { disk: fixture.disk, cursor };
}

streams('a log that was cut off behind the cursor is not taken for a log without news', async () => {
  const { disk, cursor } = await streamed();
  disk.files.set(1, disk.bytes(1).subarray(0, 600));
  assert.is(await codeOf(run(disk, cursor, { isOnce: true }).ended), 'ERR_STREAM_CURSOR');
});

streams('another log at the place of the cursor is not taken for its continuation', async () => {
  const { cursor } = await streamed();
  const other = await openOn(new MemoryDisk(), { broker: 'test' });
  await grow(other, 1);
  other.clock.advance(1);
  await grow(other, 6);
  const { place } = await cursor.read();
  // A record begins at the same byte in both logs; only the hash of the record before it differs.
  const lines = other.disk.text().split('\n');
  const start = lines.slice(0, 4).join('\n').length + 1;
  assert.is(place.offset, start);
  assert.is(await codeOf(run(other.disk, cursor, { isOnce: true }).ended), 'ERR_STREAM_CURSOR');
});

streams('a line that is not a record is reported, and what comes after it is delivered', async () => {
  const fixture = await openOn();
  await grow(fixture, 3);
  const bytes = Buffer.from(fixture.disk.bytes(1));
  bytes[bytes.indexOf('"seq":2') + 6] = 0x37;
  fixture.disk.files.set(1, bytes);
  const stream = run(fixture.disk, new MemoryCursor(), { isOnce: true });
  await stream.ended;
  assert.equal(stream.taken.flat(), [1, 3, 4]);
  assert.equal(stream.reports, [
    'a line of segment 1 is not a record: BAD_SUM',
    'records 2 to 2 are not in the log any more, and were not streamed',
  ]);
});

streams('a cursor of another receiver, or a damaged one, is refused', () => {
  const good = formatCursor({ ...BEGINNING, receiver: null }, 'receiver');
  assert.equal(parseCursor(good, 'receiver', 'cursor'), { ...BEGINNING, receiver: null });
  for (const [text, to] of [
    [good, 'another'],
    ['', 'receiver'],
    [good.slice(0, 20), 'receiver'],
    [good.replace('"seq":0', '"seq":-1'), 'receiver'],
    [good.replace('"seq":0', '"seq":0,"more":1'), 'receiver'],
  ] as const) {
    assert.throws(
      () => parseCursor(text, to, 'cursor'),
      (error: StreamError) => error.code === 'ERR_STREAM_CURSOR',
    );
  }
});

streams.run();
