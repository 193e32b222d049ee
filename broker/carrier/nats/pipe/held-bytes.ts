/**
 * Bytes that have arrived and wait for their reader. Pieces are copied one after the other into blocks. So the memory
 * depends on the number of bytes and not on the number of pieces: a sender can send them one byte at a time.
 */
import { Fifo } from '../../../base/index.ts';
import { HELD_BLOCK_BYTES } from '../limits.ts';

interface Block {
  readonly bytes: Uint8Array;
  used: number;
}

export class HeldBytes {
  readonly #blocks = new Fifo<Block>();
  #memory = 0;

  get isEmpty(): boolean {
    return this.#blocks.length === 0;
  }

  /** Bytes of all blocks, full or not. */
  get memoryBytes(): number {
    return this.#memory;
  }

  /** Copies the bytes. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      let block = this.#blocks.at(this.#blocks.length - 1);
      if (block === undefined || block.used === block.bytes.length) {
        const length = nextLength(block?.bytes.length ?? 0, bytes.length - at);
        block = { bytes: new Uint8Array(length), used: 0 };
        this.#blocks.push(block);
        this.#memory += length;
      }
      const piece = bytes.subarray(at, at + block.bytes.length - block.used);
      block.bytes.set(piece, block.used);
      block.used += piece.length;
      at += piece.length;
    }
  }

  /** The oldest bytes, at most one block of them; undefined when there are none. The caller owns them. */
  shift(): Uint8Array | undefined {
    const block = this.#blocks.shift();
    this.#memory -= block?.bytes.length ?? 0;
    return block?.bytes.subarray(0, block.used);
  }

  clear(): void {
    while (this.#blocks.shift() !== undefined);
    this.#memory = 0;
  }
}

/**
 * Usually only a few bytes are held, for a short time, and a sender of tiny pieces chooses how often. So the first block is
 * no larger than its bytes, and each block is twice as large as the one before.
 */
function nextLength(previous: number, wanted: number): number {
  return Math.min(HELD_BLOCK_BYTES, Math.max(wanted, 2 * previous));
}
