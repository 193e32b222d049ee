/**
 * The queue of one session: whole frames, packed into chunks of one record each. Chunks stay unsealed until the carrier
 * takes them, so that many frames share one AEAD call and a policy change can still remove them.
 *
 *   queue: [chunk][chunk][gate][chunk …          ]   a closed gate holds back all that was queued after it
 *                                  ^ #current, open for more
 *
 * A gate is an output commit: it is queued before an answer whose audit record is not yet durable, and opened when the
 * record is. Consecutive deliver frames of one record are remembered as a run, and copied with a single `set`.
 */
import type { FrameSink } from '../core/index.ts';
import { type BrokerFrame, FrameWalker, lendBrokerFrame, Op } from '../wire/index.ts';
import { Chunk, type ChunkPool } from './chunk-pool.ts';

export class Gate {
  isOpen = false;
}

const NOTHING = new Uint8Array(0);

export abstract class Outbox implements FrameSink {
  readonly #pool: ChunkPool;
  #queue: (Chunk | Gate)[] = [];
  #current: Chunk | null = null;
  #run: Uint8Array = NOTHING;
  #runStart = 0;
  #runEnd = 0;
  /** Bytes of the run that `#current` has room for. */
  #runRoom = 0;
  #controlBytes = 0;
  #delivered = 0;
  #departed = 0;
  #isDirty = false;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  /** Called when the outbox gets its first new frame since the last `take`: schedules the next one. */
  protected abstract onDirty(): void;
  /** Called for each new frame, except those that extend a run. `isFull`: the queue has a whole record. */
  protected abstract onQueued(isFull: boolean): void;
  abstract introduce(domid: number): void;
  abstract holdForRecords(): void;

  /** Called when a run begins, whose bytes `copyNow` must copy. */
  protected onBorrowed(): void {}

  /** Bytes of queued answers and events. Queued deliveries do not count: the rings bound them. */
  get controlBytes(): number {
    return this.#controlBytes;
  }

  get departed(): number {
    return this.#departed;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.#current === null && this.#runEnd === this.#runStart;
  }

  deliver(frames: Uint8Array, start: number, end: number): void {
    if (frames === this.#run && start === this.#runEnd && end - this.#runStart <= this.#runRoom) {
      this.#runEnd = end;
      this.#delivered++;
      return;
    }
    this.copyNow();
    this.#delivered++;
    const chunk = this.#chunkFor(end - start);
    this.#run = frames;
    this.#runStart = start;
    this.#runEnd = end;
    this.#runRoom = chunk.room;
    this.onBorrowed();
    this.#touch();
  }

  event(frame: BrokerFrame): void {
    this.copyNow();
    const lent = lendBrokerFrame(frame);
    const { length } = lent;
    const chunk = this.#chunkFor(length);
    lent.copyTo(chunk.bytes, chunk.used);
    chunk.used += length;
    chunk.control += length;
    this.#controlBytes += length;
    this.#touch();
  }

  /** Holds back all frames queued from now on, until the caller opens the returned gate and calls `reopened`. */
  hold(): Gate {
    this.#close();
    const gate = new Gate();
    this.#queue.push(gate);
    return gate;
  }

  reopened(): void {
    this.#touch();
  }

  /** The next chunk to seal. Null: the queue is empty, or a gate is closed. Return the chunk with `written`. */
  take(): Chunk | null {
    this.#isDirty = false;
    this.copyNow();
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined) break;
      if (next instanceof Gate && !next.isOpen) return null;
      this.#queue.shift();
      if (next instanceof Chunk) return this.#taken(next);
    }
    const current = this.#current;
    if (current === null || current.used === 0) return null;
    this.#current = null;
    return this.#taken(current);
  }

  #taken(chunk: Chunk): Chunk {
    this.#controlBytes -= chunk.control;
    if (chunk.delivery > 0) this.#departed = chunk.delivery;
    return chunk;
  }

  /** The carrier has written the chunk's bytes: another session may use the chunk. */
  written(chunk: Chunk): void {
    this.#pool.give(chunk);
  }

  /** Drops every queued deliver frame for which `keeps` returns false. The other frames stay in order. */
  filter(keeps: (frames: Uint8Array, start: number, end: number) => boolean): void {
    this.#close();
    for (const item of this.#queue) if (item instanceof Chunk) compact(item, keeps);
    this.#queue = this.#queue.filter((item) => item instanceof Gate || item.used > 0);
  }

  /** Drops the whole queue: the session has ended. */
  protected discard(): void {
    this.#run = NOTHING;
    this.#runStart = 0;
    this.#runEnd = 0;
    for (const item of this.#queue) if (item instanceof Chunk) this.#pool.give(item);
    if (this.#current !== null) this.#pool.give(this.#current);
    this.#queue = [];
    this.#current = null;
    this.#controlBytes = 0;
  }

  #touch(): void {
    if (!this.#isDirty) {
      this.#isDirty = true;
      this.onDirty();
    }
    this.onQueued(this.#queue.length > 0);
  }

  /** Copies the run. The queue does not refer to the record's memory after this. */
  copyNow(): void {
    if (this.#runEnd === this.#runStart) return;
    const chunk = this.#chunkFor(this.#runEnd - this.#runStart);
    chunk.bytes.set(this.#run.subarray(this.#runStart, this.#runEnd), chunk.used);
    chunk.used += this.#runEnd - this.#runStart;
    chunk.delivery = this.#delivered;
    this.#run = NOTHING;
    this.#runStart = 0;
    this.#runEnd = 0;
  }

  #chunkFor(length: number): Chunk {
    if (this.#current !== null && this.#current.room < length) {
      if (this.#current.used > 0) this.#queue.push(this.#current);
      this.#current = null;
    }
    this.#current ??= this.#pool.take(length);
    return this.#current;
  }

  #close(): void {
    this.copyNow();
    if (this.#current !== null && this.#current.used > 0) {
      // A peer can cause a gate after every few answers, and read none of them. So the chunk before a gate is shrunk.
      this.#queue.push(this.#pool.shrink(this.#current));
      this.#current = null;
    }
  }
}

function compact(chunk: Chunk, keeps: (frames: Uint8Array, start: number, end: number) => boolean): void {
  const walker = new FrameWalker();
  walker.begin(chunk.bytes.subarray(0, chunk.used));
  let to = 0;
  while (walker.next() === 'frame') {
    const { bytes, at, length } = walker;
    if (walker.op === Op.deliver && !keeps(bytes, at, at + length)) continue;
    bytes.copyWithin(to, at, at + length);
    to += length;
  }
  chunk.used = to;
}
