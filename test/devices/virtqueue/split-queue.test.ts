/** Split virtqueues: an honest driver, a hostile one that is stopped, and a naive model on random chains. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type QueueFault, SplitQueue } from '../../../clients/devices/virtqueue/index.ts';
import { fuzzUntil } from '../../support/seed.ts';
import { type BufferPlace, DriverQueue, FlatMemory } from '../guest/driver-queue.ts';

const queues = suite('split virtqueue');
const SIZE = 8;
const MAX_READABLE = 4_096;
/** Two properties share the budget of one. */
const FUZZ_SHARE_SECONDS = Number(process.env.FUZZ_SECONDS ?? 2) / 2;

interface Fixture {
  readonly memory: FlatMemory;
  readonly driver: DriverQueue;
  readonly queue: SplitQueue;
  /** Writes bytes into free memory, and returns their place. */
  readonly buffer: (bytes: Uint8Array) => BufferPlace;
  readonly space: (length: number) => BufferPlace;
}

function makeFixture({ hasEventIndex = false, hasIndirect = true, size = SIZE, bytes = 1 << 20 } = {}): Fixture {
  const memory = new FlatMemory(bytes);
  const driver = new DriverQueue(memory, memory.base, size, hasEventIndex);
  const queue = new SplitQueue(memory, driver.place, {
    size,
    next: 0,
    hasEventIndex,
    hasIndirect,
    maxReadableBytes: MAX_READABLE,
  });
  let free = Math.ceil(driver.end / 16) * 16;
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
  return { memory, driver, queue, buffer, space };
}

function bytesAt(memory: FlatMemory, place: BufferPlace): string {
  const bytes = Buffer.alloc(place.length);
  memory.read(place.address, bytes);
  return bytes.toString('latin1');
}

queues('a chain of several buffers is read in order and answered into its writable buffers', () => {
  const { memory, driver, queue, buffer, space } = makeFixture();
  const [first, second] = [space(3), space(10)];
  const head = driver.add([buffer(Buffer.from('hello ')), buffer(Buffer.from('world')), first, second]);
  const chain = queue.pop();
  assert.ok(chain);
  assert.is(queue.read(chain)?.toString(), 'hello world');
  assert.equal([chain.readableBytes, chain.writableBytes], [11, 13]);
  queue.complete(chain, Buffer.from('answer'));
  assert.equal(driver.take(), [], 'nothing is given back before the flush');
  assert.is(queue.flush(), true);
  assert.equal(driver.take(), [{ head, length: 6 }]);
  assert.is(bytesAt(memory, first) + bytesAt(memory, second), 'answer\0\0\0\0\0\0\0');
  assert.is(queue.pop(), null);
  assert.is(queue.isDrained, true);
});

queues('a table and a ring that lie side by side in two regions of memory are read one by one', () => {
  const { memory, driver, buffer } = makeFixture();
  const { available } = driver.place;
  const regions = {
    has: (address: number, length: number) => memory.has(address, length),
    write: (address: number, from: Uint8Array) => memory.write(address, from),
    read: (address: number, into: Uint8Array) =>
      !(address < available && address + into.length > available) && memory.read(address, into),
  };
  const options = { size: SIZE, next: 0, hasEventIndex: false, hasIndirect: true, maxReadableBytes: MAX_READABLE };
  const queue = new SplitQueue(regions, driver.place, options);
  driver.add([buffer(Buffer.from('hello'))]);
  const chain = queue.pop();
  assert.ok(chain);
  assert.is(queue.read(chain)?.toString(), 'hello');
});

queues('an indirect table is walked like a direct one', () => {
  const { driver, queue, buffer, space } = makeFixture();
  const table = space(64);
  driver.add([buffer(Buffer.from('in')), buffer(Buffer.from('direct')), space(4)], table.address);
  const chain = queue.pop();
  assert.ok(chain);
  assert.is(queue.read(chain)?.toString(), 'indirect');
  assert.is(chain.writableBytes, 4);
});

queues('an answer that is longer than its buffers is cut, and the length says so', () => {
  const { driver, queue, space } = makeFixture();
  const head = driver.add([space(4)]);
  const chain = queue.pop();
  assert.ok(chain);
  queue.complete(chain, Buffer.from('too long'));
  queue.flush();
  assert.equal(driver.take(), [{ head, length: 4 }]);
});

queues('a chain that was put back comes again', () => {
  const { driver, queue, buffer } = makeFixture();
  driver.add([buffer(Buffer.from('again'))]);
  assert.ok(queue.pop());
  queue.unpop();
  const chain = queue.pop();
  assert.ok(chain);
  assert.is(queue.read(chain)?.toString(), 'again');
  assert.is(queue.next, 1);
});

queues('the indexes wrap after 65 536 chains', () => {
  const { driver, queue, buffer } = makeFixture();
  const place = buffer(Buffer.from('x'));
  for (let round = 0; round < 65_600; round++) {
    driver.add([place]);
    const chain = queue.pop();
    assert.ok(chain);
    queue.complete(chain);
    queue.flush();
    assert.is(driver.take().length, 1);
  }
  assert.is(queue.fault, null);
  assert.is(queue.next, 64);
});

queues('without event index the flag of the driver decides about interrupts', () => {
  const { driver, queue, buffer } = makeFixture();
  for (const isQuiet of [false, true, false]) {
    driver.setQuiet(isQuiet);
    driver.add([buffer(Buffer.from('x'))]);
    const chain = queue.pop();
    assert.ok(chain);
    queue.complete(chain);
    assert.is(queue.flush(), !isQuiet);
  }
  assert.is(queue.flush(), false, 'nothing new, no interrupt');
});

queues('with event index the driver is interrupted at its index, and the device asks for its next kick', () => {
  const { driver, queue, buffer } = makeFixture({ hasEventIndex: true });
  driver.setUsedEvent(2);
  const wants: boolean[] = [];
  for (let round = 0; round < 4; round++) {
    driver.add([buffer(Buffer.from('x'))]);
    const chain = queue.pop();
    assert.ok(chain);
    queue.complete(chain);
    wants.push(queue.flush());
  }
  assert.equal(wants, [false, false, true, false]);
  assert.is(queue.rearm(), false);
  assert.is(driver.availableEvent(), 4);
  driver.add([buffer(Buffer.from('x'))]);
  assert.is(queue.rearm(), true, 'what came before the device asked is not lost');
});

const HOSTILE: readonly [rule: string, fault: QueueFault, make: (fixture: Fixture) => void][] = [
  ['a head beyond the table', 'index', ({ driver }) => driver.publish(SIZE)],
  [
    'a next beyond the table',
    'index',
    ({ driver, buffer }) => {
      driver.describe(0, buffer(Buffer.from('x')).address, 1, 1, SIZE);
      driver.publish(0);
    },
  ],
  [
    'a loop',
    'loop',
    ({ driver, buffer }) => {
      const { address } = buffer(Buffer.from('x'));
      driver.describe(0, address, 1, 1, 1);
      driver.describe(1, address, 1, 1, 0);
      driver.publish(0);
    },
  ],
  [
    'a loop of empty buffers',
    'loop',
    ({ driver }) => {
      driver.describe(0, 0, 0, 1, 0);
      driver.publish(0);
    },
  ],
  [
    'an address outside of memory',
    'memory',
    ({ driver }) => {
      driver.describe(0, 0x1000, 16, 0, 0);
      driver.publish(0);
    },
  ],
  [
    'an address near 2^64',
    'memory',
    ({ driver }) => {
      driver.describe(0, 0xffff_ffff_ffff_fff0n, 32, 0, 0);
      driver.publish(0);
    },
  ],
  [
    'a buffer that reaches beyond memory',
    'memory',
    ({ driver, memory }) => {
      driver.describe(0, memory.base + memory.bytes.length - 8, 9, 2, 0);
      driver.publish(0);
    },
  ],
  [
    'a length of 2^32-1',
    'memory',
    ({ driver, memory }) => {
      driver.describe(0, memory.base, 0xffff_ffff, 0, 0);
      driver.publish(0);
    },
  ],
  [
    'the same large buffer many times',
    'length',
    ({ driver, memory }) => {
      for (let index = 0; index < SIZE; index++) driver.describe(index, memory.base, 1_024, 1, index + 1);
      driver.publish(0);
    },
  ],
  [
    'more room for an answer than any device uses',
    'length',
    ({ driver, memory }) => {
      for (let index = 0; index < SIZE; index++) driver.describe(index, memory.base, 1 << 20, 3, index + 1);
      driver.publish(0);
    },
  ],
  [
    'an indirect table in an indirect table',
    'indirect',
    ({ driver, memory, space }) => {
      const table = space(32);
      const inner = Buffer.alloc(16);
      inner.writeBigUInt64LE(BigInt(table.address), 0);
      inner.writeUInt32LE(16, 8);
      inner.writeUInt16LE(4, 12);
      memory.write(table.address, inner);
      driver.describe(0, table.address, 16, 4, 0);
      driver.publish(0);
    },
  ],
  ...[0, 24, 16 * 1_025].map((length): [string, QueueFault, (fixture: Fixture) => void] => [
    `an indirect table of ${length} bytes`,
    'indirect',
    ({ driver, memory }) => {
      driver.describe(0, memory.base, length, 4, 0);
      driver.publish(0);
    },
  ]),
  [
    'an indirect table that goes on in the direct one',
    'indirect',
    ({ driver, memory }) => {
      driver.describe(0, memory.base, 16, 5, 1);
      driver.publish(0);
    },
  ],
  [
    'an indirect table outside of memory',
    'memory',
    ({ driver }) => {
      driver.describe(0, 0x1000, 16, 4, 0);
      driver.publish(0);
    },
  ],
  ['an available index that runs ahead', 'ahead', ({ driver }) => driver.setAvailable(60_000)],
  [
    'a readable buffer after a writable one',
    'order',
    ({ driver, buffer, space }) => {
      driver.add([space(4), buffer(Buffer.from('x'))]);
    },
  ],
];

for (const [rule, fault, make] of HOSTILE) {
  queues(`${rule} stops the queue, and nothing is written any more`, () => {
    const fixture = makeFixture();
    make(fixture);
    assert.is(fixture.queue.pop(), null);
    assert.is(fixture.queue.fault, fault);
    const before = Buffer.from(fixture.memory.bytes);
    fixture.driver.add([fixture.buffer(Buffer.from('good'))]);
    const after = Buffer.from(fixture.memory.bytes);
    assert.is(fixture.queue.pop(), null, 'a faulty queue gives nothing more');
    assert.is(fixture.queue.flush(), false);
    assert.is(fixture.queue.rearm(), false);
    assert.equal(Buffer.from(fixture.memory.bytes), after);
    assert.ok(before.length === after.length);
  });
}

queues('an indirect table is refused when it was not negotiated', () => {
  const { driver, queue, buffer, space } = makeFixture({ hasIndirect: false });
  driver.add([buffer(Buffer.from('x'))], space(16).address);
  assert.is(queue.pop(), null);
  assert.is(queue.fault, 'indirect');
});

queues('a guest that changes a chain after it was taken changes nothing', () => {
  const { memory, driver, queue, buffer, space } = makeFixture();
  const table = space(32);
  const answer = space(8);
  driver.add([buffer(Buffer.from('first')), answer], table.address);
  const chain = queue.pop();
  assert.ok(chain);
  // Both tables now point at the queue itself, and the lengths are huge.
  memory.write(table.address, Buffer.alloc(32, 0xff));
  driver.describe(0, memory.base, 0xffff_ffff, 2, 0);
  assert.is(queue.read(chain)?.toString(), 'first');
  queue.complete(chain, Buffer.from('second'));
  assert.is(bytesAt(memory, answer), 'second\0\0');
});

queues('the bytes of a buffer are read once', () => {
  const { memory, driver, queue, buffer } = makeFixture();
  const place = buffer(Buffer.from('only once'));
  driver.add([place]);
  memory.reads = [];
  const chain = queue.pop();
  assert.ok(chain);
  queue.read(chain);
  queue.complete(chain);
  queue.flush();
  const touching = memory.reads.filter(
    ([at, length]) => at < place.address + place.length && place.address < at + length,
  );
  assert.is(touching.length, 1);
});

queues('random chains of an honest driver arrive as a naive model says', async () => {
  await fuzzUntil((random) => {
    const { memory, driver, queue, buffer, space } = makeFixture({
      hasEventIndex: random.oneIn(2),
      size: random.pick([2, 8, 64]),
      bytes: 1 << 16,
    });
    for (let round = 0; round < 20; round++) {
      const isIndirect = random.oneIn(2);
      const most = isIndirect ? 6 : Math.min(driver.size, 6);
      const readable = Array.from({ length: random.below(most) }, () => random.bytes(1 + random.below(40)));
      const writable = Array.from({ length: Math.min(most - readable.length, random.below(3)) }, () =>
        space(1 + random.below(40)),
      );
      if (readable.length + writable.length === 0) continue;
      const head = driver.add(
        [...readable.map((bytes) => buffer(bytes)), ...writable],
        isIndirect ? space(16 * 6).address : null,
      );
      const chain = queue.pop();
      assert.ok(chain, `fault ${queue.fault}`);
      assert.equal(Buffer.from(queue.read(chain) ?? []), Buffer.concat(readable));
      const room = writable.reduce((sum, { length }) => sum + length, 0);
      assert.is(chain.writableBytes, room);
      const answer = random.bytes(random.below(100));
      queue.complete(chain, answer);
      queue.flush();
      const length = Math.min(answer.length, room);
      assert.equal(driver.take(), [{ head, length }]);
      const written = Buffer.concat(writable.map((place) => Buffer.from(bytesAt(memory, place), 'latin1')));
      assert.equal(written.subarray(0, length), Buffer.from(answer.subarray(0, length)));
    }
  }, FUZZ_SHARE_SECONDS);
});

queues('any bytes as a queue: chains or a fault, never a throw, within all bounds', async () => {
  let chains = 0;
  await fuzzUntil((random) => {
    const { memory, driver, queue } = makeFixture({
      hasEventIndex: random.oneIn(2),
      hasIndirect: !random.oneIn(4),
      bytes: 1 << 14,
    });
    const noise = random.bytes(driver.end - memory.base);
    if (random.oneIn(8)) memory.write(memory.base, noise);
    // Otherwise nearly valid descriptors, which reach more code.
    else {
      for (let index = 0; index < SIZE; index++) {
        const address = memory.base + random.below(memory.bytes.length);
        const length = random.pick([0, 1, 16, 32, 64, 600, 5_000]);
        driver.describe(index, address, length, random.below(8), random.below(SIZE + 1));
      }
      for (let count = random.below(SIZE); count >= 0; count--)
        driver.publish(random.below(SIZE + (random.oneIn(9) ? 1 : 0)));
    }
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) {
      chains++;
      const bytes = queue.read(chain);
      assert.ok(bytes === null || bytes.length === chain.readableBytes);
      assert.ok(chain.readableBytes <= MAX_READABLE);
      assert.ok(chain.writable.length / 2 + chain.readable.length / 2 <= 1_024 + SIZE);
      queue.complete(chain, Buffer.alloc(random.below(64)));
      if (random.oneIn(3)) queue.flush();
    }
    queue.flush();
    assert.ok(queue.fault !== null || queue.isDrained);
  }, FUZZ_SHARE_SECONDS);
  assert.ok(chains > 0);
});

queues.run();
