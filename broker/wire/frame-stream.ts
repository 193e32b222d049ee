/**
 * Finds frames in a stream without records: the pipe between a program and the agent of its own machine. The kernel
 * identifies both ends, so nothing is sealed.
 *
 * The result of `next` follows the rules of one record (frame-walker.ts), so that the same walker reads it.
 */
import { FRAME_HEADER_BYTES, MAX_DATA_FRAME_BYTES, MAX_RECORD_PLAINTEXT_BYTES } from './constants.ts';

const FIRST_CAPACITY_BYTES = 16 * 1024;
/** A buffer larger than this is dropped once it is empty: one large message must not occupy memory until the end. */
const KEPT_CAPACITY_BYTES = 4 * MAX_RECORD_PLAINTEXT_BYTES;

export class FrameStream {
  #bytes = new Uint8Array(FIRST_CAPACITY_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #start = 0;
  #end = 0;

  /** Bytes that arrived and were not returned yet. */
  get heldBytes(): number {
    return this.#end - this.#start;
  }

  /** Copies the chunk. */
  push(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#bytes.length) this.#makeRoom(chunk.length);
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Whole frames in memory of their own. 'more': there is none yet. 'fault': no frame can have this length. */
  next(): Uint8Array | 'more' | 'fault' {
    let at = this.#start;
    while (at + FRAME_HEADER_BYTES <= this.#end) {
      const length = this.#view.getUint32(at, true);
      // Sender-controlled: checked before any memory is allocated for it.
      if (length < FRAME_HEADER_BYTES || length > MAX_DATA_FRAME_BYTES) return 'fault';
      const isAlone = length > MAX_RECORD_PLAINTEXT_BYTES;
      const isFull = at > this.#start && (isAlone || at + length - this.#start > MAX_RECORD_PLAINTEXT_BYTES);
      if (isFull || at + length > this.#end) break;
      at += length;
      if (isAlone) break;
    }
    if (at === this.#start) return 'more';
    const frames = Uint8Array.prototype.slice.call(this.#bytes, this.#start, at);
    this.#start = at;
    if (this.#start === this.#end) this.#empty();
    return frames;
  }

  #empty(): void {
    this.#start = 0;
    this.#end = 0;
    if (this.#bytes.length > KEPT_CAPACITY_BYTES) this.#replace(new Uint8Array(FIRST_CAPACITY_BYTES));
  }

  #makeRoom(bytes: number): void {
    const held = this.heldBytes;
    const needed = held + bytes;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(this.#start, this.#end));
      this.#replace(larger);
    } else this.#bytes.copyWithin(0, this.#start, this.#end);
    this.#start = 0;
    this.#end = held;
  }

  #replace(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
