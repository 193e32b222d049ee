/**
 * Reads what a server sends for one domain, and no faster than the share of the domain pays for it.
 *
 *   read:  worked on at once, as far as the share goes; the rest is kept and the socket is paused
 *   work:  in a later turn, goes on with the rest; when nothing is left, the socket is read again
 *
 * A domain chooses how many messages its bytes are cut into, and may repeat messages that its pipe drops. So each message
 * is paid for, also one that brings the pipe nothing. The server notices the paused socket, and stalls that domain.
 */
import { type Job, LINE_MESSAGE_UNITS, type Worker } from '../../../turns/index.ts';
import { ServerStream } from './server-stream.ts';

/** Makes the job that pays for one line; it belongs to the domain of the line. */
export type LinePace = (worker: Worker) => Job;

/** Where the bytes come from. */
export interface LineSource {
  pause(): void;
  resume(): void;
  /** What came is not what a NATS server says. */
  broken(): void;
}

export interface LineSink {
  /** Lent for the call. */
  onMessage(payload: Uint8Array): void;
  /** One line with its end; the callee's to keep. */
  onLine(line: Uint8Array): void;
}

const NOTHING = new Uint8Array(0);

export class LineReader implements Worker {
  readonly #source: LineSource;
  readonly #stream: ServerStream;
  /** Null: this line is the only work of its process, and nobody waits for it. */
  readonly #job: Job | null;
  #rest: Uint8Array = NOTHING;
  /** Where in `#rest` the next line or payload begins. */
  #at = 0;
  #isPaused = false;
  #isClosed = false;

  constructor(source: LineSource, sink: LineSink, pace: LinePace | null) {
    this.#source = source;
    this.#job = pace?.(this) ?? null;
    this.#stream = new ServerStream({
      onMessage: (payload) => {
        this.#job?.share.spend(LINE_MESSAGE_UNITS);
        sink.onMessage(payload);
      },
      onForeign: () => this.#job?.share.spend(LINE_MESSAGE_UNITS),
      onLine: (line) => {
        this.#job?.share.spend(LINE_MESSAGE_UNITS);
        sink.onLine(line);
      },
    });
  }

  /** `chunk` is lent for the call. */
  read(chunk: Uint8Array): void {
    if (this.#isClosed) return;
    // A paused socket may hand over what it had read already.
    this.#rest = this.#isPaused ? Buffer.concat([this.#rest.subarray(this.#at), chunk]) : chunk;
    this.#at = 0;
    if (this.#job === null) this.work();
    else this.#job.ready();
    if (this.#rest.length === 0) return;
    // Copied: `slice` of a Buffer would be a view.
    this.#rest = new Uint8Array(this.#rest.subarray(this.#at));
    this.#at = 0;
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#source.pause();
  }

  work(): boolean {
    const share = this.#job?.share ?? null;
    while (this.#at < this.#rest.length && !this.#isClosed) {
      if (share?.isSpent === true) return true;
      this.#at = this.#stream.step(this.#rest, this.#at);
      if (!this.#stream.isBroken) continue;
      this.close();
      this.#source.broken();
    }
    this.#rest = NOTHING;
    this.#at = 0;
    if (this.#isPaused && !this.#isClosed) {
      this.#isPaused = false;
      this.#source.resume();
    }
    return false;
  }

  /** The line is over: what was kept of it is dropped. */
  close(): void {
    this.#isClosed = true;
    this.#job?.cancel();
    this.#rest = NOTHING;
    this.#at = 0;
  }
}
