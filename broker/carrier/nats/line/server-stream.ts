/**
 * Cuts the bytes of a NATS server into messages, which go to our pipe, and other lines (INFO, PING, PONG, -ERR), which
 * go to the client library.
 *
 *   MSG <subject> <sid> [reply-to] <size> CRLF  <payload> CRLF      docs.nats.io, "NATS Client Protocol"
 *
 * The library would allocate memory for each message and collect it in growing buffers. At a few hundred MB/s that
 * costs more than the broker's own work on the message. Here a message that is complete in one read is a view of it. A
 * message that straddles two reads is collected in a reused store. Nothing here throws on any input.
 */
import { MAX_PAYLOAD_BYTES, MAX_SERVER_LINE_BYTES } from '../limits.ts';

export interface ServerSink {
  /** The payload is valid only during the call. */
  onMessage(payload: Uint8Array): void;
  /** A message with headers was skipped. Argus never sends one. */
  onForeign(): void;
  /** One line with its end. The callee may keep it. */
  onLine(line: Uint8Array): void;
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;
/** First letters of MSG and HMSG; no other line of a server begins with them. */
const LETTER_M = 0x4d;
const LETTER_H = 0x48;
const END_BYTES = 2;
/** First letters of all other lines. */
const WORDS: readonly string[] = ['INFO', 'PING', 'PONG', '+OK\r', '-ERR'];
const WORD_BYTES = 4;
const NOTHING = new Uint8Array(0);

export class ServerStream {
  readonly #sink: ServerSink;
  /** Beginning of a line whose end has not arrived yet. */
  #line: Uint8Array = NOTHING;
  /** Announced length of the payload and its line end; 0 between messages. */
  #announced = 0;
  #store = NOTHING;
  #stored = 0;
  /** The present message has headers, so it is not from Argus: its bytes are skipped. */
  #isForeign = false;
  #isBroken = false;

  constructor(sink: ServerSink) {
    this.#sink = sink;
  }

  /** True: the bytes did not follow the NATS protocol. No further bytes are read. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Reads the whole chunk. False: the stream is broken. */
  push(chunk: Uint8Array): boolean {
    for (let at = 0; at < chunk.length && !this.#isBroken; ) at = this.step(chunk, at);
    return !this.#isBroken;
  }

  /** Reads one line or payload from `at` on, or the part of it in `chunk`. Returns the offset of the next one. */
  step(chunk: Uint8Array, at: number): number {
    return this.#announced > 0 ? this.#payload(chunk, at) : this.#control(chunk, at);
  }

  #control(chunk: Uint8Array, at: number): number {
    const end = chunk.indexOf(LF, at);
    const until = end < 0 ? chunk.length : end + 1;
    if (this.#line.length + until - at > MAX_SERVER_LINE_BYTES) return this.#break();
    if (end < 0 || this.#line.length > 0) this.#line = joined(this.#line, chunk.subarray(at, until));
    if (end < 0) return until;
    const line = this.#line.length > 0 ? this.#line : chunk.subarray(at, until);
    this.#line = NOTHING;
    const [letter] = line;
    if (letter === LETTER_M || letter === LETTER_H) {
      const size = sizeIn(line);
      if (size < 0 || size > MAX_PAYLOAD_BYTES) return this.#break();
      this.#isForeign = letter === LETTER_H;
      this.#announced = size + END_BYTES;
    } else if (isKnown(line)) this.#sink.onLine(joined(line, NOTHING));
    else return this.#break();
    return until;
  }

  #payload(chunk: Uint8Array, at: number): number {
    const missing = this.#announced - this.#stored;
    const until = Math.min(at + missing, chunk.length);
    if (this.#stored === 0 && until - at === missing) {
      this.#message(chunk.subarray(at, until));
      return until;
    }
    if (this.#store.length < this.#announced) this.#store = new Uint8Array(this.#announced);
    this.#store.set(chunk.subarray(at, until), this.#stored);
    this.#stored += until - at;
    if (this.#stored === this.#announced) this.#message(this.#store.subarray(0, this.#stored));
    return until;
  }

  #message(whole: Uint8Array): void {
    const size = whole.length - END_BYTES;
    if (whole[size] !== CR || whole[size + 1] !== LF) this.#break();
    else if (this.#isForeign) this.#sink.onForeign();
    else this.#sink.onMessage(whole.subarray(0, size));
    this.#announced = 0;
    this.#stored = 0;
  }

  #break(): number {
    this.#isBroken = true;
    return Number.POSITIVE_INFINITY;
  }
}

/** Other lines must not reach the library: it would throw an error that cannot be caught. */
function isKnown(line: Uint8Array): boolean {
  return WORDS.includes(Buffer.from(line.subarray(0, WORD_BYTES)).toString('latin1'));
}

/** The last word of a MSG line. -1: not a number, or a number with too many digits. */
function sizeIn(line: Uint8Array): number {
  const end = line.length - END_BYTES;
  if (line[end] !== CR) return -1;
  let size = 0;
  let scale = 1;
  let at = end - 1;
  for (; at >= 0 && line[at] !== SPACE; at--) {
    const digit = line[at] ?? 0;
    if (digit < ZERO || digit > NINE || scale > MAX_PAYLOAD_BYTES * 10) return -1;
    size += (digit - ZERO) * scale;
    scale *= 10;
  }
  return at > 0 && at < end - 1 ? size : -1;
}

/** Always a copy, even if one of the two is empty. */
function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}
