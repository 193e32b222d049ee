/**
 * The values of PulseAudio's native protocol ("tagstruct"): a tag byte before each value, numbers in network order
 * (pulsecore/tagstruct.c). Only the values that our few commands need.
 */
const Tag = {
  string: 0x74,
  nullString: 0x4e,
  u32: 0x4c,
  u8: 0x42,
  boolTrue: 0x31,
  boolFalse: 0x30,
  sampleSpec: 0x61,
  channelMap: 0x6d,
  volume: 0x76,
  arbitrary: 0x78,
  properties: 0x50,
  time: 0x54,
  microseconds: 0x55,
  s64: 0x72,
} as const;

const FORMAT_S16LE = 3;
/** PA_VOLUME_NORM. */
const FULL_VOLUME = 0x1_0000;
const FRONT_LEFT = 1;
const FRONT_RIGHT = 2;
/** "No index", and "the server chooses". */
export const UNSET = 0xffff_ffff;

export class TagWriter {
  readonly #bytes: number[] = [];

  u32(value: number): this {
    this.#bytes.push(Tag.u32);
    return this.#raw32(value);
  }

  bool(value: boolean): this {
    this.#bytes.push(value ? Tag.boolTrue : Tag.boolFalse);
    return this;
  }

  bools(...values: readonly boolean[]): this {
    for (const value of values) this.bool(value);
    return this;
  }

  string(value: string | null): this {
    if (value === null) this.#bytes.push(Tag.nullString);
    else this.#bytes.push(Tag.string, ...Buffer.from(value, 'utf8'), 0);
    return this;
  }

  arbitrary(value: Uint8Array): this {
    this.#bytes.push(Tag.arbitrary);
    this.#raw32(value.length);
    this.#bytes.push(...value);
    return this;
  }

  /** S16LE, two channels: format, map and volume of both at 100 %. */
  stereo(rate: number): this {
    this.#bytes.push(Tag.sampleSpec, FORMAT_S16LE, 2);
    this.#raw32(rate);
    this.#bytes.push(Tag.channelMap, 2, FRONT_LEFT, FRONT_RIGHT);
    return this;
  }

  fullVolume(): this {
    this.#bytes.push(Tag.volume, 2);
    return this.#raw32(FULL_VOLUME).#raw32(FULL_VOLUME);
  }

  properties(values: Readonly<Record<string, string>>): this {
    this.#bytes.push(Tag.properties);
    for (const [name, value] of Object.entries(values)) {
      const bytes = Buffer.from(`${value}\0`, 'utf8');
      this.string(name).u32(bytes.length).arbitrary(bytes);
    }
    return this.string(null);
  }

  /** Seconds and microseconds. */
  time(seconds: number, microseconds: number): this {
    this.#bytes.push(Tag.time);
    return this.#raw32(seconds).#raw32(microseconds);
  }

  finish(): Buffer {
    return Buffer.from(this.#bytes);
  }

  #raw32(value: number): this {
    this.#bytes.push((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
    return this;
  }
}

/** Reads values in order. A missing value, or a value of another type, reads as 0 and marks the fault. */
export class TagReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #isFaulty = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isFaulty(): boolean {
    return this.#isFaulty;
  }

  u32(): number {
    const at = this.#take(Tag.u32, 4);
    return at < 0 ? 0 : this.#view.getUint32(at);
  }

  /** As a number: positions in a stream stay far below 2^53. */
  s64(): number {
    const at = this.#take(Tag.s64, 8);
    return at < 0 ? 0 : Number(this.#view.getBigInt64(at));
  }

  microseconds(): number {
    const at = this.#take(Tag.microseconds, 8);
    return at < 0 ? 0 : Number(this.#view.getBigUint64(at));
  }

  bool(): boolean {
    const tag = this.#bytes[this.#at];
    this.#take(tag === Tag.boolTrue ? Tag.boolTrue : Tag.boolFalse, 0);
    return tag === Tag.boolTrue;
  }

  skipTime(): void {
    this.#take(Tag.time, 8);
  }

  /** Where the value of the next tag is; -1 = it is another tag, or is cut off. */
  #take(tag: number, length: number): number {
    const at = this.#at + 1;
    if (this.#isFaulty || this.#bytes[this.#at] !== tag || at + length > this.#bytes.length) {
      this.#isFaulty = true;
      return -1;
    }
    this.#at = at + length;
    return at;
  }
}
