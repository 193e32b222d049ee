/**
 * A guest that changes its queue and its buffers from another processor while the device reads them: a thread writes,
 * this one serves. On both sides of the guest's memory lies that of another guest.
 */
import { readSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GuestMemory, memoryFile } from '../../../clients/devices/memory/index.ts';
import { NetDevice } from '../../../clients/devices/net/index.ts';
import { openSystem } from '../../../clients/devices/sys/index.ts';
import {
  PackedQueue,
  packedQueueBytes,
  SplitQueue,
  splitQueueBytes,
  type VirtQueue,
} from '../../../clients/devices/virtqueue/index.ts';
import { fuzzUntil, SEED } from '../../support/seed.ts';

const racing = suite('a guest that changes its queue while it is read');

const SIZE = 16;
const BASE = 0x10_0000;
const MEMORY_BYTES = 16_384;
const NEIGHBOUR_BYTES = 65_536;
const MAX_READABLE = 2_000;
const MAX_CHAINS = 32;
const SECONDS = 0.3;
/** Enough for a broken check to show, on a busy machine too. */
const MIN_CHAINS = 100;
const MARK = Buffer.from('memory of another guest ');
const NEIGHBOUR = Buffer.alloc(NEIGHBOUR_BYTES, MARK);

/**
 * What another processor of the guest does: nearly valid descriptors, indexes and flags, in any order and for ever. A
 * descriptor has its flags at byte 12 and the next one's index at 14; in the packed layout its name at 12, flags at 14.
 */
const WRITER = `
const { workerData } = require('node:worker_threads');
const { writeSync } = require('node:fs');
const { fd, shared, base, fileOffset, flagsAt, size, ringBytes, memoryBytes, seed } = workerData;
let state = seed | 1;
const below = (limit) => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % limit;
};
const descriptor = Buffer.alloc(16);
const word = Buffer.alloc(2);
while (Atomics.load(shared, 0) === 0) {
  // Often near the end, beyond which the memory of another guest lies.
  descriptor.writeBigUInt64LE(BigInt(base + (below(4) === 0 ? memoryBytes - below(700) : below(memoryBytes))));
  descriptor.writeUInt32LE([0, 1, 16, 64, 600][below(5)], 8);
  const flags = below(2) | (below(4) === 0 ? 2 : 0) | (below(8) === 0 ? 4 : 0);
  descriptor.writeUInt16LE(flags | (below(2) << 7) | (below(2) << 15), flagsAt);
  descriptor.writeUInt16LE(below(size), 26 - flagsAt);
  // The table, and tables of indirect descriptors behind the rings.
  const at = below(2) === 0 ? 16 * below(size) : ringBytes + 16 * below((memoryBytes - ringBytes) >> 4);
  writeSync(fd, descriptor, 0, 16, fileOffset + at);
  word.writeUInt16LE(below(4) === 0 ? below(65536) : below(size));
  const words = below(2) === 0 ? 4 : (ringBytes - 16 * size) >> 1;
  writeSync(fd, word, 0, 2, fileOffset + 16 * size + 2 * below(words));
  Atomics.add(shared, 1, 1);
}
`;

const LAYOUTS = [
  ['split', SplitQueue, splitQueueBytes(SIZE), 12],
  ['packed', PackedQueue, packedQueueBytes(SIZE), 14],
] as const;

/** What the loops came across. All of it must have happened, or there was no race. */
interface Seen {
  chains: number;
  faults: number;
  frames: number;
  races: number;
}

for (const [name, Queue, bytes, flagsAt] of LAYOUTS) {
  racing(`a ${name} queue gives chains of the guest's own memory, or a fault`, async () => {
    const system = await openSystem();
    const descriptor = system.sealedMemory('racing', MEMORY_BYTES + 2 * NEIGHBOUR_BYTES);
    const { fd } = descriptor;
    for (const at of [0, NEIGHBOUR_BYTES + MEMORY_BYTES]) writeSync(fd, NEIGHBOUR, 0, NEIGHBOUR_BYTES, at);
    const file = memoryFile(descriptor, MEMORY_BYTES + NEIGHBOUR_BYTES);
    assert.ok(file);
    const memory = new GuestMemory();
    const region = { guestAddress: BASE, size: MEMORY_BYTES, userAddress: BASE, fileOffset: NEIGHBOUR_BYTES };
    memory.replace([{ ...region, file }]);
    const available = BASE + bytes.descriptors;
    const used = Math.ceil((available + bytes.available) / 4) * 4;
    const place = { descriptors: BASE, available, used };
    const shared = new Int32Array(new SharedArrayBuffer(8));
    const writer = new Worker(WRITER, {
      eval: true,
      workerData: {
        ...{ fd, shared, flagsAt, base: BASE, fileOffset: NEIGHBOUR_BYTES, size: SIZE, memoryBytes: MEMORY_BYTES },
        ...{ seed: SEED, ringBytes: Math.ceil((used + bytes.used - BASE) / 16) * 16 },
      },
    });
    const ended = new Promise((resolve, reject) => writer.once('exit', resolve).once('error', reject));
    const seen: Seen = { chains: 0, faults: 0, frames: 0, races: 0 };
    try {
      while (Atomics.load(shared, 1) === 0) await new Promise((resolve) => setImmediate(resolve));
      while (seen.chains < MIN_CHAINS || seen.faults === 0 || seen.frames === 0 || seen.races === 0)
        await fuzzUntil((random) => {
          const at = random.below(SIZE);
          const next = name === 'split' ? at : at | (random.below(2) << 15);
          const queue = new Queue(memory, place, {
            ...{ size: SIZE, next, hasEventIndex: random.oneIn(2), hasIndirect: !random.oneIn(4) },
            maxReadableBytes: MAX_READABLE,
          });
          const before = Atomics.load(shared, 1);
          if (random.oneIn(2)) serve(queue, memory, seen);
          else serveCard(queue, seen);
          if (queue.fault !== null) seen.faults++;
          if (Atomics.load(shared, 1) !== before) seen.races++;
        }, SECONDS);
      const around = Buffer.alloc(NEIGHBOUR_BYTES);
      for (const at of [0, NEIGHBOUR_BYTES + MEMORY_BYTES]) {
        readSync(fd, around, 0, NEIGHBOUR_BYTES, at);
        assert.ok(around.equals(NEIGHBOUR), 'nothing of another guest was written');
      }
    } finally {
      Atomics.store(shared, 0, 1);
      await ended;
      memory.replace([]);
    }
  });
}

function serve(queue: VirtQueue, memory: GuestMemory, seen: Seen): void {
  for (let count = 0; count < MAX_CHAINS; count++) {
    const chain = queue.pop();
    if (chain === null) return;
    seen.chains++;
    for (const buffers of [chain.readable, chain.writable])
      for (let at = 0; at < buffers.length; at += 2)
        assert.ok(memory.has(buffers[at] ?? 0, buffers[at + 1] ?? 0), 'each buffer is in the memory');
    assert.ok(chain.readableBytes <= MAX_READABLE);
    const read = queue.read(chain);
    assert.is(read?.length, chain.readableBytes, 'what was taken is what is read');
    assert.not.ok(read?.includes(MARK), 'bytes of another guest');
    queue.complete(chain, Buffer.alloc(40));
    queue.flush();
    queue.rearm();
  }
}

/** The network card sends what it finds, and delivers at the same queue, which is worse than any VMM. */
function serveCard(queue: VirtQueue, seen: Seen): void {
  const sent = (frame: Uint8Array): void => {
    seen.frames++;
    assert.not.ok(Buffer.from(frame).includes(MARK), 'bytes of another guest');
  };
  const device = new NetDevice({ send: sent, maxFrameBytes: MAX_READABLE });
  device.attach({ queue: () => queue, wake: () => {} }, () => device.features);
  device.write(Buffer.alloc(700));
  for (const index of [0, 1]) {
    device.service(index, queue, MAX_CHAINS);
    queue.flush();
    queue.rearm();
  }
}

racing.run();
