/**
 * A send until its outcome. The caller sees it as a promise of the payload's length.
 *
 * The real promise is created on first use. A streaming sender uses none, and a promise with its two closures costs
 * more than all other work for a small message. A caller that awaits notices no difference. A refusal without a handler
 * becomes an unhandled rejection, which Node reports like any other.
 */
import { DATA_FRAME_HEADER_BYTES, type Status } from '../../../../broker/wire/index.ts';
import type { ArgusError } from '../../errors.ts';
import type { SendBuffer } from './send-buffer.ts';

interface Deferred {
  readonly promise: Promise<number>;
  readonly resolve: (bytes: number) => void;
  readonly reject: (error: ArgusError) => void;
}

/** A send that is written at once and never again. */
export class Send implements Promise<number> {
  /** Payload. */
  bytes: number;
  /** Null: not known yet. */
  #outcome: 'accepted' | ArgusError | null = null;
  #deferred: Deferred | null = null;

  constructor(bytes: number) {
    this.bytes = bytes;
  }

  /** Itself, if it may have to wait. */
  get held(): HeldSend | null {
    return null;
  }

  /** The message is in the receiver's ring. */
  accept(): void {
    this.#outcome = 'accepted';
    this.#deferred?.resolve(this.bytes);
  }

  fail(error: ArgusError): void {
    this.#outcome = error;
    if (this.#deferred === null) this.#defer();
    else this.#deferred.reject(error);
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise.
  then<A = number, B = never>(
    onFulfilled?: ((bytes: number) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#defer().promise.then(onFulfilled, onRejected);
  }

  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<number | B> {
    return this.#defer().promise.catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<number> {
    return this.#defer().promise.finally(onFinally);
  }

  get [Symbol.toStringTag](): string {
    return 'Promise';
  }

  #defer(): Deferred {
    this.#deferred ??= defer(this.bytes, this.#outcome);
    return this.#deferred;
  }
}

function defer(bytes: number, outcome: 'accepted' | ArgusError | null): Deferred {
  let resolve: (bytes: number) => void = () => {};
  let reject: (error: ArgusError) => void = () => {};
  const promise = new Promise<number>((onAccepted, onFailed) => {
    resolve = onAccepted;
    reject = onFailed;
  });
  if (outcome === 'accepted') resolve(bytes);
  else if (outcome !== null) reject(outcome);
  return { promise, resolve, reject };
}

/** The place of the encoded frame of a held send. The send has one reference to `chunk` until its outcome. */
export interface FramePlace {
  readonly chunk: SendBuffer;
  readonly at: number;
  /** In the open record, with which it goes out: the first write needs no copy. */
  readonly isPlaced: boolean;
}

/** What waiting needs to know of the caller's wish. */
export interface HeldOptions {
  /** The destination as the caller named it; null when it gave a domid, which a new revision does not move. */
  readonly name: string | null;
  readonly port: number;
  /** On the platform's monotonic clock; Infinity when the caller set none. */
  readonly deadlineAt: number;
  /** Waits for room in its ring, in its order. */
  readonly isOrdered: boolean;
  readonly signal: AbortSignal | null;
}

/**
 * A send that may have to wait (deadline, name not known yet). Flat, since a stream with deadlines has thousands of
 * them.
 */
export class HeldSend extends Send implements FramePlace, HeldOptions {
  chunk: SendBuffer;
  at: number;
  isPlaced: boolean;
  readonly name: string | null;
  readonly port: number;
  /** Of an open flow, each message has its own. */
  deadlineAt: number;
  readonly isOrdered: boolean;
  readonly signal: AbortSignal | null;
  /** The queue of its ring refers to it. */
  isQueued = false;
  /** Set for ordered sends, once their destination is known. */
  order: SendOrder | null = null;
  phase: 'waiting' | 'in-flight' | 'done' = 'waiting';
  /**
   * The deadline passed while it was in flight: the caller has its outcome, and the broker's answer only settles
   * accounts.
   */
  isTimedOut = false;

  constructor(
    bytes: number,
    { chunk, at, isPlaced }: FramePlace,
    { name, port, deadlineAt, isOrdered, signal }: HeldOptions,
  ) {
    super(bytes);
    this.chunk = chunk;
    this.at = at;
    this.isPlaced = isPlaced;
    this.name = name;
    this.port = port;
    this.deadlineAt = deadlineAt;
    this.isOrdered = isOrdered;
    this.signal = signal;
  }

  override get held(): HeldSend {
    return this;
  }

  /** Of the frame. */
  get length(): number {
    return DATA_FRAME_HEADER_BYTES + this.bytes;
  }
}

/** Keeps sends with a deadline in order; is notified of each outcome in the order of the answers. */
export interface SendOrder {
  /** The send is marked `done` already, as for `lost`. */
  accepted(): void;
  /**
   * True when it keeps the send to try again; false when this is the outcome. `isOver` = it may not be tried again, for
   * its deadline has passed or its caller gave up.
   */
  refused(send: HeldSend, status: Status, isOver: boolean): boolean;
  lost(): void;
}
