/**
 * A hostile guest for each device: random and mutated chains, one after the other, in memory with that of another guest on
 * both sides. No crash, no hang, no leak, and no byte of another guest is read or written.
 *
 * A short run belongs to all tests. A long one says what it did:
 *
 *   FUZZ_CHAINS=1000000 FUZZ_DEVICE=vsock node --import tsx test/devices/chains.test.ts
 */
import { readSync, writeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConsoleDevice } from '../../clients/devices/console/index.ts';
import { serveEntropy } from '../../clients/devices/entropy/index.ts';
import { GuestMemory, memoryFile } from '../../clients/devices/memory/index.ts';
import { NetDevice } from '../../clients/devices/net/index.ts';
import { SoundDevice } from '../../clients/devices/sound/index.ts';
import { openSystem } from '../../clients/devices/sys/index.ts';
import type { VirtioDevice } from '../../clients/devices/vhost-user/index.ts';
import { PackedQueue, SplitQueue, type VirtQueue } from '../../clients/devices/virtqueue/index.ts';
import { encodePacket, Operation, SocketType, VsockDevice } from '../../clients/devices/vsock/index.ts';
import { segment4, segment6 } from '../agents/network/link/segments.ts';
import { FakeClock } from '../support/clock.ts';
import type { Random } from '../support/random.ts';
import { SEED, seededRandom } from '../support/seed.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { type BufferPlace, DriverQueue } from './guest/driver-queue.ts';
import { PackedDriverQueue } from './guest/packed-driver-queue.ts';
import { words } from './guest/sound-card.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const chains = suite('chains of a hostile guest');

const CHAINS = Number(process.env.FUZZ_CHAINS ?? 2_000);
/** Of one device only. */
const ONLY = process.env.FUZZ_DEVICE ?? '';
const STEPS_PER_BOOT = 100;
const QUEUE_SIZE = 32;
const BASE = 0x10_0000;
const MEMORY_BYTES = 262_144;
const NEIGHBOUR_BYTES = 65_536;
/** One buffer in so many has a wrong address, length or order. */
const WRONG_ONE_IN = 200;
/** Calls for one kick: a device that asks for more keeps itself busy. */
const MAX_TURNS = 100;
/** One step that takes more is a hang. */
const MAX_STEP_CPU_MS = 2_000;
/** What the process may hold more at the end than after a tenth of the run. */
const MAX_GROWTH_BYTES = 16 * 1_048_576;
const MARK = Buffer.from('memory of another guest ');
const NEIGHBOUR = Buffer.alloc(NEIGHBOUR_BYTES, MARK);

/** A device, with the other side that it speaks to. */
interface Subject {
  readonly device: VirtioDevice;
  /** A chain of an honest guest for the queue. */
  honest(random: Random, queue: number): Uint8Array;
  /** The other side says something, or time passes. */
  other(random: Random): void;
  /** Bytes that left the device; they are looked at, then forgotten. */
  readonly out: Uint8Array[];
  /** How much got through to the other side. */
  delivered(): number;
}

const text = (random: Random): Buffer => Buffer.from('hello guest '.repeat(random.below(30)));

function netSubject(): Subject {
  const out: Uint8Array[] = [];
  let count = 0;
  const device = new NetDevice({
    send: (frame) => {
      count++;
      out.push(Buffer.from(frame));
    },
    maxFrameBytes: 9_014,
    queuePairs: 2,
  });
  const frames = [segment4({ bytes: 600 }), segment6({ bytes: 600 }), segment4({ bytes: 0 })];
  const headers = [
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [1, 1, 66, 0, 200, 0, 34, 0, 16, 0, 0, 0],
    [1, 4, 86, 0, 200, 0, 54, 0, 16, 0, 0, 0],
  ];
  return {
    device,
    out,
    honest: (random, queue) =>
      queue % 2 === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from(random.pick(headers)), random.pick(frames)]),
    other: (random) => {
      if (random.oneIn(2)) device.write(random.mutate(random.pick(frames)));
      else device.writeSegment(random.pick(frames), random.uint32());
    },
    delivered: () => count,
  };
}

function vsockSubject(): Subject {
  const [cid, peer] = [5, 9];
  const out: Uint8Array[] = [];
  const clock = new FakeClock();
  let count = 0;
  let mayAnswer = true;
  const refusals: ((code: string) => void)[] = [];
  const device = new VsockDevice(
    {
      cid,
      underWayBytes: 0,
      send: (_peer, _service, _message, payload, refused) => {
        count++;
        out.push(Buffer.from(payload));
        if (refusals.length < 8) refusals.push(refused);
      },
      expectAnswers: () => Promise.resolve(mayAnswer),
      endAnswers: () => {},
    },
    clock,
  );
  const numbers = (random: Random) => ({
    type: random.pick(Object.values(SocketType)),
    operation: random.pick(Object.values(Operation)),
    flags: random.below(4),
    bufAlloc: random.pick([0, 100, 262_144, 0xffff_ffff]),
    fwdCnt: random.pick([0, 5, 0xffff_fff0]),
  });
  return {
    device,
    out,
    honest: (random, queue) => {
      const header = {
        ...{ sourceCid: random.oneIn(20) ? peer : cid, destinationCid: random.pick([peer, 8, 2]) },
        ...{ sourcePort: random.below(4), destinationPort: random.pick([22, 23]), ...numbers(random) },
      };
      if (queue !== 1) return Buffer.alloc(0);
      return encodePacket(header, header.operation === Operation.data ? text(random) : null);
    },
    other: (random) => {
      mayAnswer = !random.oneIn(4);
      if (random.oneIn(4)) refusals.shift()?.('EACCES');
      if (random.oneIn(4)) clock.advance(random.pick([1, 30, 1_000, 30_000]));
      const [own, other] = random.oneIn(2) ? [random.below(4), 22] : [22, random.below(4)];
      const message = { sourcePort: own, destinationPort: other, ...numbers(random) };
      const payload = message.operation === Operation.data ? text(random) : Buffer.alloc(0);
      device.received(random.pick([peer, 8]), 22, message, payload);
      assert.ok(device.connections <= 256);
    },
    delivered: () => count,
  };
}

function soundSubject(): Subject {
  const out: Uint8Array[] = [];
  const clock = new FakeClock();
  let count = 0;
  let mayHear = false;
  const side = {
    get mayHear() {
      return mayHear;
    },
    play: (pcm: Uint8Array) => {
      count++;
      out.push(Buffer.from(pcm));
    },
    setPlaying: () => {},
    setListening: () => {},
    ask: () => {},
  };
  const device = new SoundDevice(side, clock);
  let requests = 0;
  /** Mostly the requests that start a stream, in their order. */
  const control = (random: Random): Uint8Array => {
    const stream = Math.floor(requests / 3) % 2;
    if (random.oneIn(4)) return words(random.pick([1, 0x100, 0x103, 0x105, 0x200, 3]), random.below(3), 1, 24);
    const code = [0x101, 0x102, 0x104][requests++ % 3] ?? 0;
    if (code !== 0x101) return words(code, stream);
    return Buffer.concat([words(0x101, stream, 3_840, 1_920, 0), Buffer.from([2, 5, random.pick([6, 7]), 0])]);
  };
  return {
    device,
    out,
    honest: (random, queue) => {
      if (queue === 0) return control(random);
      if (queue === 1) return Buffer.alloc(0);
      return queue === 2 ? Buffer.concat([words(0), Buffer.alloc(4 * random.below(480), 1)]) : words(1);
    },
    other: (random) => {
      mayHear = random.oneIn(2);
      device.onMicrophone();
      device.hear(Buffer.alloc(4 * random.below(500), 2));
      clock.advance(random.below(25));
    },
    delivered: () => count,
  };
}

function consoleSubject(): Subject {
  const out: Uint8Array[] = [];
  let count = 0;
  const device = new ConsoleDevice({
    take: (bytes) => {
      count++;
      out.push(Buffer.from(bytes));
    },
  });
  return {
    device,
    out,
    honest: (random, queue) => (queue === 0 ? Buffer.alloc(0) : text(random)),
    other: (random) => void device.write(text(random)),
    delivered: () => count,
  };
}

const SUBJECTS: readonly (readonly [name: string, make: () => Subject])[] = [
  ['network card', netSubject],
  ['vsock', vsockSubject],
  ['sound card', soundSubject],
  ['console', consoleSubject],
];

/** One boot of a guest: its queues in `memory`, and chains until a fault or the last step. */
class Boot {
  chains = 0;
  readonly faults: string[] = [];
  readonly #subject: Subject;
  readonly #random: Random;
  readonly #memory: GuestMemory;
  readonly #queues: VirtQueue[] = [];
  readonly #drivers: (DriverQueue | PackedDriverQueue)[] = [];
  readonly #awake = new Set<number>();
  readonly #free: number;

  constructor(subject: Subject, memory: GuestMemory, random: Random) {
    this.#subject = subject;
    this.#random = random;
    this.#memory = memory;
    const isPacked = random.oneIn(2);
    const { device } = subject;
    let at = BASE;
    for (let index = 0; index < device.queueCount; index++) {
      const hasEventIndex = random.oneIn(2);
      const driver = new (isPacked ? PackedDriverQueue : DriverQueue)(memory, at, QUEUE_SIZE, hasEventIndex);
      const queue = new (isPacked ? PackedQueue : SplitQueue)(memory, driver.place, {
        ...{ size: QUEUE_SIZE, next: isPacked ? 0x8000 : 0, hasEventIndex, hasIndirect: !random.oneIn(4) },
        maxReadableBytes: device.maxReadableBytes,
      });
      at = Math.ceil(driver.end / 16) * 16;
      const complete = queue.complete.bind(queue);
      queue.complete = (chain, bytes) => {
        this.chains++;
        complete(chain, bytes);
      };
      this.#drivers.push(driver);
      this.#queues.push(queue);
    }
    this.#free = at;
    const features = random.oneIn(2) ? device.features : 0n;
    device.attach(
      { queue: (index) => this.#queues[index] ?? null, wake: (index) => this.#awake.add(index) },
      () => features,
    );
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEPS_PER_BOOT && this.faults.length === 0; step++) {
      const random = this.#random;
      for (let count = random.below(6); count >= 0; count--) this.#offer(random.below(this.#queues.length));
      if (random.oneIn(2)) this.#subject.other(random);
      if (random.oneIn(4)) await Promise.resolve();
      this.#serve();
    }
    this.#subject.device.reset();
  }

  #offer(index: number): void {
    const random = this.#random;
    const honest = this.#subject.honest(random, index);
    const bytes = random.oneIn(3) ? random.mutate(honest) : honest;
    const buffers: BufferPlace[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = random.oneIn(2) ? bytes.length - at : 1 + random.below(bytes.length - at);
      const address = this.#place(length);
      this.#memory.write(address, bytes.subarray(at, at + length));
      buffers.push({ address, length, isWritable: false });
      at += length;
    }
    for (let count = random.below(3); count > 0; count--) {
      const length = random.pick([4, 8, 12, 44, 100, 2_000, 4_140]);
      buffers.push({ address: this.#place(length), length, isWritable: true });
    }
    if (buffers.length === 0) buffers.push({ address: this.#place(64), length: 64, isWritable: true });
    const wrong = buffers.map((buffer) => (random.oneIn(WRONG_ONE_IN) ? this.#spoil(buffer) : buffer));
    this.#drivers[index]?.add(wrong, random.oneIn(4) ? this.#place(16 * wrong.length) : null);
    this.#awake.add(index);
  }

  #spoil(buffer: BufferPlace): BufferPlace {
    const random = this.#random;
    switch (random.below(4)) {
      case 0:
        return { ...buffer, address: BASE + MEMORY_BYTES - random.below(64) };
      case 1:
        return { ...buffer, address: random.pick([0, BASE - 1, BASE + MEMORY_BYTES, 2 ** 52]) };
      case 2:
        return { ...buffer, length: random.pick([0, 1, 65_536, MEMORY_BYTES, 0xffff_ffff]) };
      default:
        return { ...buffer, isWritable: !buffer.isWritable };
    }
  }

  #place(length: number): number {
    return this.#free + this.#random.below(MEMORY_BYTES - (this.#free - BASE) - length);
  }

  /** The kicked queues, then what the device woke, as the back-end does. */
  #serve(): void {
    for (let turns = 0; this.#awake.size > 0 && this.faults.length === 0; turns++) {
      assert.ok(turns < MAX_TURNS, 'the device keeps itself busy');
      for (const index of [...this.#awake]) {
        this.#awake.delete(index);
        const queue = this.#queues[index];
        if (queue === undefined) continue;
        const done = this.#subject.device.service(index, queue, 64);
        queue.flush();
        if (done >= 64 || (queue.isDrained && queue.rearm())) this.#awake.add(index);
        if (queue.fault !== null) this.faults.push(queue.fault);
        this.#drivers[index]?.take();
      }
    }
    for (const bytes of this.#subject.out.splice(0)) assert.not.ok(Buffer.from(bytes).includes(MARK), 'another guest');
  }
}

function bytesHeld(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const mebibytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MiB`;

for (const [name, make] of SUBJECTS) {
  if (!name.includes(ONLY)) continue;
  chains(`${name}: each ends as a chain or as a fault, and nothing of another guest is touched`, async () => {
    const descriptor = openSystem().sealedMemory('chains', MEMORY_BYTES + 2 * NEIGHBOUR_BYTES);
    const { fd } = descriptor;
    const around = [0, NEIGHBOUR_BYTES + MEMORY_BYTES];
    for (const at of around) writeSync(fd, NEIGHBOUR, 0, NEIGHBOUR_BYTES, at);
    const file = memoryFile(descriptor, MEMORY_BYTES + NEIGHBOUR_BYTES);
    assert.ok(file);
    const memory = new GuestMemory();
    const region = { guestAddress: BASE, size: MEMORY_BYTES, userAddress: BASE, fileOffset: NEIGHBOUR_BYTES };
    memory.replace([{ ...region, file }]);
    const subject = make();
    const rss = process.memoryUsage().rss;
    const faults = new Set<string>();
    let [done, boots, early] = [0, 0, 0];
    while (done < CHAINS) {
      boots++;
      const began = process.cpuUsage();
      const boot = new Boot(subject, memory, seededRandom(boots));
      try {
        await boot.run();
      } catch (cause) {
        throw new Error(`boot ${boots} of seed ${SEED}: ${cause}`, { cause });
      }
      const { user, system } = process.cpuUsage(began);
      assert.ok((user + system) / 1_000 < STEPS_PER_BOOT * MAX_STEP_CPU_MS, 'a hang');
      done += boot.chains;
      for (const fault of boot.faults) faults.add(fault);
      if (early === 0 && done >= CHAINS / 10) early = bytesHeld();
    }
    const grown = bytesHeld() - early;
    for (const at of around) {
      const bytes = Buffer.alloc(NEIGHBOUR_BYTES);
      readSync(fd, bytes, 0, NEIGHBOUR_BYTES, at);
      assert.ok(bytes.equals(NEIGHBOUR), 'nothing of another guest was written');
    }
    memory.replace([]);
    process.stdout.write(
      `${name}: ${done} chains in ${boots} boots, ${subject.delivered()} things got through, faults: ${[...faults].sort()}; ` +
        `RSS ${mebibytes(rss)} before, ${mebibytes(process.memoryUsage().rss)} after\n`,
    );
    assert.ok(grown < MAX_GROWTH_BYTES, `${mebibytes(grown)} more than after a tenth`);
    assert.ok(subject.delivered() > 0);
    assert.ok(faults.has('memory') && faults.size > 1, `${[...faults]}`);
  });
}

if ('entropy'.includes(ONLY))
  chains('entropy: each request is answered, or detaches its VMM', async () => {
    const path = join(temporaryDirectory(), 'entropy');
    let faults = 0;
    const served = await serveEntropy(openSystem(), path, (event) => {
      if (event === 'vmm-fault') faults++;
    });
    const random = seededRandom();
    const rss = process.memoryUsage().rss;
    let [done, attached, early] = [0, 0, 0];
    let socket: Socket | null = null;
    while (done < CHAINS) {
      if (socket === null) {
        socket = connect(path).on('error', () => {});
        attached++;
      }
      const isWrong = faults === 0 || random.oneIn(50);
      const counts = Array.from({ length: 1 + random.below(100) }, () => random.below(256));
      const requests = Buffer.from(counts.flatMap((count) => [2, count]));
      if (isWrong) requests[2 * random.below(counts.length)] = random.pick([0, 1, 3, 4, 255]);
      socket.write(requests);
      const answer = await answered(socket, isWrong ? null : counts.reduce((sum, count) => sum + count, 0));
      if (isWrong) {
        assert.is(answer, 'ended');
        socket = null;
      } else assert.is(answer, 'whole');
      done += counts.length;
      if (early === 0 && done >= CHAINS / 10) early = bytesHeld();
    }
    socket?.destroy();
    served.close();
    const grown = bytesHeld() - early;
    process.stdout.write(
      `entropy: ${done} requests of ${attached} VMMs, ${faults} of which were detached; ` +
        `RSS ${mebibytes(rss)} before, ${mebibytes(process.memoryUsage().rss)} after\n`,
    );
    assert.ok(grown < MAX_GROWTH_BYTES, `${mebibytes(grown)} more than after a tenth`);
    assert.ok(faults > 0);
  });

/** Waits until so many bytes came, or for the end where that is null. */
function answered(socket: Socket, bytes: number | null): Promise<'whole' | 'ended' | 'too much'> {
  return new Promise((resolve) => {
    let left = bytes ?? Number.POSITIVE_INFINITY;
    const settle = (outcome: 'whole' | 'ended' | 'too much'): void => {
      socket.off('data', take).off('close', ended);
      resolve(outcome);
    };
    const take = (chunk: Buffer): void => {
      left -= chunk.length;
      if (left <= 0) settle(left === 0 ? 'whole' : 'too much');
    };
    const ended = (): void => settle('ended');
    if (left === 0) resolve('whole');
    else socket.on('data', take).on('close', ended);
  });
}

chains.run();
