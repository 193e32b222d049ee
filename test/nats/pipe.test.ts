/** A pipe keeps order and notices loss over a line that may drop, repeat, reorder and invent messages. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  HELD_BLOCK_BYTES,
  LINGER_MS,
  MAX_PAYLOAD_BYTES,
  PLAIN_FRAGMENT_BYTES,
  TLS_FRAGMENT_BYTES,
  WINDOW_BYTES,
} from '../../broker/carrier/nats/limits.ts';
import { decodeMessage, MESSAGE_HEADER_BYTES, MessageKind } from '../../broker/carrier/nats/pipe/message.ts';
import { Pipe, type PipeFault } from '../../broker/carrier/nats/pipe/pipe.ts';
import { MAX_RECORD_PLAINTEXT_BYTES, RECORD_HEADER_BYTES, TAG_BYTES } from '../../broker/wire/index.ts';
import { FakeClock } from '../support/clock.ts';
import { seededRandom } from '../support/seed.ts';
import { messageOf } from './messages.ts';

const ID = 0x0102_0304_0506;
const FRAGMENT_BYTES = TLS_FRAGMENT_BYTES;

class End {
  readonly out: Uint8Array[] = [];
  readonly got: Uint8Array[] = [];
  readonly clock = new FakeClock();
  drains = 0;
  /** Bytes that the server has not taken. */
  waitingBytes = 0;
  ended: PipeFault | null | undefined;
  onChunk: () => void = () => {};
  readonly pipe: Pipe;

  constructor(isOpener: boolean) {
    const waitingBytes = (): number => this.waitingBytes;
    this.pipe = new Pipe(
      ID,
      isOpener,
      {
        fragmentBytes: FRAGMENT_BYTES,
        get waitingBytes() {
          return waitingBytes();
        },
        publish: (length, write) => {
          const message = new Uint8Array(length);
          write(message);
          this.out.push(message);
        },
        schedule: this.clock.schedule,
        nextTurn: setImmediate,
      },
      {
        onChunk: (chunk) => {
          this.got.push(chunk.slice());
          this.onChunk();
        },
        onDrain: () => void this.drains++,
        onEnded: (fault) => {
          this.ended = fault;
        },
      },
    );
  }

  get text(): string {
    return Buffer.concat(this.got).toString('latin1');
  }

  hear(...messages: readonly Uint8Array[]): void {
    for (const bytes of messages) {
      const message = decodeMessage(bytes);
      if (message !== null) this.pipe.receive(message);
    }
  }
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** Passes the messages of both ends on, until neither has more. */
function talk(one: End, other: End): void {
  while (one.out.length + other.out.length > 0) {
    other.hear(...one.out.splice(0));
    one.hear(...other.out.splice(0));
  }
}

const pipe = suite('nats pipe');

for (const [over, fragmentBytes] of [
  ['plain TCP', PLAIN_FRAGMENT_BYTES],
  ['TLS', TLS_FRAGMENT_BYTES],
] as const) {
  pipe(`a full record is a whole number of fragments over ${over}, none of which is too large for the server`, () => {
    const sealed = RECORD_HEADER_BYTES + MAX_RECORD_PLAINTEXT_BYTES + TAG_BYTES;
    assert.is(sealed % fragmentBytes, 0);
    assert.ok(MESSAGE_HEADER_BYTES + fragmentBytes <= MAX_PAYLOAD_BYTES);
  });
}

pipe('what is written arrives in order, as one piece a write; the first piece opens the pipe', () => {
  const [vm, broker] = [new End(true), new End(false)];
  assert.is(vm.pipe.write([bytes('head'), bytes('body'), bytes('tag')]), true);
  vm.pipe.write([bytes('next')]);
  assert.equal(
    vm.out.map((message) => decodeMessage(message)?.kind),
    [MessageKind.open, MessageKind.data],
  );
  talk(vm, broker);
  assert.is(broker.text, 'headbodytagnext');
});

pipe('a piece that comes twice is dropped, at whatever time', () => {
  const [vm, broker] = [new End(true), new End(false)];
  vm.pipe.write([bytes('one')]);
  vm.pipe.write([bytes('two')]);
  const [first = bytes(''), second = bytes('')] = vm.out;
  broker.hear(first, first, second, first, second);
  assert.is(broker.text, 'onetwo');
  assert.is(broker.pipe.duplicates, 3);
});

for (const [label, order] of [
  ['a lost piece', [0, 2]],
  ['two pieces in the wrong order', [0, 2, 1]],
] as const) {
  pipe(`${label} ends the pipe with a reason, and nothing is delivered past the gap`, async () => {
    const [vm, broker] = [new End(true), new End(false)];
    for (const text of ['one', 'two', 'three']) vm.pipe.write([bytes(text)]);
    broker.hear(...order.map((index) => vm.out[index] ?? bytes('')));
    await turn();
    assert.is(broker.text, 'one');
    assert.is(broker.ended, 'GAP');
    vm.hear(...broker.out);
    await turn();
    assert.is(vm.ended, null);
  });
}

pipe('a piece that overlaps what was had is a gap: it is not ours', async () => {
  const broker = new End(false);
  const forged = messageOf(MessageKind.data, ID, 1, 4);
  const first = messageOf(MessageKind.open, ID, 0, 2);
  broker.hear(first, forged);
  await turn();
  assert.is(broker.ended, 'GAP');
});

pipe('a goodbye that speaks of more than has come is a gap', async () => {
  const [vm, broker] = [new End(true), new End(false)];
  vm.pipe.write([bytes('one')]);
  vm.pipe.write([bytes('two')]);
  vm.pipe.end();
  broker.hear(...vm.out.filter((_, index) => index !== 1));
  await turn();
  assert.is(broker.ended, 'GAP');
});

pipe('a large write is cut into fragments and stops at the window until the reader gives credit', () => {
  const [vm, broker] = [new End(true), new End(false)];
  const large = new Uint8Array(WINDOW_BYTES + 5).map((_, index) => index % 251);
  assert.is(vm.pipe.write([large.slice()]), false);
  assert.is(vm.out.length, Math.ceil(WINDOW_BYTES / FRAGMENT_BYTES));
  assert.ok(vm.out.every((message) => message.length <= FRAGMENT_BYTES + MESSAGE_HEADER_BYTES));
  assert.is(vm.drains, 0);
  talk(vm, broker);
  assert.is(vm.drains, 1);
  assert.is(Buffer.compare(Buffer.concat(broker.got), large), 0);
});

pipe('a reader that pauses is sent one window and no more, and loses nothing', async () => {
  const [vm, broker] = [new End(true), new End(false)];
  broker.pipe.pause();
  const piece = new Uint8Array(100_000).fill(1);
  let written = 0;
  while (vm.pipe.write([piece.slice()])) written += piece.length;
  written += piece.length;
  talk(vm, broker);
  assert.is(broker.got.length, 0);
  assert.ok(vm.pipe.isCongested);
  broker.pipe.resume();
  for (let turns = 0; turns < 2 * (WINDOW_BYTES / HELD_BLOCK_BYTES); turns++) {
    await turn();
    talk(vm, broker);
  }
  assert.is(Buffer.concat(broker.got).length, written);
  assert.is(vm.drains, 1);
});

pipe('a window of one-byte pieces costs its bytes, and is handed on one block a turn', async () => {
  const broker = new End(false);
  broker.pipe.pause();
  const pieces = 3 * HELD_BLOCK_BYTES;
  for (let at = 0; at < pieces; at++) {
    broker.hear(messageOf(at === 0 ? MessageKind.open : MessageKind.data, ID, at, 1));
  }
  broker.pipe.resume();
  const perTurn: number[] = [];
  while (Buffer.concat(broker.got).length < pieces) {
    const before = broker.got.length;
    await turn();
    perTurn.push(broker.got.length - before);
  }
  assert.ok(
    perTurn.every((chunks) => chunks === 1),
    perTurn.join(),
  );
  assert.ok(broker.got.length <= 4 + Math.log2(HELD_BLOCK_BYTES), 'pieces are joined while they are held');
  assert.ok(broker.got.every((chunk) => chunk.length <= HELD_BLOCK_BYTES));
});

pipe('a few bytes that are held take a few bytes of memory, however often', async () => {
  const broker = new End(false);
  for (let at = 0; at < 60; at += 3) {
    broker.pipe.pause();
    for (let piece = at; piece < at + 3; piece++)
      broker.hear(messageOf(piece === 0 ? MessageKind.open : MessageKind.data, ID, piece, 1));
    assert.is(broker.pipe.heldBytes, 3);
    broker.pipe.resume();
    for (let turns = 0; turns < 3; turns++) await turn();
    assert.is(broker.pipe.heldBytes, 0);
  }
  assert.is(Buffer.concat(broker.got).length, 60);
});

pipe('what is held is handed on before the other end’s goodbye, and in order', async () => {
  const broker = new End(false);
  broker.pipe.pause();
  const length = FRAGMENT_BYTES;
  for (let at = 0; at < 9 * length; at += length)
    broker.hear(messageOf(at === 0 ? MessageKind.open : MessageKind.data, ID, at, length));
  broker.pipe.resume();
  await turn();
  broker.hear(messageOf(MessageKind.close, ID, 9 * length, 0));
  while (broker.ended === undefined) await turn();
  assert.is(Buffer.concat(broker.got).length, 9 * length);
  assert.is(broker.ended, null);
});

pipe('a reader that is still busy learns of the goodbye when it has taken all and would take more', async () => {
  const broker = new End(false);
  broker.onChunk = () => broker.pipe.pause();
  broker.hear(messageOf(MessageKind.open, ID, 0, 3), messageOf(MessageKind.data, ID, 3, 3));
  broker.hear(messageOf(MessageKind.close, ID, 6, 0));
  for (let chunk = 1; chunk <= 2; chunk++) {
    await turn();
    await turn();
    assert.is(broker.got.length, chunk);
    assert.is(broker.ended, undefined);
    broker.pipe.resume();
  }
  await turn();
  await turn();
  assert.is(broker.ended, null);
});

pipe('a reader that takes nothing after the goodbye is not waited for', async () => {
  const broker = new End(false);
  broker.pipe.pause();
  broker.hear(messageOf(MessageKind.open, ID, 0, 3), messageOf(MessageKind.close, ID, 3, 0));
  broker.clock.advance(LINGER_MS);
  await turn();
  assert.is(broker.ended, null);
  assert.is(broker.clock.pendingTimers, 0);
});

pipe('a reader that ends while it takes the rest after the goodbye has ended', async () => {
  const broker = new End(false);
  broker.pipe.pause();
  broker.hear(messageOf(MessageKind.open, ID, 0, 3), messageOf(MessageKind.close, ID, 3, 0));
  broker.pipe.end();
  await turn();
  assert.is(broker.ended, null);
  assert.is(broker.clock.pendingTimers, 0);
});

pipe('a chunk that pauses the reader is the last one before it resumes, which is never inside the call', async () => {
  const [vm, broker] = [new End(true), new End(false)];
  broker.onChunk = () => broker.pipe.pause();
  vm.pipe.write([bytes('one')]);
  vm.pipe.write([bytes('two')]);
  talk(vm, broker);
  assert.is(broker.text, 'one');
  broker.pipe.resume();
  assert.is(broker.text, 'one');
  await turn();
  assert.is(broker.text, 'onetwo');
});

pipe('more than the window ends the pipe: its owner has not kept the rules', async () => {
  const broker = new End(false);
  broker.pipe.pause();
  for (let at = 0; at <= WINDOW_BYTES; at += FRAGMENT_BYTES) {
    broker.hear(messageOf(at === 0 ? MessageKind.open : MessageKind.data, ID, at, FRAGMENT_BYTES));
  }
  await turn();
  assert.is(broker.ended, 'OVERRUN');
});

pipe('credit for what was never sent ends the pipe; credit that comes late or twice is nothing', async () => {
  const vm = new End(true);
  vm.pipe.write([bytes('12345')]);
  vm.hear(messageOf(MessageKind.credit, ID, 5), messageOf(MessageKind.credit, ID, 3));
  await turn();
  assert.is(vm.ended, undefined);
  vm.hear(messageOf(MessageKind.credit, ID, 6));
  await turn();
  assert.is(vm.ended, 'BAD_CREDIT');
});

pipe('end sends what was taken, as the reader takes it, then says goodbye', async () => {
  const [vm, broker] = [new End(true), new End(false)];
  vm.pipe.write([new Uint8Array(WINDOW_BYTES * 2)]);
  vm.pipe.end();
  talk(vm, broker);
  await turn();
  assert.is(Buffer.concat(broker.got).length, WINDOW_BYTES * 2);
  assert.equal([vm.ended, broker.ended], [null, null]);
  assert.is(vm.clock.pendingTimers, 0);
});

pipe('end gives a reader that does not read a while, and no longer', async () => {
  const vm = new End(true);
  vm.pipe.write([new Uint8Array(WINDOW_BYTES * 2)]);
  vm.pipe.end();
  vm.clock.advance(10_000);
  await turn();
  assert.is(vm.ended, 'DEAF');
});

pipe('over a line that drops, repeats and reorders, what arrives is a prefix of what was sent', () => {
  const source = seededRandom();
  const random = (): number => source.uint32() / 2 ** 32;
  for (let round = 0; round < 300; round++) {
    const [vm, broker] = [new End(true), new End(false)];
    let sent = '';
    for (let i = 0; i < 20; i++) {
      const text = `${i}.`.repeat(1 + Math.floor(random() * 5));
      sent += text;
      vm.pipe.write([bytes(text)]);
      const batch = vm.out.splice(0);
      const dice = random();
      if (dice < 0.1) continue;
      if (dice < 0.3) batch.push(...batch);
      if (dice < 0.4) batch.push(messageOf(Math.floor(random() * 6) as MessageKind, ID, Math.floor(random() * 90)));
      if (dice > 0.95) batch.reverse();
      broker.hear(...batch);
      vm.hear(...broker.out.splice(0));
    }
    assert.ok(sent.startsWith(broker.text), `round ${round}`);
  }
});

pipe('what the server does not take is held for this end, as far as it is not credited', () => {
  const vm = new End(true);
  assert.is(vm.pipe.heldBytes, 0);
  vm.waitingBytes = 1_000_000;
  vm.pipe.write([new Uint8Array(5_000)]);
  assert.is(vm.pipe.heldBytes, 5_000);
  vm.hear(messageOf(MessageKind.credit, ID, 3_000));
  assert.is(vm.pipe.heldBytes, 2_000);
  vm.waitingBytes = 700;
  assert.is(vm.pipe.heldBytes, 700);
});

pipe.run();

const message = suite('nats pipe message');

message('a header reads back as it was written, at the bounds of its fields', () => {
  for (const id of [0, 1, 2 ** 48 - 1]) {
    for (const position of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const { bytes: rest, ...header } = decodeMessage(messageOf(MessageKind.credit, id, position)) ?? {
        bytes: null,
      };
      assert.equal(header, { kind: MessageKind.credit, id, position });
      assert.is(rest?.length, 0);
    }
  }
});

message('random bytes are refused or read, never thrown at', () => {
  const source = seededRandom();
  const random = (): number => source.uint32() / 2 ** 32;
  for (let i = 0; i < 20_000; i++) {
    const noise = Uint8Array.from({ length: Math.floor(random() * 40) }, () => Math.floor(random() * 256));
    if (noise.length > 0 && random() < 0.7) noise[0] = 1;
    if (noise.length > 1 && random() < 0.7) noise[1] = Math.floor(random() * 5);
    const read = decodeMessage(noise);
    if (read !== null) assert.ok(Number.isSafeInteger(read.position) && Number.isSafeInteger(read.id));
  }
});

const refused: readonly (readonly [string, (header: Uint8Array) => Uint8Array])[] = [
  ['a header cut short', (header) => header.subarray(0, 15)],
  ['another version', (header) => header.with(0, 2)],
  ['kind 0', (header) => header.with(1, 0)],
  ['an unknown kind', (header) => header.with(1, 5)],
  ['a position beyond 2^53', (header) => header.with(14, 0x20)],
  ['credit with bytes behind it', (header) => Buffer.concat([header, Uint8Array.of(1)])],
  ['data without bytes', (header) => header.with(1, MessageKind.data)],
];
for (const [label, spoil] of refused) {
  message(`${label} is no message`, () => {
    assert.is(decodeMessage(spoil(messageOf(MessageKind.credit, ID, 7))), null);
  });
}

message.run();
