/** A seeded source of test inputs. Deterministic and fast. Never use it for secrets. */

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in 0 … 2^32-1 (mulberry32). */
  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** An integer in 0 … limit-1. */
  below(limit: number): number {
    return Math.floor((this.uint32() / 0x1_0000_0000) * limit);
  }

  /** True once in `times`, on average. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(choices: readonly [T, ...T[]] | readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new RangeError('pick: no choices');
    return choice;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at++) bytes[at] = this.uint32();
    return bytes;
  }

  /**
   * A damaged copy of well-formed bytes: flipped bits, numbers at the edges of their range, cut, lengthened, doubled.
   * Mutants reach deeper into a decoder than random bytes, which rarely pass the check of the magic number.
   */
  mutate(bytes: Uint8Array): Uint8Array {
    let mutant: Uint8Array = Uint8Array.from(bytes); // of a Buffer, slice() would be a view
    for (let round = 1 + this.below(4); round > 0; round--) mutant = this.#mutateOnce(mutant);
    return mutant;
  }

  #mutateOnce(bytes: Uint8Array): Uint8Array {
    const at = this.below(bytes.length + 1);
    switch (this.below(5)) {
      case 0:
        if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << this.below(8));
        return bytes;
      case 1: {
        const edge = this.pick([0, 1, 0x7f, 0x80, 0xff]);
        bytes.fill(edge, at, at + this.pick([1, 2, 4]));
        return bytes;
      }
      case 2:
        return bytes.slice(0, at);
      case 3:
        return joined(bytes.subarray(0, at), this.bytes(this.below(16)), bytes.subarray(at));
      default:
        return joined(bytes.subarray(0, at), bytes.subarray(at >>> 1));
    }
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
