/**
 * Bytes that have arrived and wait for their reader. Pieces are copied one behind the other into blocks, so what is held
 * costs memory for its bytes and not for the number of its pieces: a sender is free to send them one byte at a time.
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

  /** What the blocks take, full or not. */
  get memoryBytes(): number {
    return this.#memory;
  }

  /** Copies them. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      let block = this.#blocks.at(this.#blocks.length - 1);
      if (block === undefined || block.used === block.bytes.length) {
        // The first one is no larger than what it is for: most of the time little is held, and for a moment.
        const length = block === undefined ? Math.min(bytes.length, HELD_BLOCK_BYTES) : HELD_BLOCK_BYTES;
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
