/**
 * Memory that frames are encoded into. A chunk is counted: one reference for being filled, one per record of it that
 * waits to be sealed, one per record that the carrier has yet to write, one per message that may have to be sent again.
 * Only an unreferenced chunk is written over.
 */
import { MAX_RECORD_PLAINTEXT_BYTES, RECORD_OVERHEAD_BYTES } from '../../../../broker/wire/index.ts';
import { MIN_SPARE_BUFFERS } from '../../limits.ts';

export class SendBuffer {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  references = 1;

  constructor(length: number) {
    // Not zeroed: only bytes that frames have overwritten are ever sealed.
    const { buffer } = Buffer.allocUnsafeSlow(length);
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
  }
}

/** A record of the largest common size, header and tag included. */
const CHUNK_BYTES = MAX_RECORD_PLAINTEXT_BYTES + RECORD_OVERHEAD_BYTES;

export class SendBufferPool {
  readonly #spare: SendBuffer[] = [];
  readonly #maxSpare: number;

  /**
   * Keeps the chunks for a window of `windowBytes`. Allocating them for each send would keep the garbage collector
   * busy.
   */
  constructor(windowBytes: number) {
    this.#maxSpare = Math.max(MIN_SPARE_BUFFERS, Math.ceil(windowBytes / MAX_RECORD_PLAINTEXT_BYTES));
  }

  /** For a record of `frameBytes`, with one reference, the caller's. */
  take(frameBytes = 0): SendBuffer {
    if (frameBytes > MAX_RECORD_PLAINTEXT_BYTES) return new SendBuffer(frameBytes + RECORD_OVERHEAD_BYTES);
    const chunk = this.#spare.pop() ?? new SendBuffer(CHUNK_BYTES);
    chunk.references = 1;
    return chunk;
  }

  release(chunk: SendBuffer): void {
    chunk.references--;
    const isSpare = chunk.references === 0 && chunk.bytes.length === CHUNK_BYTES;
    if (isSpare && this.#spare.length < this.#maxSpare) this.#spare.push(chunk);
  }
}

/** Hands out room for frames that wait, one after another, so that small ones do not cost a chunk each. */
export class Arena {
  readonly #pool: SendBufferPool;
  #chunk: SendBuffer | null = null;
  #used = 0;

  constructor(pool: SendBufferPool) {
    this.#pool = pool;
  }

  /** A chunk, referenced for the caller, and where in it `length` bytes are theirs. */
  reserve(length: number): { readonly chunk: SendBuffer; readonly at: number } {
    if (length > MAX_RECORD_PLAINTEXT_BYTES) return { chunk: new SendBuffer(length), at: 0 };
    if (this.#chunk !== null && this.#chunk.references === 1) this.#used = 0;
    if (this.#chunk === null || this.#used + length > MAX_RECORD_PLAINTEXT_BYTES) {
      if (this.#chunk !== null) this.#pool.release(this.#chunk);
      this.#chunk = this.#pool.take();
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += length;
    this.#chunk.references++;
    return { chunk: this.#chunk, at };
  }
}
