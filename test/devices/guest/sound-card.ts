/** A guest with a sound card: the driver's side of its queues, on a clock that a test advances. */
import { SoundDevice, SoundQueue, type SoundSide } from '../../../clients/devices/sound/index.ts';
import { SplitQueue } from '../../../clients/devices/virtqueue/index.ts';
import { FakeClock } from '../../support/clock.ts';
import { DriverQueue, FlatMemory } from './driver-queue.ts';

/** A message of bytes and little-endian words. */
export function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, 4 * index);
  return bytes;
}

/** What the card does with the world, written down. */
export class Room implements SoundSide {
  mayHear = false;
  readonly played: Buffer[] = [];
  readonly said: string[] = [];

  play(pcm: Uint8Array): void {
    this.played.push(Buffer.from(pcm));
  }

  setPlaying(isPlaying: boolean): void {
    this.said.push(isPlaying ? 'plays' : 'is silent');
  }

  setListening(isListening: boolean): void {
    this.said.push(isListening ? 'listens' : 'is deaf');
  }

  ask(): void {
    this.said.push('asks');
  }

  get playedBytes(): number {
    return this.played.reduce((sum, { length }) => sum + length, 0);
  }
}

interface Pending {
  readonly address: number;
  readonly length: number;
}

export class SoundGuest {
  readonly room = new Room();
  readonly clock = new FakeClock();
  readonly device = new SoundDevice(this.room, this.clock);
  readonly memory = new FlatMemory(1 << 22);
  readonly drivers: DriverQueue[] = [];
  readonly queues: SplitQueue[] = [];
  readonly #pending = new Map<string, Pending>();
  readonly #woken = new Set<number>();
  #free: number;

  constructor(size = 64) {
    this.#free = this.memory.base;
    for (let index = 0; index < 4; index++) {
      const driver = new DriverQueue(this.memory, this.#free, size);
      this.#free = Math.ceil(driver.end / 4_096) * 4_096;
      this.drivers.push(driver);
      this.queues.push(
        new SplitQueue(this.memory, driver.place, {
          size,
          next: 0,
          hasEventIndex: false,
          hasIndirect: false,
          maxReadableBytes: this.device.maxReadableBytes,
        }),
      );
    }
    this.device.attach({ queue: (index) => this.queues[index] ?? null, wake: (index) => this.#woken.add(index) });
  }

  /** The kicked queue, then whatever the card woke, as the back-end does. */
  kick(index: number): void {
    this.#woken.add(index);
    this.run();
  }

  run(): void {
    for (let turns = 0; this.#woken.size > 0; turns++) {
      if (turns > 1_000) throw new Error('the card keeps itself busy');
      for (const index of [...this.#woken]) {
        this.#woken.delete(index);
        const queue = this.queues[index];
        if (queue === undefined) continue;
        if (this.device.service(index, queue, 64) >= 64) this.#woken.add(index);
        queue.flush();
      }
    }
  }

  /** Advances in steps of a millisecond, and runs what the clock woke. */
  advance(milliseconds: number): void {
    for (let passed = 0; passed < milliseconds; passed++) {
      this.clock.advance(1);
      this.run();
    }
  }

  /** Makes one chain available: bytes that the card reads, then room that it writes. */
  add(queue: number, readable: Uint8Array, room: number): void {
    if (this.#free + readable.length + room + 64 > this.memory.base + this.memory.bytes.length)
      this.#free = this.memory.base + 65_536;
    const from = this.#free;
    const to = from + Math.ceil(readable.length / 16) * 16;
    this.#free = to + Math.ceil(room / 16) * 16;
    this.memory.write(from, readable);
    const parts = [
      { address: from, length: readable.length, isWritable: false },
      { address: to, length: room, isWritable: true },
    ].filter(({ length }) => length > 0);
    const head = this.drivers[queue]?.add(parts);
    this.#pending.set(`${queue} ${head}`, { address: to, length: room });
  }

  /** What the card has written into the chains that came back since the last call. */
  take(queue: number): Buffer[] {
    return (this.drivers[queue]?.take() ?? []).map(({ head, length }) => {
      const bytes = Buffer.alloc(length);
      this.memory.read(this.#pending.get(`${queue} ${head}`)?.address ?? 0, bytes);
      return bytes;
    });
  }

  /** Asks through the control queue and returns the answer; empty: it has not come. */
  ask(request: Buffer, room = 4): Buffer {
    this.add(SoundQueue.control, request, room);
    this.kick(SoundQueue.control);
    return this.take(SoundQueue.control)[0] ?? Buffer.alloc(0);
  }

  status(request: Buffer, room = 4): number {
    return this.ask(request, room).readUInt32LE(0);
  }

  /** SET_PARAMS for S16. */
  parameters(stream: number, { rate = 7, channels = 2, format = 5, features = 0, period = 1_920 } = {}): Buffer {
    return Buffer.concat([
      words(0x101, stream, period * 2, period, features),
      Buffer.from([channels, format, rate, 0]),
    ]);
  }

  /** A period of samples for the loudspeaker. */
  play(samples: Uint8Array): void {
    this.add(SoundQueue.playback, Buffer.concat([words(0), samples]), 8);
    this.kick(SoundQueue.playback);
  }

  /** Room for a period of the microphone. */
  offer(bytes: number): void {
    this.add(SoundQueue.capture, words(1), bytes + 8);
    this.kick(SoundQueue.capture);
  }

  /** The events that the card has reported into buffers that `listen` offered. */
  events(): (readonly [code: number, subject: number])[] {
    return this.take(SoundQueue.event).map((bytes) => [bytes.readUInt32LE(0), bytes.readUInt32LE(4)] as const);
  }

  listen(buffers = 4): void {
    for (let count = 0; count < buffers; count++) this.add(SoundQueue.event, Buffer.alloc(0), 8);
    this.kick(SoundQueue.event);
  }
}
