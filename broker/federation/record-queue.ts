/**
 * Frames for another broker, packed into the memory in which their records are sealed and from which they are written.
 * So a frame is copied once, and nothing is allocated for it. Lent frames that lie one after the other are a run, and
 * copied together.
 */
import { Fifo } from '../base/index.ts';
import { POOLED_CHUNKS } from '../process/index.ts';
import { MAX_RECORD_PLAINTEXT_BYTES, RECORD_HEADER_BYTES, RECORD_OVERHEAD_BYTES } from '../wire/index.ts';

/** The frames of one record: `used` bytes from RECORD_HEADER_BYTES on. The rest is left for header and tag. */
export interface OutgoingRecord {
  readonly memory: Uint8Array;
  used: number;
}

const NOTHING = new Uint8Array(0);

/** Unused records of the common size, for the sessions with all brokers. */
const free: OutgoingRecord[] = [];

export class RecordQueue {
  readonly #full = new Fifo<OutgoingRecord>();
  #current: OutgoingRecord | null = null;
  #bytes = 0;
  /** The lent frames that are not copied yet: `#run[#runStart, #runEnd)`, for which `#current` has room. */
  #run: Uint8Array = NOTHING;
  #runStart = 0;
  #runEnd = 0;

  /** Bytes of the frames that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Copies the frame. */
  push(frame: Uint8Array): void {
    this.copyLent();
    const record = this.#reserve(frame.length);
    record.memory.set(frame, RECORD_HEADER_BYTES + record.used - frame.length);
  }

  /** Takes the frame that lies in `bytes` from `start` to `end`. The bytes must not change before `copyLent`. */
  lend(bytes: Uint8Array, start: number, end: number): void {
    const isNext = bytes === this.#run && start === this.#runEnd;
    if (!isNext || !this.#hasRoom(end - start)) {
      this.copyLent();
      this.#run = bytes;
      this.#runStart = start;
    }
    this.#runEnd = end;
    this.#reserve(end - start);
  }

  /** Copies the lent frames: the queue does not refer to their memory after this. */
  copyLent(): void {
    const length = this.#runEnd - this.#runStart;
    if (length === 0) return;
    const run = this.#run.subarray(this.#runStart, this.#runEnd);
    this.#current?.memory.set(run, RECORD_HEADER_BYTES + this.#current.used - length);
    this.#forgetRun();
  }

  #forgetRun(): void {
    this.#run = NOTHING;
    this.#runStart = 0;
    this.#runEnd = 0;
  }

  #hasRoom(length: number): boolean {
    const record = this.#current;
    return record !== null && record.used + length <= record.memory.length - RECORD_OVERHEAD_BYTES;
  }

  /** The record whose last `length` used bytes are for the frame. */
  #reserve(length: number): OutgoingRecord {
    let record = this.#current;
    if (record !== null && !this.#hasRoom(length)) {
      this.#full.push(record);
      record = null;
    }
    record ??= recordFor(length);
    record.used += length;
    this.#current = record;
    this.#bytes += length;
    return record;
  }

  /** The next record; null when no frames wait. Give it back when its bytes are written. */
  take(): OutgoingRecord | null {
    this.copyLent();
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
    this.#forgetRun();
    for (let record = this.take(); record !== null; record = this.take()) this.give(record);
  }
}

/** A frame that is longer than a common record has one of its own. */
function recordFor(length: number): OutgoingRecord {
  const capacity = Math.max(length, MAX_RECORD_PLAINTEXT_BYTES);
  const unused = capacity === MAX_RECORD_PLAINTEXT_BYTES ? free.pop() : undefined;
  return unused ?? { memory: new Uint8Array(RECORD_OVERHEAD_BYTES + capacity), used: 0 };
}
