/**
 * Packs frames into records: what is queued when the carrier is next written shares one, and frames never straddle.
 *
 * The chunk being filled holds, in this order, what was sealed already (kept only while a message in it may have to be
 * sent again), the open record [#start, #at), and room. A record is closed when the next frame does not fit; closed
 * records wait in #closed while the carrier is congested.
 */

import { Fifo } from '../../../broker/base/index.ts';
import { MAX_RECORD_PLAINTEXT_BYTES } from '../../../broker/wire/index.ts';
import { SendBuffer, type SendBufferPool } from './send-buffer.ts';

interface ClosedRecord {
  readonly chunk: SendBuffer;
  readonly start: number;
  readonly end: number;
}

export interface SendQueueSink {
  /** Seals and writes; `plaintext` is reused after the call. */
  writeRecord(plaintext: Uint8Array): void;
  readonly isCongested: boolean;
}

export class SendQueue {
  readonly #pool: SendBufferPool;
  readonly #sink: SendQueueSink;
  readonly #defer: (task: () => void) => void;
  readonly #closed = new Fifo<ClosedRecord>();
  #chunk: SendBuffer;
  #start = 0;
  #at = 0;
  #isScheduled = false;
  #isStopped = false;
  readonly #flushScheduled = (): void => {
    this.#isScheduled = false;
    this.flush();
  };

  /** Where the frame last reserved is to be written. */
  frameChunk: SendBuffer;
  frameAt = 0;

  constructor(pool: SendBufferPool, sink: SendQueueSink, defer: (task: () => void) => void) {
    this.#pool = pool;
    this.#sink = sink;
    this.#defer = defer;
    this.#chunk = pool.take();
    this.frameChunk = this.#chunk;
  }

  get isEmpty(): boolean {
    return this.#closed.length === 0 && this.#at === this.#start;
  }

  /** Makes room for a frame of `length` bytes at `frameChunk`, `frameAt`; the caller fills all of it before it returns. */
  reserve(length: number): void {
    if (length > MAX_RECORD_PLAINTEXT_BYTES) this.#reserveLarge(length);
    else {
      if (this.#at + length > MAX_RECORD_PLAINTEXT_BYTES) this.#nextChunk();
      this.frameChunk = this.#chunk;
      this.frameAt = this.#at;
      this.#at += length;
    }
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      this.#defer(this.#flushScheduled);
    }
  }

  /** Queues a finished frame. */
  push(frame: Uint8Array): void {
    this.reserve(frame.length);
    this.frameChunk.bytes.set(frame, this.frameAt);
  }

  /** Writes what the carrier takes; called at the end of a burst and when the carrier has drained. */
  flush(): void {
    this.#flushClosed();
    if (this.#isStopped || this.#at === this.#start || this.#sink.isCongested) return;
    this.#sink.writeRecord(this.#chunk.bytes.subarray(this.#start, this.#at));
    this.#start = this.#at;
    if (this.#chunk.references === 1) {
      this.#start = 0;
      this.#at = 0;
    }
  }

  /** Writes everything, congested or not: the last thing before a session is closed in good order. */
  flushAll(): void {
    this.#closeOpen();
    for (let record = this.#closed.shift(); record !== undefined; record = this.#closed.shift()) this.#write(record);
  }

  /** Nothing is written any more. */
  stop(): void {
    this.#isStopped = true;
    for (let record = this.#closed.shift(); record !== undefined; record = this.#closed.shift()) {
      this.#pool.release(record.chunk);
    }
    this.#start = this.#at;
  }

  #nextChunk(): void {
    this.#closeOpen();
    this.#pool.release(this.#chunk);
    // A full record is written at once, so that the broker works on it while the rest of the burst is encoded.
    this.#flushClosed();
    this.#chunk = this.#pool.take();
    this.#start = 0;
    this.#at = 0;
  }

  #closeOpen(): void {
    if (this.#at === this.#start) return;
    this.#chunk.references++;
    this.#closed.push({ chunk: this.#chunk, start: this.#start, end: this.#at });
    this.#start = this.#at;
  }

  /** A frame beyond the record size is a record alone, in a chunk of its own. */
  #reserveLarge(length: number): void {
    this.#closeOpen();
    const chunk = new SendBuffer(length);
    this.#closed.push({ chunk, start: 0, end: length });
    this.frameChunk = chunk;
    this.frameAt = 0;
  }

  #flushClosed(): void {
    while (!this.#isStopped && this.#closed.length > 0 && !this.#sink.isCongested) {
      const record = this.#closed.shift();
      if (record !== undefined) this.#write(record);
    }
  }

  #write(record: ClosedRecord): void {
    if (!this.#isStopped) this.#sink.writeRecord(record.chunk.bytes.subarray(record.start, record.end));
    this.#pool.release(record.chunk);
  }
}
