/**
 * Bounds-checked little-endian cursors. A fault of the reader is sticky: a read out of range returns 0 and marks the
 * fault, and `finish()` reports it, like trailing bytes. So the code of a decoder stays linear and can never throw.
 */
const decoder = new TextDecoder('utf-8', { fatal: false });
const encoder = new TextEncoder();

export class Reader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  #failed = false;

  /** Reads `bytes` from `start` up to, not including, `end`. */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = Math.min(end, bytes.length);
  }

  #take(length: number): number {
    if (this.#failed || this.#at + length > this.#end) {
      this.#failed = true;
      return -1;
    }
    const at = this.#at;
    this.#at += length;
    return at;
  }

  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : (this.#bytes[at] ?? 0);
  }

  u16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : (this.#bytes[at] ?? 0) | ((this.#bytes[at + 1] ?? 0) << 8);
  }

  /** Byte by byte: a DataView for each frame would be work for garbage collection. */
  u32(): number {
    const at = this.#take(4);
    if (at < 0) return 0;
    const bytes = this.#bytes;
    const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    return (low | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0;
  }

  /** A view, not a copy; empty when out of range. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return at < 0 ? new Uint8Array(0) : this.#bytes.subarray(at, at + length);
  }

  /** A u8 length, then that many bytes of UTF-8; more than `maxBytes` is a fault. */
  text(maxBytes: number): string {
    const length = this.u8();
    if (length > maxBytes) this.#failed = true;
    return decoder.decode(this.bytes(length));
  }

  /** A u16 length, then that many bytes of ASCII; any other byte, or more than `maxBytes`, is a fault. */
  longText(maxBytes: number): string {
    const length = this.u16();
    this.expect(length <= maxBytes);
    const bytes = this.bytes(length);
    this.expect(bytes.every((byte) => byte < 0x80));
    return decoder.decode(bytes);
  }

  /** Marks a fault if a value that was read is not allowed. */
  expect(condition: boolean): void {
    if (!condition) this.#failed = true;
  }

  get remaining(): number {
    return this.#failed ? 0 : this.#end - this.#at;
  }

  /** True when all reads were in range and no bytes are left over. */
  finish(): boolean {
    return !this.#failed && this.#at === this.#end;
  }
}

/** A frame in memory that the next frame reuses. */
export interface LentFrame {
  readonly length: number;
  copyTo(target: Uint8Array, at: number): void;
}

/** Below this length a loop copies faster than `set`, which needs a view. */
const LOOP_BYTES = 64;

/**
 * Appends to a buffer that grows and is reused; for control frames only, data frames are written in place. A peer decides
 * how many frames it is answered, so a frame must not cost an ArrayBuffer: garbage collection would stop everybody.
 */
export class Writer implements LentFrame {
  #bytes = new Uint8Array(64);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  #room(length: number): number {
    const at = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  u8(value: number): this {
    const at = this.#room(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#room(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    const at = this.#room(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** The counterpart of `Reader.text`. */
  text(value: string): this {
    const encoded = encoder.encode(value);
    return this.u8(encoded.length).bytes(encoded);
  }

  /** The counterpart of `Reader.longText`. */
  longText(value: string): this {
    const encoded = encoder.encode(value);
    return this.u16(encoded.length).bytes(encoded);
  }

  get length(): number {
    return this.#length;
  }

  /** Forgets the bytes so far: begins the next frame. */
  restart(): this {
    this.#length = 0;
    return this;
  }

  /** Sets the first u32 to the number of bytes so far: a finished frame. */
  finish(): this {
    this.#view.setUint32(0, this.#length, true);
    return this;
  }

  copyTo(target: Uint8Array, at: number): void {
    const length = this.#length;
    if (length > LOOP_BYTES) target.set(this.#bytes.subarray(0, length), at);
    else for (let index = 0; index < length; index++) target[at + index] = this.#bytes[index] ?? 0;
  }

  /** The bytes so far, in memory of their own. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}
