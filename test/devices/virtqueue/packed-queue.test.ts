/**
 * Packed virtqueues: interrupts and kicks, a hostile driver that is stopped, and random chains of an honest driver, which
 * arrive through a packed queue and a split one as one naive model says.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PackedQueue, type QueueFault, SplitQueue, type VirtQueue } from '../../../clients/devices/virtqueue/index.ts';
import { fuzzUntil } from '../../support/seed.ts';
import { type BufferPlace, DriverQueue, FlatMemory } from '../guest/driver-queue.ts';
import { PackedDriverQueue } from '../guest/packed-driver-queue.ts';

const packed = suite('packed virtqueue');
const SIZE = 8;
const MAX_READABLE = 4_096;
/** The first round has the wrap counter 1 on both sides. */
const START = 0x8000_8000;
/** Two properties share the budget of one. */
const FUZZ_SHARE_SECONDS = Number(process.env.FUZZ_SECONDS ?? 2) / 2;

interface Fixture {
  readonly memory: FlatMemory;
  readonly driver: PackedDriverQueue;
  readonly queue: PackedQueue;
  readonly buffer: (bytes: Uint8Array) => BufferPlace;
  readonly space: (length: number) => BufferPlace;
}

function roomIn(memory: FlatMemory, from: number): Pick<Fixture, 'buffer' | 'space'> {
  let free = Math.ceil(from / 16) * 16;
  const space = (length: number): BufferPlace => {
    const address = free;
    free += Math.ceil(length / 16) * 16;
    return { address, length, isWritable: true };
  };
  const buffer = (bytes: Uint8Array): BufferPlace => {
    const place = { ...space(bytes.length), isWritable: false };
    memory.write(place.address, bytes);
    return place;
  };
  return { buffer, space };
}

function makeFixture({ hasEventIndex = false, hasIndirect = true, size = SIZE, bytes = 1 << 20 } = {}): Fixture {
  const memory = new FlatMemory(bytes);
  const driver = new PackedDriverQueue(memory, memory.base, size, hasEventIndex);
  const options = { size, next: START, hasEventIndex, hasIndirect, maxReadableBytes: MAX_READABLE };
  const queue = new PackedQueue(memory, driver.place, options);
  return { memory, driver, queue, ...roomIn(memory, driver.end) };
}

/** Takes a chain, answers it, and gives it back. True: the driver is interrupted. */
function serve(queue: VirtQueue, answer = ''): boolean {
  const chain = queue.pop();
  assert.ok(chain, `fault ${queue.fault}`);
  queue.complete(chain, Buffer.from(answer));
  return queue.flush();
}

packed('a chain is read and answered, and its name comes back with the bytes that were written', () => {
  const { memory, driver, queue, buffer, space } = makeFixture();
  const [first, second] = [space(3), space(10)];
  const id = driver.add([buffer(Buffer.from('hello ')), buffer(Buffer.from('world')), first, second]);
  const chain = queue.pop();
  assert.ok(chain);
  assert.is(queue.read(chain)?.toString(), 'hello world');
  queue.complete(chain, Buffer.from('answer'));
  assert.equal(driver.take(), [], 'nothing is given back before the flush');
  assert.is(queue.flush(), true);
  assert.equal(driver.take(), [{ head: id, length: 6 }]);
  const bytes = Buffer.alloc(3);
  memory.read(first.address, bytes);
  assert.is(bytes.toString(), 'ans');
  assert.is(queue.pop(), null);
  assert.is(queue.isDrained, true);
  assert.is(queue.flush(), false, 'nothing new, no interrupt');
});

packed('descriptors of a round before are not taken for those of this one', () => {
  const { driver, queue, buffer } = makeFixture();
  const place = buffer(Buffer.from('x'));
  // Chains of three in a ring of eight: the middle of a chain keeps the flags of its round.
  for (let round = 0; round < 1_000; round++) {
    assert.is(queue.pop(), null, `round ${round}`);
    driver.add(Array.from({ length: 1 + (round % 3) }, () => place));
    serve(queue);
    assert.is(driver.take().length, 1);
  }
  assert.is(queue.fault, null);
  assert.is(queue.next, driver.word * 0x1_0001);
});

packed('chains that were put back come again, across the end of the ring', () => {
  const { driver, queue, buffer } = makeFixture();
  for (let count = 0; count < 5; count++) {
    driver.add([buffer(Buffer.from('x'))]);
    serve(queue);
    driver.take();
  }
  const texts = ['one', 'two', 'three'];
  for (const text of texts) driver.add([buffer(Buffer.from(text)), buffer(Buffer.from('!'))]);
  const taken = (): (string | undefined)[] =>
    texts.map(() => {
      const chain = queue.pop();
      return chain === null ? undefined : queue.read(chain)?.toString();
    });
  assert.equal(taken(), ['one!', 'two!', 'three!']);
  queue.unpop();
  queue.putBack(2);
  assert.is(queue.isDrained, true);
  assert.is(queue.next, (0x8000 | 5) * 0x1_0001);
  assert.equal(taken(), ['one!', 'two!', 'three!']);
});

packed('the flag of the driver decides about interrupts', () => {
  const { driver, queue, buffer } = makeFixture();
  for (const isQuiet of [false, true, false]) {
    driver.setQuiet(isQuiet);
    driver.add([buffer(Buffer.from('x'))]);
    assert.is(serve(queue), !isQuiet);
    driver.take();
  }
});

packed('with event index the driver is interrupted at its descriptor, also in the next round', () => {
  const { driver, queue, buffer } = makeFixture({ hasEventIndex: true });
  const interrupts = (event: number, count: number): number[] => {
    driver.setUsedEvent(event);
    return Array.from({ length: count }, (_, index) => index).filter(() => {
      driver.add([buffer(Buffer.from('x'))]);
      return serve(queue);
    });
  };
  assert.equal(interrupts(0x8000 | 2, 5), [2]);
  assert.equal(interrupts(1, 6), [4], 'descriptor 1 of the second round is the fifth from here');
  assert.equal(interrupts(0x8000 | 7, 2), [], 'a round that is over');
});

packed('one flush of several chains interrupts when the named one is among them', () => {
  for (const [event, isWanted] of [
    [0x8000 | 3, true],
    [0x8000 | 4, false],
    [0, false],
  ] as const) {
    const { driver, queue, buffer } = makeFixture({ hasEventIndex: true });
    driver.setUsedEvent(event);
    for (let count = 0; count < 4; count++) driver.add([buffer(Buffer.from('x'))]);
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) queue.complete(chain);
    assert.is(queue.flush(), isWanted, String(event));
  }
});

packed('the device asks for its next kick, and sees what came before it asked', () => {
  const { driver, queue, buffer } = makeFixture({ hasEventIndex: true });
  driver.add([buffer(Buffer.from('x'))]);
  serve(queue);
  assert.is(queue.pop(), null);
  assert.is(queue.rearm(), false);
  assert.is(driver.availableEvent(), 0x8000 | 1);
  driver.add([buffer(Buffer.from('x'))]);
  assert.is(queue.rearm(), true);
  assert.ok(queue.pop());
  queue.putBack(1);
  assert.is(queue.rearm(), false, 'one chain is too few');
  assert.is(driver.availableEvent(), 0x8000 | 2);
  driver.add([buffer(Buffer.from('x'))]);
  assert.is(queue.rearm(), true);
});

const HOSTILE: readonly [rule: string, fault: QueueFault, make: (fixture: Fixture) => void][] = [
  [
    'a chain that goes round the ring',
    'loop',
    ({ driver, memory }) => {
      for (let index = 0; index < SIZE; index++) driver.describe(index, memory.base, 1, 1);
    },
  ],
  ['an address outside of memory', 'memory', ({ driver }) => driver.describe(0, 0x1000, 16, 0)],
  ['an address near 2^64', 'memory', ({ driver }) => driver.describe(0, 0xffff_ffff_ffff_fff0n, 32, 0)],
  [
    'a buffer that reaches beyond memory',
    'memory',
    ({ driver, memory }) => driver.describe(0, memory.base + memory.bytes.length - 8, 9, 2),
  ],
  ['a length of 2^32-1', 'memory', ({ driver, memory }) => driver.describe(0, memory.base, 0xffff_ffff, 0)],
  [
    'the same large buffer many times',
    'length',
    ({ driver, memory }) => {
      for (let index = 0; index < SIZE; index++) driver.describe(index, memory.base, 1_024, index < SIZE - 1 ? 1 : 0);
    },
  ],
  [
    'a readable buffer after a writable one',
    'order',
    ({ driver, buffer, space }) => void driver.add([space(4), buffer(Buffer.from('x'))]),
  ],
  [
    'an indirect table in an indirect table',
    'indirect',
    ({ driver, memory, space }) => {
      const table = space(16);
      memory.write(table.address + 14, Buffer.from([4, 0]));
      driver.describe(0, table.address, 16, 4);
    },
  ],
  ['an indirect table that goes on', 'indirect', ({ driver, memory }) => driver.describe(0, memory.base, 16, 5)],
  [
    'an indirect table behind a buffer',
    'indirect',
    ({ driver, memory }) => {
      driver.describe(0, memory.base, 1, 1);
      driver.describe(1, memory.base, 16, 4);
    },
  ],
  ['an indirect table outside of memory', 'memory', ({ driver }) => driver.describe(0, 0x1000, 16, 4)],
  ...[0, 24, 16 * 1_025].map((length): [string, QueueFault, (fixture: Fixture) => void] => [
    `an indirect table of ${length} bytes`,
    'indirect',
    // Of zeros: nothing but its length is wrong.
    ({ driver, space }) => driver.describe(0, space(length).address, length, 4),
  ]),
];

for (const [rule, fault, make] of HOSTILE)
  packed(`${rule} stops the queue, and nothing is written any more`, () => {
    const fixture = makeFixture();
    const { queue, memory } = fixture;
    make(fixture);
    const before = Buffer.from(memory.bytes);
    assert.is(queue.pop(), null);
    assert.is(queue.fault, fault);
    assert.is(queue.pop(), null, 'a faulty queue gives nothing more');
    assert.is(queue.flush(), false);
    assert.is(queue.rearm(), false);
    assert.equal(Buffer.from(memory.bytes), before);
  });

packed('a chain that runs into descriptors of a chain that was not given back stops the queue', () => {
  const { driver, memory, queue } = makeFixture();
  const half = SIZE / 2;
  for (let index = 0; index < half; index++) driver.describe(index, memory.base, 1, index < half - 1 ? 1 : 0);
  assert.ok(queue.pop());
  for (let index = half; index < SIZE; index++) driver.describe(index, memory.base, 1, 1);
  driver.describe(0, memory.base, 1, 0);
  assert.is(queue.pop(), null);
  assert.is(queue.fault, 'loop');
});

packed('an indirect table is refused when it was not negotiated', () => {
  const { driver, queue, buffer, space } = makeFixture({ hasIndirect: false });
  driver.add([buffer(Buffer.from('x'))], space(16).address);
  assert.is(queue.pop(), null);
  assert.is(queue.fault, 'indirect');
});

packed('a guest that changes a chain after it was taken changes nothing', () => {
  const { memory, driver, queue, buffer, space } = makeFixture();
  const answer = space(8);
  driver.add([buffer(Buffer.from('first')), answer]);
  const chain = queue.pop();
  assert.ok(chain);
  for (let index = 0; index < SIZE; index++) driver.describe(index, memory.base, 0xffff_ffff, 2);
  assert.is(queue.read(chain)?.toString(), 'first');
  queue.complete(chain, Buffer.from('second'));
  const bytes = Buffer.alloc(8);
  memory.read(answer.address, bytes);
  assert.is(bytes.toString(), 'second\0\0');
});

packed('random chains through a packed and a split queue arrive as one naive model says', async () => {
  await fuzzUntil((random) => {
    const hasEventIndex = random.oneIn(2);
    const isSplit = random.oneIn(2);
    const size = random.pick(isSplit ? [4, 8, 64] : [3, 4, 7, 8, 64]);
    const memory = new FlatMemory(1 << 17);
    const Driver = isSplit ? DriverQueue : PackedDriverQueue;
    const Queue = isSplit ? SplitQueue : PackedQueue;
    const driver = new Driver(memory, memory.base, size, hasEventIndex);
    const next = isSplit ? 0 : START;
    const options = { size, next, hasEventIndex, hasIndirect: true, maxReadableBytes: MAX_READABLE };
    const queue = new Queue(memory, driver.place, options);
    const { buffer, space } = roomIn(memory, driver.end);
    // The model: what the driver has made available and the device has not given back, and free descriptors.
    let waiting: { head: number; readable: Buffer; room: number; used: number }[] = [];
    let free = size;
    for (let round = 0; round < 40; round++) {
      const isIndirect = random.oneIn(3);
      const most = Math.min(isIndirect ? 6 : free, 6);
      const readable = Array.from({ length: random.below(most + 1) }, () => random.bytes(1 + random.below(20)));
      const writable = Array.from({ length: random.below(most - readable.length + 1) }, () =>
        space(1 + random.below(20)),
      );
      const used = isIndirect ? 1 : readable.length + writable.length;
      if (readable.length + writable.length > 0 && used <= free) {
        const places = [...readable.map((bytes) => buffer(bytes)), ...writable];
        const head = driver.add(places, isIndirect ? space(16 * 6).address : null);
        const room = writable.reduce((sum, { length }) => sum + length, 0);
        waiting.push({ head, readable: Buffer.concat(readable), room, used });
        free -= used;
      }
      if (random.oneIn(3)) continue;
      const count = random.below(waiting.length + 1);
      const expected: { head: number; length: number }[] = [];
      for (const { head, readable: bytes, room, used: taken } of waiting.slice(0, count)) {
        if (random.oneIn(4)) {
          assert.ok(queue.pop());
          queue.unpop();
        }
        const chain = queue.pop();
        assert.ok(chain, `fault ${queue.fault}`);
        assert.equal([chain.head, chain.writableBytes], [head, room]);
        assert.equal(Buffer.from(queue.read(chain) ?? []), bytes);
        const answer = random.bytes(random.below(30));
        queue.complete(chain, answer);
        expected.push({ head, length: Math.min(answer.length, room) });
        free += taken;
      }
      waiting = waiting.slice(count);
      queue.flush();
      assert.equal(driver.take(), expected);
      if (waiting.length > 0) continue;
      assert.is(queue.pop(), null);
      assert.is(queue.rearm(), false);
    }
  }, FUZZ_SHARE_SECONDS);
});

packed('any bytes as a queue: chains or a fault, never a throw, within all bounds', async () => {
  let chains = 0;
  await fuzzUntil((random) => {
    const { memory, driver, queue } = makeFixture({
      hasEventIndex: random.oneIn(2),
      hasIndirect: !random.oneIn(4),
      bytes: 1 << 14,
    });
    memory.write(memory.base, random.bytes(driver.end - memory.base));
    if (!random.oneIn(8))
      for (let index = 0; index < SIZE; index++) {
        const address = memory.base + random.below(memory.bytes.length);
        driver.describe(
          index,
          address,
          random.pick([0, 1, 16, 32, 64, 600, 5_000]),
          random.below(8),
          random.below(SIZE),
        );
      }
    for (let count = 0; count < 100; count++) {
      const chain = queue.pop();
      if (chain === null) break;
      chains++;
      const bytes = queue.read(chain);
      assert.ok(bytes === null || bytes.length === chain.readableBytes);
      assert.ok(chain.readableBytes <= MAX_READABLE);
      assert.ok(chain.writable.length / 2 + chain.readable.length / 2 <= 1_024 + SIZE);
      if (random.oneIn(5)) queue.unpop();
      else queue.complete(chain, Buffer.alloc(random.below(64)));
      if (random.oneIn(3)) queue.flush();
    }
    queue.flush();
    queue.rearm();
    const { next } = queue;
    assert.ok((next & 0x7fff) < SIZE && ((next >>> 16) & 0x7fff) < SIZE);
  }, FUZZ_SHARE_SECONDS);
  assert.ok(chains > 0);
});

packed.run();
