/**
 * What is queued for one session: whole frames, packed into chunks of one record each, unsealed until the carrier takes
 * them, so that many frames share one AEAD call and a change of policy can still reach them.
 *
 *   queue: [chunk][chunk][gate][chunk …          ]   a closed gate holds back all that was queued after it
 *                                  ^ #current, open for more
 *
 * A gate is an output commit: it is put before an answer whose audit record is not yet durable, and opened when it is.
 * Consecutive deliver frames of one record are borrowed as a run and copied with a single `set`.
 */
import type { FrameSink } from '../core/index.ts';
import { type BrokerFrame, encodeBrokerFrame, FrameWalker, Op } from '../wire/index.ts';
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

  /** Called when the outbox goes from having nothing new to having something: schedules `take`. */
  protected abstract onDirty(): void;
  abstract introduce(domid: number): void;

  /** Called when bytes were borrowed that `copyNow` has not copied yet. */
  protected onBorrowed(): void {}

  /** Bytes of answers and events not yet taken; deliveries are bounded by the rings. */
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
    const bytes = encodeBrokerFrame(frame);
    const chunk = this.#chunkFor(bytes.length);
    chunk.bytes.set(bytes, chunk.used);
    chunk.used += bytes.length;
    chunk.control += bytes.length;
    this.#controlBytes += bytes.length;
    this.#touch();
  }

  /** Holds back all that is queued from now on until the returned gate is opened and `reopened` called. */
  hold(): Gate {
    this.#close();
    const gate = new Gate();
    this.#queue.push(gate);
    return gate;
  }

  reopened(): void {
    this.#touch();
  }

  /** The next chunk to seal, or null: empty, or a gate is closed. Give it back to the pool with `sealed`. */
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

  /** The chunk's bytes have been sealed: it may serve another session. */
  sealed(chunk: Chunk): void {
    this.#pool.give(chunk);
  }

  /** Drops every queued deliver frame for which `keeps` says false; all else stays in order. */
  filter(keeps: (frames: Uint8Array, start: number, end: number) => boolean): void {
    this.#close();
    for (const item of this.#queue) if (item instanceof Chunk) compact(item, keeps);
    this.#queue = this.#queue.filter((item) => item instanceof Gate || item.used > 0);
  }

  /** Forgets everything: the session is over. */
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
    if (this.#isDirty) return;
    this.#isDirty = true;
    this.onDirty();
  }

  /** Copies the borrowed run: from here on the bytes are this session's own. */
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
      // A peer can make us put a gate behind every few answers and not read any of them.
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
