/**
 * Frames for another broker, packed into the memory in which their records are sealed and from which they are written.
 * So a frame is copied once, and nothing is allocated for it.
 */
import { Fifo } from '../base/index.ts';
import { POOLED_CHUNKS } from '../process/index.ts';
import { MAX_RECORD_PLAINTEXT_BYTES, RECORD_HEADER_BYTES, RECORD_OVERHEAD_BYTES } from '../wire/index.ts';

/** The frames of one record: `used` bytes from RECORD_HEADER_BYTES on. The rest is left for header and tag. */
export interface OutgoingRecord {
  readonly memory: Uint8Array;
  used: number;
}

/** Unused records of the common size, for the sessions with all brokers. */
const free: OutgoingRecord[] = [];

export class RecordQueue {
  readonly #full = new Fifo<OutgoingRecord>();
  #current: OutgoingRecord | null = null;
  #bytes = 0;

  /** Bytes of the frames that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Copies the frame that lies in `bytes` from `start` to `end`. */
  push(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    let record = this.#current;
    if (record !== null && record.used + length > record.memory.length - RECORD_OVERHEAD_BYTES) {
      this.#full.push(record);
      record = null;
    }
    record ??= recordFor(length);
    record.memory.set(bytes.subarray(start, end), RECORD_HEADER_BYTES + record.used);
    record.used += length;
    this.#current = record;
    this.#bytes += length;
  }

  /** The next record; null when no frames wait. Give it back when its bytes are written. */
  take(): OutgoingRecord | null {
    const record = this.#full.shift() ?? this.#current;
    if (record === this.#current) this.#current = null;
    this.#bytes -= record?.used ?? 0;
    return record;
  }

  /** The caller is the last user of the record: its memory is the next one's. */
  give(record: OutgoingRecord): void {
    if (record.memory.length !== RECORD_OVERHEAD_BYTES + MAX_RECORD_PLAINTEXT_BYTES || free.length >= POOLED_CHUNKS)
      return;
    record.used = 0;
    free.push(record);
  }

  /** Drops all frames: the session has ended. */
  clear(): void {
    for (let record = this.take(); record !== null; record = this.take()) this.give(record);
  }
}

/** A frame that is longer than a common record has one of its own. */
function recordFor(length: number): OutgoingRecord {
  const capacity = Math.max(length, MAX_RECORD_PLAINTEXT_BYTES);
  const unused = capacity === MAX_RECORD_PLAINTEXT_BYTES ? free.pop() : undefined;
  return unused ?? { memory: new Uint8Array(RECORD_OVERHEAD_BYTES + capacity), used: 0 };
}
