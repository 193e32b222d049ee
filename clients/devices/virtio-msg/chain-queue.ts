/**
 * A virtqueue without memory: a chain arrives as one message with its bytes, and goes back as one message with the bytes
 * that the device wrote.
 *
 * Invariant: a chain of the driver is in `#waiting`, in `#popped` or in `#done`, and at most `size` are in all three.
 */
import { Chain, type DeviceQueue } from '../virtqueue/index.ts';

interface Entry {
  readonly chain: Chain;
  readonly bytes: Buffer;
}

/** What the device wrote into the chain that the driver calls `id`. */
export interface UsedChain {
  readonly id: number;
  readonly bytes: Buffer;
}

export class ChainQueue implements DeviceQueue {
  readonly size: number;
  readonly #waiting: Entry[] = [];
  readonly #popped: Entry[] = [];
  #done: UsedChain[] = [];
  readonly #ids = new Set<number>();

  constructor(size: number) {
    this.size = size;
  }

  /** Copies `bytes`. False: the driver has too many chains here, or one of this name. */
  add(id: number, room: number, bytes: Uint8Array): boolean {
    if (this.#ids.size >= this.size || this.#ids.has(id)) return false;
    this.#ids.add(id);
    const chain = new Chain(id);
    chain.readableBytes = bytes.length;
    chain.writableBytes = room;
    this.#waiting.push({ chain, bytes: Buffer.from(bytes) });
    return true;
  }

  pop(): Chain | null {
    const entry = this.#waiting.shift();
    if (entry === undefined) return null;
    this.#popped.push(entry);
    return entry.chain;
  }

  unpop(): void {
    const entry = this.#popped.pop();
    if (entry !== undefined) this.#waiting.unshift(entry);
  }

  putBack(count: number): void {
    for (let index = 0; index < count; index++) this.unpop();
  }

  read(chain: Chain): Buffer | null {
    return this.#popped.find((entry) => entry.chain === chain)?.bytes ?? null;
  }

  complete(chain: Chain, bytes: Uint8Array | null = null): void {
    const index = this.#popped.findIndex((entry) => entry.chain === chain);
    if (index < 0) return;
    this.#popped.splice(index, 1);
    const written = bytes === null ? Buffer.alloc(0) : Buffer.from(bytes.subarray(0, chain.writableBytes));
    this.#done.push({ id: chain.head, bytes: written });
  }

  /** The chains that went back since the last call; the driver may use their names again. */
  takeDone(): readonly UsedChain[] {
    const done = this.#done;
    this.#done = [];
    for (const { id } of done) this.#ids.delete(id);
    return done;
  }
}
