/**
 * Reuses record buffers. A reader stops at `used`, so stale bytes of an earlier use never leave a buffer.
 *
 *   memory:  | room for the record's header | frames: `bytes`, `used` of them written | room for the tag |
 *
 * A chunk becomes a record where it lies and is written from there. It is given back when the carrier has written it. One
 * that was given back before would carry the next domain's frames to this domain.
 */
import { POOLED_CHUNKS } from '../process/index.ts';
import { MAX_RECORD_PLAINTEXT_BYTES, RECORD_HEADER_BYTES, RECORD_OVERHEAD_BYTES } from '../wire/index.ts';

export class Chunk {
  /** A whole record has room in it. */
  readonly memory: Uint8Array;
  /** Where its frames lie. */
  readonly bytes: Uint8Array;
  used = 0;
  /** Bytes of `used` that are answers and events, not deliveries. */
  control = 0;
  /** Number of the last delivery in the chunk, 0 = none. */
  delivery = 0;

  constructor(capacity: number) {
    this.memory = new Uint8Array(RECORD_OVERHEAD_BYTES + capacity);
    this.bytes = this.memory.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + capacity);
  }

  get room(): number {
    return this.bytes.length - this.used;
  }
}

export class ChunkPool {
  readonly #free: Chunk[] = [];

  /** A chunk with room for `needed` bytes: of the common size, or of exactly `needed` bytes if that is more. */
  take(needed: number): Chunk {
    if (needed > MAX_RECORD_PLAINTEXT_BYTES) return new Chunk(needed);
    return this.#free.pop() ?? new Chunk(MAX_RECORD_PLAINTEXT_BYTES);
  }

  /** Moves the bytes to a chunk of exactly their size: a full-sized chunk is too much for a few waiting answers. */
  shrink(chunk: Chunk): Chunk {
    if (chunk.used > chunk.bytes.length / 2) return chunk;
    const small = new Chunk(chunk.used);
    small.bytes.set(chunk.bytes.subarray(0, chunk.used));
    small.used = chunk.used;
    small.control = chunk.control;
    small.delivery = chunk.delivery;
    this.give(chunk);
    return small;
  }

  give(chunk: Chunk): void {
    if (chunk.bytes.length !== MAX_RECORD_PLAINTEXT_BYTES || this.#free.length >= POOLED_CHUNKS) return;
    chunk.used = 0;
    chunk.control = 0;
    chunk.delivery = 0;
    this.#free.push(chunk);
  }
}
