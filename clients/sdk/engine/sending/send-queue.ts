/**
 * Packs frames into records: what is queued when the carrier is next written shares one, and frames never straddle.
 *
 * The chunk being filled holds, in this order, what was sealed already (while something still refers to it), the open
 * record, and room. A record is closed when the next frame does not fit; closed records wait in #closed while the
 * carrier is congested. A record has room for its header and its tag around its frames, so that it can be sealed where
 * it lies:
 *
 *   sealed before … | header | frames … | tag | room
 *                   ^ #start            ^ #at
 */

import { Fifo } from '../../../../broker/base/index.ts';
import {
  MAX_RECORD_PLAINTEXT_BYTES,
  RECORD_HEADER_BYTES,
  RECORD_OVERHEAD_BYTES,
  TAG_BYTES,
} from '../../../../broker/wire/index.ts';
import { SendBuffer, type SendBufferPool } from './send-buffer.ts';

/** A record that is not sealed yet. */
export interface OpenRecord {
  readonly chunk: SendBuffer;
  /** Where its header goes. */
  readonly start: number;
  /** Bytes of its frames. */
  readonly length: number;
  /** Its frames may be needed again, so it cannot be sealed in place. */
  readonly isKept: boolean;
}

export interface SendQueueSink {
  /** The open record is about to be written: frames that are pushed during the call share it. */
  beforeRecord(): void;
  /** Seals and writes. The sink takes a reference of the chunk for as long as it needs its bytes. */
  writeRecord(record: OpenRecord): void;
  readonly isCongested: boolean;
}

export class SendQueue {
  readonly #pool: SendBufferPool;
  readonly #sink: SendQueueSink;
  readonly #defer: (task: () => void) => void;
  readonly #closed = new Fifo<OpenRecord>();
  #chunk: SendBuffer;
  #start = 0;
  #at = RECORD_HEADER_BYTES;
  #isKept = false;
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
    return this.#closed.length === 0 && this.#length === 0;
  }

  get #length(): number {
    return this.#at - this.#start - RECORD_HEADER_BYTES;
  }

  /**
   * Makes room for a frame of `length` bytes at `frameChunk`, `frameAt`; the caller fills all of it before it returns.
   * `isKept`: its bytes may be needed again, and a reference of the chunk is the caller's from now on.
   */
  reserve(length: number, isKept = false): void {
    if (length > MAX_RECORD_PLAINTEXT_BYTES) this.#reserveLarge(length, isKept);
    else {
      if (this.#at + length + TAG_BYTES > this.#chunk.bytes.length) this.#nextChunk();
      this.frameChunk = this.#chunk;
      this.frameAt = this.#at;
      this.#at += length;
      if (isKept) this.#isKept = true;
    }
    if (isKept) this.frameChunk.references++;
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
    if (this.#isStopped || this.#length === 0 || this.#sink.isCongested) return;
    // What is pushed now needs no flush of its own.
    const isScheduled = this.#isScheduled;
    this.#isScheduled = true;
    this.#sink.beforeRecord();
    this.#isScheduled = isScheduled;
    if (this.#isStopped || this.#sink.isCongested) return;
    this.#sink.writeRecord(this.#open);
    this.#begin(this.#chunk.references === 1 ? 0 : this.#at + TAG_BYTES);
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
    this.#begin(0);
  }

  get #open(): OpenRecord {
    return { chunk: this.#chunk, start: this.#start, length: this.#length, isKept: this.#isKept };
  }

  /** The next record of the chunk begins at `start`. */
  #begin(start: number): void {
    this.#start = start;
    this.#at = start + RECORD_HEADER_BYTES;
    this.#isKept = false;
  }

  #nextChunk(): void {
    this.#closeOpen();
    this.#pool.release(this.#chunk);
    // A full record is written at once, so that the broker works on it while the rest of the burst is encoded.
    this.#flushClosed();
    this.#chunk = this.#pool.take();
    this.#begin(0);
  }

  #closeOpen(): void {
    if (this.#length === 0) return;
    this.#chunk.references++;
    this.#closed.push(this.#open);
    this.#begin(this.#at + TAG_BYTES);
  }

  /** A frame beyond the record size is a record alone, in a chunk of its own. */
  #reserveLarge(length: number, isKept: boolean): void {
    this.#closeOpen();
    const chunk = new SendBuffer(length + RECORD_OVERHEAD_BYTES);
    this.#closed.push({ chunk, start: 0, length, isKept });
    this.frameChunk = chunk;
    this.frameAt = RECORD_HEADER_BYTES;
  }

  #flushClosed(): void {
    while (!this.#isStopped && this.#closed.length > 0 && !this.#sink.isCongested) {
      const record = this.#closed.shift();
      if (record !== undefined) this.#write(record);
    }
  }

  #write(record: OpenRecord): void {
    if (!this.#isStopped) this.#sink.writeRecord(record);
    this.#pool.release(record.chunk);
  }
}
