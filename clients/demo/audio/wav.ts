/**
 * RIFF/WAVE files of the one kind that audio in Argus has: 44.1 kHz, signed 16 bit little-endian, stereo.
 *
 * The layout is that of Microsoft's Multimedia Programming Interface 1.0 (RIFF: chunks of id, u32 size, content, a pad
 * byte after odd sizes) with WAVEFORMATEXTENSIBLE. Strict, because a file that is played at the wrong rate or read as
 * noise looks like a fault of the broker; lenient only about what real programs write: sizes of a stream that
 * were never filled in (0, 0xFFFFFFFF, sox 0x7FFFF000, arecord 0x80000000), missing pad bytes, and whatever follows the samples.
 */
import { wavHeader } from '../../agents/audio/index.ts';
import { DemoError, type DemoErrorCode } from '../errors.ts';

/** The values that the format fixes. */
const RIFF_HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 8;
const FORMAT_BYTES = 16;
const EXTENSIBLE_FORMAT_BYTES = 40;
const FORMAT_PCM = 0x0001;
const FORMAT_EXTENSIBLE = 0xfffe;
/** KSDATAFORMAT_SUBTYPE_…: after the format's own two bytes, all subformats of the wave family end alike. */
const SUBFORMAT_TAIL = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];
/** Written by programs that cannot seek back to fill in the size. */
const STREAM_SIZE = 0xffffffff;
const KNOWN_CHUNKS: readonly string[] = ['fmt ', 'data', 'LIST', 'fact', 'PEAK', 'bext', 'cue '];

/** The values that Argus accepts. */
export const SAMPLE_RATE_HZ = 44_100;
export const CHANNELS = 2;
const SAMPLE_BITS = 16;
/** One sample of each channel. */
export const FRAME_BYTES = (CHANNELS * SAMPLE_BITS) / 8;

const FORMAT_NAMES: ReadonlyMap<number, string> = new Map([
  [0x0002, 'Microsoft ADPCM'],
  [0x0003, 'IEEE float'],
  [0x0006, 'A-law'],
  [0x0007, 'mu-law'],
  [0x0011, 'IMA ADPCM'],
  [0x0031, 'GSM 6.10'],
  [0x0050, 'MPEG'],
  [0x0055, 'MP3'],
  [0x00ff, 'AAC'],
  [0x2000, 'AC-3'],
  [0xf1ac, 'FLAC'],
]);

/** What follows ERR_DEMO_WAV_ in the codes. */
type WavFault = { [Code in DemoErrorCode]: Code extends `ERR_DEMO_WAV_${infer Rest}` ? Rest : never }[DemoErrorCode];

export interface Wav {
  /** Interleaved samples, a whole number of frames; a view of the bytes that were parsed, not a copy. */
  readonly pcm: Uint8Array;
}

interface Chunk {
  readonly id: string;
  readonly start: number;
  readonly size: number;
}

/** Reads a whole file; `name` is what the messages call it. Throws a DemoError for anything but what Argus takes. */
export function parseWav(bytes: Uint8Array, name = 'input.wav'): Wav {
  return new WavReader(bytes, name).read();
}

class WavReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #name: string;

  constructor(bytes: Uint8Array, name: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#name = name;
  }

  read(): Wav {
    const riffEnd = this.#readRiffHeader();
    let hasFormat = false;
    for (let at = RIFF_HEADER_BYTES; ; ) {
      const chunk = this.#readChunkHeader(at, hasFormat);
      if (chunk.id === 'data') {
        if (!hasFormat) throw this.#error('MALFORMED', 'has its samples before the "fmt " chunk that describes them');
        return { pcm: this.#readSamples(chunk, riffEnd) };
      }
      if (chunk.start + chunk.size > this.#bytes.length) throw this.#truncated(chunk.start + chunk.size);
      if (chunk.id === 'fmt ') {
        if (hasFormat) throw this.#error('MALFORMED', 'has two "fmt " chunks');
        this.#checkFormat(chunk);
        hasFormat = true;
      }
      at = this.#nextChunk(chunk);
    }
  }

  /** Returns where the RIFF form says that it ends; null when it was written as a stream. */
  #readRiffHeader(): number | null {
    const tag = this.#tag(0);
    if (tag !== 'RIFF') {
      throw this.#error('NOT_RIFF', `is not a RIFF file: expected "RIFF", found "${tag}"; ${this.#conversion()}`);
    }
    if (this.#bytes.length < RIFF_HEADER_BYTES) throw this.#truncated(RIFF_HEADER_BYTES);
    const form = this.#tag(8);
    if (form !== 'WAVE') {
      throw this.#error('NOT_WAVE', `is not a WAVE file: expected "WAVE", found "${form}"; ${this.#conversion()}`);
    }
    const size = this.#view.getUint32(4, true);
    if (size === 0 || size === STREAM_SIZE) return null;
    return CHUNK_HEADER_BYTES + size;
  }

  #readChunkHeader(at: number, hasFormat: boolean): Chunk {
    const start = at + CHUNK_HEADER_BYTES;
    if (at >= this.#bytes.length) {
      throw this.#error(hasFormat ? 'NO_SAMPLES' : 'MALFORMED', `has no "${hasFormat ? 'data' : 'fmt '}" chunk`);
    }
    if (start > this.#bytes.length) throw this.#truncated(start);
    return { id: this.#tag(at), start, size: this.#view.getUint32(at + 4, true) };
  }

  /** After a pad byte where the size is odd; some programs leave it out, and then a chunk that we know follows at once. */
  #nextChunk({ start, size }: Chunk): number {
    const end = start + size;
    if (size % 2 === 0) return end;
    return this.#bytes[end] !== 0 && KNOWN_CHUNKS.includes(this.#tag(end)) ? end : end + 1;
  }

  #checkFormat({ start, size }: Chunk): void {
    if (size < FORMAT_BYTES) {
      throw this.#error('MALFORMED', `has a "fmt " chunk of ${size} bytes, expected at least ${FORMAT_BYTES}`);
    }
    const format = this.#formatCode(start, size);
    if (format !== FORMAT_PCM) {
      const found = FORMAT_NAMES.get(format) ?? `format 0x${format.toString(16).padStart(4, '0')}`;
      throw this.#error('NOT_PCM', `holds ${found}, expected PCM; ${this.#conversion()}`);
    }
    const channels = this.#view.getUint16(start + 2, true);
    const rate = this.#view.getUint32(start + 4, true);
    const bytesPerSecond = this.#view.getUint32(start + 8, true);
    const frameBytes = this.#view.getUint16(start + 12, true);
    const bits = this.#view.getUint16(start + 14, true);
    if (rate !== SAMPLE_RATE_HZ) throw this.#unsupported('RATE', `${rate} Hz`, `${SAMPLE_RATE_HZ} Hz`);
    if (channels !== CHANNELS) {
      throw this.#unsupported('CHANNELS', `${channels} ${channels === 1 ? 'channel' : 'channels'}`, `${CHANNELS}`);
    }
    if (bits !== SAMPLE_BITS) throw this.#unsupported('BITS', `samples of ${bits} bits`, `${SAMPLE_BITS}`);
    if (frameBytes !== FRAME_BYTES || bytesPerSecond !== FRAME_BYTES * SAMPLE_RATE_HZ) {
      const found = `${frameBytes} bytes a frame and ${bytesPerSecond} bytes a second`;
      const expected = `${FRAME_BYTES} and ${FRAME_BYTES * SAMPLE_RATE_HZ}`;
      throw this.#error('MALFORMED', `contradicts itself: its header says ${found}, expected ${expected}`);
    }
  }

  /** The format's number; behind WAVE_FORMAT_EXTENSIBLE that of the subformat, whose valid bits must fill the sample. */
  #formatCode(start: number, size: number): number {
    const code = this.#view.getUint16(start, true);
    if (code !== FORMAT_EXTENSIBLE) return code;
    if (size < EXTENSIBLE_FORMAT_BYTES) {
      throw this.#error(
        'MALFORMED',
        `has an extensible "fmt " chunk of ${size} bytes, expected ${EXTENSIBLE_FORMAT_BYTES}`,
      );
    }
    if (!SUBFORMAT_TAIL.every((byte, index) => this.#bytes[start + 26 + index] === byte)) return code;
    const bits = this.#view.getUint16(start + 14, true);
    const validBits = this.#view.getUint16(start + 18, true);
    // 0: the writer does not say, and all of them are.
    if (bits === SAMPLE_BITS && validBits !== SAMPLE_BITS && validBits !== 0) {
      throw this.#unsupported('BITS', `samples of ${validBits} valid bits`, `${SAMPLE_BITS}`);
    }
    return this.#view.getUint16(start + 24, true);
  }

  #readSamples({ start, size }: Chunk, riffEnd: number | null): Uint8Array {
    // A program that writes to a pipe leaves 0 or a size beyond the file, of the form as well as of the samples. 0 is also
    // the honest size of no samples, which then lie inside a form that goes on behind them, or end the file.
    const isBeyond = start + size > this.#bytes.length && (riffEnd === null || riffEnd > this.#bytes.length);
    const isStream = size === STREAM_SIZE || isBeyond || (size === 0 && (riffEnd === null || riffEnd <= start));
    const end = isStream ? this.#bytes.length : start + size;
    if (end > this.#bytes.length) throw this.#truncated(end);
    const length = end - start;
    // The writer of a stream may have been stopped inside a frame; a size that was written on purpose is a mistake.
    const partial = length % FRAME_BYTES;
    if (partial !== 0 && !isStream) {
      throw this.#error('MALFORMED', `has ${length} bytes of samples, expected a multiple of ${FRAME_BYTES}`);
    }
    if (length - partial === 0) throw this.#error('NO_SAMPLES', 'has no samples');
    return this.#bytes.subarray(start, end - partial);
  }

  /** Four characters, unprintable ones as `?`: the file is not trusted with the terminal. */
  #tag(at: number): string {
    const characters = this.#bytes.subarray(at, at + 4);
    return [...characters].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '?')).join('');
  }

  #unsupported(what: 'RATE' | 'CHANNELS' | 'BITS', found: string, expected: string): DemoError {
    return this.#error(what, `has ${found}, expected ${expected}; ${this.#conversion()}`);
  }

  #truncated(expectedBytes: number): DemoError {
    const found = this.#bytes.length;
    return this.#error('TRUNCATED', `is cut off: expected at least ${expectedBytes} bytes, found ${found}`);
  }

  #error(what: WavFault, problem: string): DemoError {
    return new DemoError(`ERR_DEMO_WAV_${what}`, `"${this.#name}" ${problem}`);
  }

  #conversion(): string {
    const source = /^[\w./-]+$/.test(this.#name) ? this.#name : `'${this.#name.replaceAll("'", "'\\''")}'`;
    return (
      `convert it with: ffmpeg -i ${source} -ar ${SAMPLE_RATE_HZ} -ac ${CHANNELS} -c:a pcm_s16le converted.wav` +
      ` (or: sox ${source} -r ${SAMPLE_RATE_HZ} -c ${CHANNELS} -b ${SAMPLE_BITS} -e signed-integer converted.wav)`
    );
  }
}

/** A complete file around the samples, which are copied. */
export function writeWav(pcm: Uint8Array): Uint8Array {
  if (pcm.length % FRAME_BYTES !== 0) {
    throw new RangeError(`"pcm": expected a multiple of ${FRAME_BYTES} bytes, got ${pcm.length}`);
  }
  const header = wavHeader(pcm.length);
  const bytes = new Uint8Array(header.length + pcm.length);
  bytes.set(header);
  bytes.set(pcm, header.length);
  return bytes;
}
