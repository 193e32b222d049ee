/**
 * What a domain can make the broker read from a NATS server, and that its own share pays for each message. Work is counted
 * in turns and units, never in time.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LineReader } from '../../broker/carrier/nats/line/line-reader.ts';
import { decodeMessage, MessageKind } from '../../broker/carrier/nats/pipe/message.ts';
import { Pipe } from '../../broker/carrier/nats/pipe/pipe.ts';
import { LINE_MESSAGE_UNITS, QUANTUM_UNITS, SLICE_UNITS, Turns } from '../../broker/turns/index.ts';
import { FakeClock } from '../support/clock.ts';
import { messageOf } from './messages.ts';

const ID = 7;
const PIECES = 400_000;
const MESSAGES = 40_000;
/** As `SERVER_READ_BYTES`: what one read of a plain line brings. */
const READ_BYTES = 128 * 1024;

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
/** One MSG line with its payload. */
const msg = (payload: Uint8Array): Buffer =>
  Buffer.concat([bytes(`MSG argus.host.up.bad 1 ${payload.length}\r\n`), payload, bytes('\r\n')]);

const LONGEST_REST_MS = 1_000;

/** The broker's turns, taken one by one, with an innocent domain next to the one that floods. */
class Line {
  readonly lines: Uint8Array[] = [];
  received = 0;
  isPaused = false;
  isBroken = false;
  readonly #tasks: (() => void)[] = [];
  readonly clock = new FakeClock();
  readonly turns = new Turns((task) => void this.#tasks.push(task), this.clock);
  readonly share = this.turns.share('bad');
  readonly reader: LineReader;
  onMessage: (message: Uint8Array) => void = () => {};

  constructor() {
    this.reader = new LineReader(
      {
        pause: () => {
          this.isPaused = true;
        },
        resume: () => {
          this.isPaused = false;
        },
        broken: () => {
          this.isBroken = true;
        },
      },
      {
        onMessage: (message) => {
          this.received++;
          this.onMessage(message);
        },
        onLine: (line) => void this.lines.push(line),
      },
      (worker) => this.turns.job('bad', worker),
    );
  }

  /** One turn of the event loop, after any rest. Returns the units that the flooding domain used in it. */
  turn(): number {
    const before = this.share.used;
    this.clock.advance(LONGEST_REST_MS);
    for (const task of this.#tasks.splice(0)) task();
    return this.share.used - before;
  }
}

/** `paid`: lines and messages in it. */
interface Flood {
  readonly bytes: Buffer;
  readonly paid: number;
}

function flood(make: (index: number) => Uint8Array, count = MESSAGES): Flood {
  return { bytes: Buffer.concat(Array.from({ length: count }, (_, index) => make(index))), paid: count };
}

const FLOODS: Readonly<Record<string, () => Flood>> = {
  'pieces of one byte inside the window': () =>
    flood((position) => msg(messageOf(position === 0 ? MessageKind.open : MessageKind.data, ID, position, 1)), PIECES),
  'the same piece again and again': () => {
    const piece = msg(messageOf(MessageKind.open, ID, 0, 1));
    return flood(() => piece);
  },
  'credit that says nothing new': () => {
    const credit = msg(messageOf(MessageKind.credit, ID, 0));
    return flood(() => credit);
  },
  'messages of no pipe': () => {
    const stray = msg(messageOf(MessageKind.close, ID + 1, 0));
    return flood(() => stray);
  },
  'messages with headers': () => {
    const foreign = bytes('HMSG argus.host.up.bad 1 12 17\r\nNATS/1.0\r\n\r\nhello\r\n');
    return flood(() => foreign);
  },
  'empty messages': () => {
    const empty = msg(new Uint8Array(0));
    return flood(() => empty);
  },
};

const reading = suite('nats line reader');

for (const [label, make] of Object.entries(FLOODS)) {
  reading(`many messages, ${label}: the domain pays for each, and no other waits`, () => {
    const line = new Line();
    const pipe = new Pipe(
      ID,
      false,
      { fragmentBytes: 1_000, waitingBytes: 0, publish: () => {}, schedule: () => () => {}, nextTurn: () => {} },
      { onChunk: () => {}, onDrain: () => {}, onEnded: () => {} },
    );
    // The reader of the pipe is busy: what comes is kept, which costs the line as much as it can.
    pipe.pause();
    line.onMessage = (message) => {
      const decoded = decodeMessage(message);
      if (decoded?.id === ID) pipe.receive(decoded);
    };
    let answered = 0;
    let wasReady = 0;
    const innocent = line.turns.job('good', {
      work: () => {
        innocent.share.spend(2_000);
        answered++;
        return false;
      },
    });

    const { bytes: said, paid } = make();
    for (let at = 0; at < said.length; at += READ_BYTES) {
      const before = line.share.used;
      line.reader.read(said.subarray(at, at + READ_BYTES));
      assert.ok(line.share.used - before <= QUANTUM_UNITS + LINE_MESSAGE_UNITS, `${line.share.used - before} at once`);
      while (line.isPaused) {
        innocent.ready();
        const units = line.turn();
        wasReady++;
        assert.ok(units <= SLICE_UNITS + LINE_MESSAGE_UNITS, `${units} units in a turn`);
        assert.is(answered, wasReady, 'the innocent domain has waited longer than a turn');
      }
    }
    assert.ok(
      wasReady >= (paid * LINE_MESSAGE_UNITS) / QUANTUM_UNITS,
      `the flood was held back for ${wasReady} turns only`,
    );
    assert.is(line.share.used, paid * LINE_MESSAGE_UNITS);
  });
}

reading('what the share pays for is worked on at once, and nothing is kept or paused', () => {
  const line = new Line();
  const got: string[] = [];
  line.onMessage = (message) => void got.push(Buffer.from(message).toString('latin1'));
  line.reader.read(Buffer.concat([msg(bytes('one')), bytes('PING\r\n'), msg(bytes('two'))]));
  assert.equal(got, ['one', 'two']);
  assert.is(line.lines.length, 1);
  assert.not(line.isPaused);
});

reading('what is kept is a copy, and what a paused socket still hands over comes behind it, in order', () => {
  const line = new Line();
  const got: number[] = [];
  line.onMessage = (message) => void got.push(Buffer.from(message).readUInt32LE(0));
  const numbered = (number: number): Buffer => {
    const payload = Buffer.alloc(4);
    payload.writeUInt32LE(number);
    return msg(payload);
  };
  const count = 3_000;
  const first = Buffer.concat(Array.from({ length: count }, (_, number) => numbered(number)));
  line.reader.read(first);
  assert.ok(line.isPaused);
  first.fill(0);
  // Cut inside a line, as reads are.
  const second = Buffer.concat(Array.from({ length: count }, (_, number) => numbered(count + number)));
  line.reader.read(second.subarray(0, 1_003));
  second.fill(0, 0, 1_003);
  line.reader.read(second.subarray(1_003));
  second.fill(0);
  for (let turn = 0; line.isPaused && turn < 1_000; turn++) line.turn();
  assert.equal(
    got,
    Array.from({ length: 2 * count }, (_, number) => number),
  );
});

reading('a stream that is none of a NATS server is reported once, and a closed line works on nothing', () => {
  const line = new Line();
  line.reader.read(bytes('HTTP/1.1 200 OK\r\n'));
  assert.ok(line.isBroken);
  line.reader.read(msg(bytes('late')));
  assert.is(line.received, 0);

  const closed = new Line();
  closed.reader.read(Buffer.concat(Array.from({ length: 3_000 }, () => msg(bytes('more')))));
  const before = closed.received;
  closed.reader.close();
  for (let turn = 0; turn < 20; turn++) closed.turn();
  assert.is(closed.received, before);
});

reading('a process that serves nobody else reads all at once', () => {
  let received = 0;
  const source = { pause: () => assert.unreachable(), resume: () => {}, broken: () => {} };
  const reader = new LineReader(source, { onMessage: () => void received++, onLine: () => {} }, null);
  reader.read(Buffer.concat(Array.from({ length: 5_000 }, () => msg(bytes('x')))));
  assert.is(received, 5_000);
});

reading.run();
