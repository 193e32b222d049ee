/**
 * Searches all messages that pass the server for pieces of the recording. An attacker with the server sees no more than this.
 *
 * A piece is eight bytes (two samples of each channel). It is searched at every position of every message. Pieces with little
 * variety, such as silence, are left out; the others do not occur by chance during a demo.
 */
import type { Published } from './nats-trace.ts';

const PIECE_BYTES = 8;
/** One sample of each channel. */
const STEP_BYTES = 4;
const MAX_PIECES = 50_000;
/** Different byte values that a piece must have. */
const MIN_VALUES = 5;
/** Header of a pipe's message: version, kind, pipe, position (docs/nats.md). */
const PIPE_HEADER_BYTES = 16;
const KEPT_BYTES = 65_536;

export interface SearchResult {
  readonly messages: number;
  readonly bytes: number;
  /** Pieces that were searched, and messages that hold at least one. */
  readonly pieces: number;
  readonly found: number;
}

export class RecordingSearch {
  readonly #pieces: ReadonlySet<string>;
  readonly #chromeVm: string;
  readonly #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #onMore: () => void = () => {};
  readonly #seen = { messages: 0, bytes: 0, found: 0 };
  /** A message that carried a sealed frame of the recording. */
  sample: Published | null = null;

  /** @param chromeVm the subject that chrome-vm publishes to */
  constructor(recording: Uint8Array, chromeVm: string) {
    this.#pieces = piecesOf(recording);
    this.#chromeVm = chromeVm;
  }

  get result(): SearchResult {
    return { ...this.#seen, pieces: this.#pieces.size };
  }

  see(message: Published): void {
    const { subject, payload } = message;
    this.#seen.messages++;
    this.#seen.bytes += payload.length;
    if (this.#contains(payload.subarray(PIPE_HEADER_BYTES))) this.#seen.found++;
    if (subject === this.#chromeVm) this.#keep(message);
  }

  /** The first bytes of chrome-vm's pipe; resolves when there are at least `bytes`. */
  async recorded(bytes: number): Promise<Uint8Array> {
    while (this.#keptBytes < bytes)
      await new Promise<void>((resolve) => {
        this.#onMore = resolve;
      });
    return Buffer.concat(this.#kept);
  }

  #keep(message: Published): void {
    const bytes = message.payload.subarray(PIPE_HEADER_BYTES);
    if (this.sample === null || bytes.length > this.sample.payload.length) this.sample = message;
    if (this.#keptBytes >= KEPT_BYTES) return;
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
    this.#onMore();
  }

  #contains(payload: Uint8Array): boolean {
    const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('latin1');
    for (let at = 0; at + PIECE_BYTES <= text.length; at++)
      if (this.#pieces.has(text.slice(at, at + PIECE_BYTES))) return true;
    return false;
  }
}

function piecesOf(recording: Uint8Array): Set<string> {
  const text = Buffer.from(recording.buffer, recording.byteOffset, recording.byteLength).toString('latin1');
  const steps = Math.max(1, Math.floor(text.length / STEP_BYTES / MAX_PIECES));
  const pieces = new Set<string>();
  for (let at = 0; at + PIECE_BYTES <= text.length; at += steps * STEP_BYTES) {
    const piece = text.slice(at, at + PIECE_BYTES);
    if (new Set(piece).size >= MIN_VALUES) pieces.add(piece);
  }
  return pieces;
}
