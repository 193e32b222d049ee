/**
 * Finds the number of a text by its bytes, so that a text that was seen before is not made into a string again. Pure.
 *
 * Open addressing with linear probing. The caller computes the hash while it reads the bytes.
 */

/** Of a new table. Doubled when half of the slots are taken. */
const FIRST_SLOTS = 1_024;
const FIRST_ARENA_BYTES = 16_384;
/** FNV-1a, 32 bits. */
const PRIME = 0x01000193;

/** Random, so that the names in a log cannot be chosen to fall into one slot. */
export const HASH_START = (Math.random() * 0x1_0000_0000) | 0;

export function nextHash(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, PRIME);
}

export class TextTable {
  /** Number of an entry, counted from 1; 0: free. */
  #slots = new Int32Array(FIRST_SLOTS);
  #arena = new Uint8Array(FIRST_ARENA_BYTES);
  #used = 0;
  readonly #hashes: number[] = [0];
  /** Where its bytes begin. They end where those of the next entry begin. */
  readonly #starts: number[] = [0];
  readonly #values: number[] = [0];

  /** -1: not known. */
  find(bytes: Uint8Array, from: number, to: number, hash: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = spread(hash) & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot] ?? 0;
      if (entry === 0) return -1;
      if (this.#hashes[entry] === hash && this.#isAt(entry, bytes, from, to)) return this.#values[entry] ?? -1;
    }
  }

  /** The text must not be known. */
  add(bytes: Uint8Array, from: number, to: number, hash: number, value: number): void {
    while (this.#used + to - from > this.#arena.length) {
      const larger = new Uint8Array(2 * this.#arena.length);
      larger.set(this.#arena);
      this.#arena = larger;
    }
    const entry = this.#values.length;
    this.#hashes.push(hash);
    this.#values.push(value);
    this.#starts[entry] = this.#used;
    this.#arena.set(bytes.subarray(from, to), this.#used);
    this.#used += to - from;
    this.#starts[entry + 1] = this.#used;
    if (2 * entry > this.#slots.length) this.#grow();
    else this.#place(entry);
  }

  #isAt(entry: number, bytes: Uint8Array, from: number, to: number): boolean {
    const start = this.#starts[entry] ?? 0;
    if ((this.#starts[entry + 1] ?? 0) - start !== to - from) return false;
    for (let at = from; at < to; at++) if (bytes[at] !== this.#arena[start + at - from]) return false;
    return true;
  }

  #place(entry: number): void {
    const mask = this.#slots.length - 1;
    let slot = spread(this.#hashes[entry] ?? 0) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = entry;
  }

  #grow(): void {
    this.#slots = new Int32Array(2 * this.#slots.length);
    for (let entry = 1; entry < this.#values.length; entry++) this.#place(entry);
  }
}

/** The low bits of FNV-1a alone are poor. */
function spread(hash: number): number {
  return hash ^ (hash >>> 15);
}
