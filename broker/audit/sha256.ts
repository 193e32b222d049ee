/**
 * SHA-256 of many short ranges, each result written where it is needed. `verify` needs two for each record, an index one.
 *
 * `node:crypto` makes a string of each result, and its call takes longer than the hash itself. Node carries OpenSSL in its
 * binary and exports its functions for addons; koffi calls these with addresses, which takes a fifth of the time. A wrong
 * address would read or overwrite memory of this process. Four rules prevent it, as in keys/aead/openssl.ts:
 *
 *  1. Ranges. Source and output are checked directly before the calls, in the same function.
 *  2. Addresses. V8 never moves the memory of an ArrayBuffer, so its address is looked up once. A small typed array in V8's
 *     own heap, which does move, leaves it when its `buffer` is read.
 *  3. Lifetimes. `#first` and `#second` refer to the buffers whose addresses are in use.
 *  4. Context. OpenSSL's SHA256_CTX has 112 bytes, and fields of which only the first is ours to know: it is copied as a
 *     whole from one that SHA256_Init has filled.
 *
 * Both implementations are compared when the fast one is opened, and in a test. An edge.
 */
import { hash } from 'node:crypto';
import { type Native, requireKoffi } from '../native/index.ts';

export const HASH_BYTES = 32;

export interface Sha256 {
  /** Writes the hash of `source[from, to)` to `output[at, at + 32)`. The two may be the same array. */
  digest(source: Uint8Array, from: number, to: number, output: Uint8Array, at: number): void;
}

/** The readable twin, and what a machine without koffi uses. */
export const nodeSha256: Sha256 = {
  digest(source, from, to, output, at) {
    // As one character for each byte: the runtime makes such a string in half the time of hexadecimal text.
    const text = hash('sha256', source.subarray(from, to), 'binary');
    Buffer.from(output.buffer, output.byteOffset, output.byteLength).write(text, at, 'latin1');
  },
};

/** More than SHA256_CTX has in any version of OpenSSL 3: 8 words, 2 of length, 16 of data, 2 more. */
const CONTEXT_BYTES = 256;
const OK = 1;

interface Functions {
  readonly init: (context: number) => number;
  readonly update: (context: number, bytes: number, length: number) => number;
  readonly finish: (output: number, context: number) => number;
}

class OpenSslSha256 implements Sha256 {
  readonly #koffi: Native;
  readonly #update: Functions['update'];
  readonly #finish: Functions['finish'];
  readonly #fresh: Uint8Array;
  readonly #context = new Uint8Array(CONTEXT_BYTES);
  readonly #contextAddress: number;
  /** The buffers of the newest calls: the bytes of a log, and the place for their hashes. */
  #first: ArrayBufferLike | null = null;
  #firstAddress = 0;
  #second: ArrayBufferLike | null = null;
  #secondAddress = 0;

  constructor(koffi: Native) {
    const node = koffi.load(null);
    this.#koffi = koffi;
    const init = node.func('int SHA256_Init(uintptr_t)');
    this.#update = node.func('int SHA256_Update(uintptr_t, uintptr_t, size_t)');
    this.#finish = node.func('int SHA256_Final(uintptr_t, uintptr_t)');
    this.#contextAddress = this.#look(this.#context.buffer);
    if (init(this.#contextAddress) !== OK) throw new Error('openssl refused SHA-256');
    this.#fresh = this.#context.slice();
  }

  digest(source: Uint8Array, from: number, to: number, output: Uint8Array, at: number): void {
    if (!(from >= 0 && from <= to && to <= source.length && at >= 0 && at + HASH_BYTES <= output.length))
      throw new RangeError('a hash outside of its memory');
    if (!Number.isInteger(from + to + at)) throw new RangeError('a hash between two bytes');
    const [bytes, result] = [this.#addressOf(source) + from, this.#addressOf(output) + at];
    this.#context.set(this.#fresh);
    this.#update(this.#contextAddress, bytes, to - from);
    this.#finish(result, this.#contextAddress);
  }

  #addressOf({ buffer, byteOffset }: Uint8Array): number {
    if (buffer === this.#first) return this.#firstAddress + byteOffset;
    if (buffer !== this.#second) {
      [this.#second, this.#secondAddress] = [this.#first, this.#firstAddress];
      [this.#first, this.#firstAddress] = [buffer, this.#look(buffer)];
      return this.#firstAddress + byteOffset;
    }
    return this.#secondAddress + byteOffset;
  }

  #look(buffer: ArrayBufferLike): number {
    // There is no memory to read or write: the range is empty, or the caller has refused it.
    if (buffer.byteLength === 0) return 0;
    const address = Number(this.#koffi.address(new Uint8Array(buffer)));
    if (!Number.isSafeInteger(address) || address <= 0) throw new Error('no usable address');
    return address;
  }
}

let opened: Sha256 | null = null;

/** The fastest that this process has. Loading koffi takes some 20 ms: it is for long logs. */
export function openSha256(load: () => Native = requireKoffi): Sha256 {
  opened ??= fastest(load);
  return opened;
}

/** Exported for tests. */
export function fastest(load: () => Native): Sha256 {
  try {
    const openSsl = new OpenSslSha256(load());
    return isEqualToNode(openSsl) ? openSsl : nodeSha256;
  } catch {
    // Not installed here, or a Node without these functions: it only takes longer.
    return nodeSha256;
  }
}

/** Lengths around the borders of a block, and a long one. */
const TRIED_LENGTHS = [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 550, 4_099];

function isEqualToNode(fast: Sha256): boolean {
  const source = Uint8Array.from({ length: 5_000 }, (_, at) => (at * 7 + (at >> 8)) & 0xff);
  return TRIED_LENGTHS.every((length, at) => {
    const [one, other] = [new Uint8Array(100).fill(1), new Uint8Array(100).fill(1)];
    fast.digest(source, at, at + length, one, at);
    nodeSha256.digest(source, at, at + length, other, at);
    return Buffer.compare(one, other) === 0;
  });
}
