/** A send whose outcome is not known yet. */
import type { Chunk } from './chunk.ts';
import type { ArgusError } from './errors.ts';

export interface Send {
  readonly resolve: (bytes: number) => void;
  readonly reject: (error: ArgusError) => void;
  /** Payload. */
  readonly bytes: number;
  /** Null for a send that is written at once and never again: the usual one. */
  readonly held: Held | null;
}

/** A send that may have to wait (deadline, name not known yet). */
export interface HeldSend extends Send {
  readonly held: Held;
}

/** What waiting needs. The encoded frame lies in `chunk`, one reference of which is ours until the outcome. */
export interface Held {
  chunk: Chunk;
  at: number;
  /** Of the frame. */
  readonly length: number;
  /** The destination as the caller named it; null when it gave a domid, which a new revision does not move. */
  readonly name: string | null;
  readonly port: number;
  /** On the platform's monotonic clock; Infinity when the caller set none. */
  readonly deadlineAt: number;
  readonly signal: AbortSignal | null;
  /** Set for sends with a deadline, once their destination is known. */
  order: SendOrder | null;
  /** The frame lies in the open record and goes out with it: the first write needs no copy. */
  isPlaced: boolean;
  phase: 'waiting' | 'in-flight' | 'done';
}

export function isHeld(send: Send): send is HeldSend {
  return send.held !== null;
}

/** Who keeps sends with a deadline in order; told of each outcome in the order in which the answers come. */
export interface SendOrder {
  /** The send is marked `done` already, as for `lost`. */
  accepted(): void;
  /**
   * True when it keeps the send to try again; false when this is the outcome. `isOver` = it may not be tried again, for
   * its deadline has passed or its caller gave up.
   */
  refused(send: HeldSend, status: number, isOver: boolean): boolean;
  lost(): void;
}
