/**
 * A VMM as a process of its own whose guest changes its queues and buffers all the time, also while the device reads them.
 * In its file the memory of another guest lies on both sides. It is started with a `RacingSetup`; `stop` ends it, and then
 * it says what it did and what it found.
 */
import { readSync, writeSync } from 'node:fs';
import { Feature, Request } from '../../../clients/devices/vhost-user/index.ts';
import { packedQueueBytes, splitQueueBytes } from '../../../clients/devices/virtqueue/index.ts';
import { Random } from '../../support/random.ts';
import { FrontEnd, GUEST_BASE, table, words } from './front-end.ts';
import { NEIGHBOUR_MARK, type RacingResult, type RacingSetup } from './racing.ts';

const SIZE = 16;
const MEMORY_BYTES = 16_384;
const NEIGHBOUR_BYTES = 65_536;
const NEIGHBOUR = Buffer.alloc(NEIGHBOUR_BYTES, NEIGHBOUR_MARK);
const KICKS_PER_LIFE = 100;
const CHANGES_PER_KICK = 12;

/** The rings of a queue as offsets in the guest's memory. */
interface Rings {
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;
}

async function race({ path, queues, isPacked, seed, beginnings }: RacingSetup): Promise<RacingResult> {
  const random = new Random(seed);
  const vmm = await FrontEnd.attach(path);
  const { fd } = vmm.memory;
  const around = [0, NEIGHBOUR_BYTES + MEMORY_BYTES];
  for (const at of around) writeSync(fd, NEIGHBOUR, 0, NEIGHBOUR_BYTES, at);
  await vmm.negotiate(isPacked ? Feature.packed : 0n);
  await vmm.tell(Request.setMemTable, table([{ size: MEMORY_BYTES, offset: NEIGHBOUR_BYTES }]), [vmm.memory]);

  const bytes = (isPacked ? packedQueueBytes : splitQueueBytes)(SIZE);
  const rings: Rings[] = [];
  let free = 0;
  for (let count = 0; count < queues; count++) {
    const available = free + bytes.descriptors;
    const used = Math.ceil((available + bytes.available) / 4) * 4;
    rings.push({ descriptors: free, available, used });
    free = Math.ceil((used + bytes.used) / 16) * 16;
  }
  const descriptor = Buffer.alloc(16);
  const word = Buffer.alloc(2);
  const write = (at: number, from: Uint8Array): void => void writeSync(fd, from, 0, from.length, NEIGHBOUR_BYTES + at);

  const changeDescriptor = ({ descriptors }: Rings): void => {
    // Often near the end, beyond which the memory of another guest lies.
    const offset = random.oneIn(10)
      ? MEMORY_BYTES - 1 - random.below(700)
      : free + random.below(MEMORY_BYTES - free - 700);
    const length = random.pick([1, 16, 64, 120, 600]);
    descriptor.writeBigUInt64LE(BigInt(GUEST_BASE + offset));
    descriptor.writeUInt32LE(length, 8);
    const flags = (random.oneIn(6) ? 1 : 0) | (random.oneIn(4) ? 2 : 0) | (random.oneIn(40) ? 4 : 0);
    const owner = isPacked ? random.pick([0, 1 << 7, 1 << 15, (1 << 7) | (1 << 15)]) : 0;
    // A packed descriptor has its name first, a split one its flags.
    descriptor.writeUInt16LE(flags | owner, isPacked ? 14 : 12);
    descriptor.writeUInt16LE(random.below(SIZE), isPacked ? 12 : 14);
    if (random.oneIn(2)) write(offset, Buffer.from(random.pick(beginnings)).subarray(0, MEMORY_BYTES - offset));
    // The table, and what an indirect descriptor may take for one.
    write(random.oneIn(8) ? offset & ~15 : descriptors + 16 * random.below(SIZE), descriptor);
  };
  const changeIndex = (queue: Rings): void => {
    if (isPacked) return;
    word.writeUInt16LE(random.below(SIZE));
    write(queue.available + 4 + 2 * random.below(SIZE), word);
    // As many chains as there is room for, so that most of them are served before the guest is at fault.
    readSync(fd, word, 0, 2, NEIGHBOUR_BYTES + queue.used + 2);
    const index = random.oneIn(2_000) ? random.below(65_536) : word.readUInt16LE(0) + random.below(SIZE);
    word.writeUInt16LE(index & 0xffff);
    write(queue.available + 2, word);
  };

  let [changes, resets, isStopped] = [0, 0, false];
  process.once('message', () => {
    isStopped = true;
  });
  while (!isStopped) {
    write(0, Buffer.alloc(free));
    for (const [index, queue] of rings.entries()) {
      const [descriptors, available, used] = [queue.descriptors, queue.available, queue.used];
      const place = {
        descriptors: GUEST_BASE + descriptors,
        available: GUEST_BASE + available,
        used: GUEST_BASE + used,
      };
      await vmm.startRing(index, SIZE, place, isPacked ? 0x8000 : 0);
    }
    for (let kicks = 0; kicks < KICKS_PER_LIFE; kicks++) {
      for (let count = 0; count < CHANGES_PER_KICK; count++) {
        changeDescriptor(random.pick(rings));
        changeIndex(random.pick(rings));
        changes++;
      }
      vmm.kick(random.below(queues));
      if (kicks % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    // Whether or not the guest was at fault, its device serves the next boot.
    for (const index of rings.keys()) await vmm.ask(Request.getVringBase, words(index, 0));
    resets++;
  }
  const isNeighbourIntact = around.every((at) => {
    const found = Buffer.alloc(NEIGHBOUR_BYTES);
    readSync(fd, found, 0, NEIGHBOUR_BYTES, at);
    return found.equals(NEIGHBOUR);
  });
  vmm.close();
  return { changes, resets, isNeighbourIntact };
}

const result = await race(JSON.parse(process.argv[2] ?? '{}') as RacingSetup);
process.send?.(result, () => process.exit());
