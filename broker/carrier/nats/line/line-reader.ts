/**
 * Reads the messages that a server sends for one domain, only as fast as the share of the domain can pay for them.
 *
 *   read:  processes the bytes at once, as far as the share can pay; keeps the rest and pauses the socket
 *   work:  continues with the rest in a later turn; when no bytes are left, resumes the socket
 *
 * A domain chooses into how many messages it cuts its bytes, and can repeat messages that its pipe drops. So each
 * message is paid for, even if it has no bytes for the pipe. The server notices the paused socket, and stalls that
 * domain.
 */
import { type Job, LINE_MESSAGE_UNITS, type Worker } from '../../../turns/index.ts';
import { ServerStream } from './server-stream.ts';

/** Makes the job that pays for one line; it belongs to the domain of the line. */
export type LinePace = (worker: Worker) => Job;

/** The source of the bytes. */
export interface LineSource {
  pause(): void;
  resume(): void;
  /** The bytes do not follow the NATS protocol. */
  broken(): void;
}

export interface LineSink {
  /** The payload is valid only during the call. */
  onMessage(payload: Uint8Array): void;
  /** One line with its end. The callee may keep it. */
  onLine(line: Uint8Array): void;
}

const NOTHING = new Uint8Array(0);

export class LineReader implements Worker {
  readonly #source: LineSource;
  readonly #stream: ServerStream;
  /** Null: this process serves only this line, so nothing else waits for it. */
  readonly #job: Job | null;
  #rest: Uint8Array = NOTHING;
  /** Offset in `#rest` of the next line or payload. */
  #at = 0;
  /**
   * Memory for the rest of a read, as long as read after read leaves one: new memory for each would be garbage in
   * megabytes, of which the domain chooses how much.
   */
  #kept: Uint8Array = NOTHING;
  #isPaused = false;
  #isClosed = false;

  constructor(source: LineSource, sink: LineSink, pace: LinePace | null) {
    this.#source = source;
    this.#job = pace?.(this) ?? null;
    this.#stream = new ServerStream({
      onMessage: (payload) => {
        this.#job?.share.spendIdle(LINE_MESSAGE_UNITS);
        sink.onMessage(payload);
      },
      onForeign: () => this.#job?.share.spendIdle(LINE_MESSAGE_UNITS),
      onLine: (line) => {
        this.#job?.share.spendIdle(LINE_MESSAGE_UNITS);
        sink.onLine(line);
      },
    });
  }

  /** `chunk` is valid only during the call. */
  read(chunk: Uint8Array): void {
    if (this.#isClosed) return;
    // A paused socket may still deliver bytes that it had already read.
    this.#rest = this.#isPaused ? Buffer.concat([this.#rest.subarray(this.#at), chunk]) : chunk;
    this.#at = 0;
    if (this.#job === null) this.work();
    else this.#job.ready();
    if (this.#rest.length === 0) {
      this.#kept = NOTHING;
      return;
    }
    this.#keep();
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

  /** The line has ended: drops the kept bytes. */
  close(): void {
    this.#isClosed = true;
    this.#job?.cancel();
    this.#rest = NOTHING;
    this.#kept = NOTHING;
    this.#at = 0;
  }

  /** Copies the rest: the caller reuses the memory of the chunk. */
  #keep(): void {
    const rest = this.#rest.subarray(this.#at);
    if (this.#kept.length < rest.length) this.#kept = new Uint8Array(rest.length);
    this.#kept.set(rest);
    this.#rest = this.#kept.subarray(0, rest.length);
    this.#at = 0;
  }
}
