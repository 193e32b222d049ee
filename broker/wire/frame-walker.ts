/**
 * Walks over the frames of one record. Every receiver uses this walker: the broker towards domains, the broker towards
 * remote brokers, and the SDK.
 *
 * The rules, in the order in which they are checked:
 *   1. a frame has at least its header: 12 bytes, or 28 for the two frames that carry messages
 *   2. a frame lies inside its record
 *   3. a record whose plaintext is longer than MAX_RECORD_PLAINTEXT_BYTES holds exactly one frame
 *   4. a frame is no longer than the largest message and its header
 *
 * Rule 3 bounds the work that one record can cause: a large record holds one large message, not 600 000 small ones.
 */
import {
  DATA_FRAME_HEADER_BYTES,
  FRAME_HEADER_BYTES,
  MAX_DATA_FRAME_BYTES,
  MAX_RECORD_PLAINTEXT_BYTES,
} from './constants.ts';
import { DataField } from './data-frame.ts';
import { Op } from './op.ts';

/** The records of a sender are often alike, so what is left of the first is often a little less than of the next. */
const MIN_KEPT_BYTES = 4_096;
const NOTHING = new Uint8Array(0);
const NO_VIEW = new DataView(NOTHING.buffer);

/** One object walks over all records of a session: nothing is allocated per frame. */
export class FrameWalker {
  /** The present record. A view: the owner of the record decides how long it is valid. */
  bytes: Uint8Array = NOTHING;
  view: DataView = NO_VIEW;
  /** The present frame is `bytes[at, at + length)`. */
  at = 0;
  length = 0;
  /** 0 before the first frame and after the last. */
  op = 0;
  #end = 0;
  /** Memory for `keep`. */
  #kept: Uint8Array = NOTHING;

  /** Starts at the front of a record's plaintext. */
  begin(plaintext: Uint8Array): void {
    this.bytes = plaintext;
    this.view = new DataView(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength);
    this.at = 0;
    this.length = 0;
    this.op = 0;
    this.#end = plaintext.length;
  }

  /** Moves to the next frame. 'fault': the record breaks a rule, and the walk ends. */
  next(): 'frame' | 'end' | 'fault' {
    const at = this.at + this.length;
    const left = this.#end - at;
    this.at = at;
    this.length = 0;
    this.op = 0;
    if (left === 0) return 'end';
    if (left < FRAME_HEADER_BYTES) return this.#fault();
    const length = this.view.getUint32(at, true);
    const op = this.view.getUint8(at + DataField.op);
    if (length < minFrameBytes(op) || length > left) return this.#fault();
    if (this.#end > MAX_RECORD_PLAINTEXT_BYTES && length !== this.#end) return this.#fault();
    if (length > MAX_DATA_FRAME_BYTES) return this.#fault();
    this.length = length;
    this.op = op;
    return 'frame';
  }

  /** True when frames are left after the present one. */
  get hasMore(): boolean {
    return this.at + this.length < this.#end;
  }

  /**
   * Copies the frames after the present one: the walk stops here for now, and the owner of the record reuses its bytes.
   * `next` continues in the copy. By rule 3 it is at most one large frame or MAX_RECORD_PLAINTEXT_BYTES. A walk that
   * stops in record after record copies them to the same memory: new memory for each would be garbage in megabytes.
   */
  keep(): void {
    const rest = this.bytes.subarray(this.at + this.length, this.#end);
    if (this.#kept.length < rest.length) this.#kept = new Uint8Array(Math.max(rest.length, MIN_KEPT_BYTES));
    this.#kept.set(rest);
    this.begin(this.#kept.subarray(0, rest.length));
  }

  /** Frees the memory of `keep`: the last record needed none. */
  freeKept(): void {
    this.#kept = NOTHING;
  }

  /** Forgets the record. */
  clear(): void {
    this.bytes = NOTHING;
    this.view = NO_VIEW;
    this.at = 0;
    this.length = 0;
    this.op = 0;
    this.#end = 0;
  }

  #fault(): 'fault' {
    this.#end = this.at;
    return 'fault';
  }
}

function minFrameBytes(op: number): number {
  return op === Op.sendv || op === Op.deliver ? DATA_FRAME_HEADER_BYTES : FRAME_HEADER_BYTES;
}
