/**
 * A receive buffer of this domain: messages in the order in which the broker accepted them.
 *
 * Room is returned to the broker as messages are consumed, in batches: at once when a quarter of the ring (or 64 KiB)
 * has been consumed, otherwise with another record that leaves, and within CREDIT_DELAY_MS in any case, so that a reader
 * that has emptied the ring never holds room back. A ring that is closed, and a VM that ends, return it first: the broker takes for undelivered what was not
 * returned.
 */

import { Fifo } from '../../broker/base/index.ts';
import type { DomainRef } from './domain-ref.ts';
import { creditThreshold, occupiedBytes } from './engine/credit.ts';
import { type ArgusError, wordError } from './errors.ts';
import { CREDIT_DELAY_MS, CREDIT_RIDE_MS } from './limits.ts';
import type { Message } from './message.ts';

/** What the ring needs of its VM. */
export interface RingOwner {
  /** Returns `bytes` of consumed room; false while the broker does not have the ring. */
  credit(ring: Ring, bytes: number): boolean;
  /** The ring has consumed room again that it has not returned: `ride` is called before the next record leaves. */
  owes(ring: Ring): void;
  unregister(ring: Ring): Promise<void>;
  schedule(delayMs: number, task: () => void): () => void;
  /** Monotonic milliseconds. */
  now(): number;
}

interface Waiter {
  readonly resolve: (message: Message | undefined) => void;
  readonly reject: (error: ArgusError) => void;
}

interface Consumer {
  readonly take: (message: Message) => void;
  /** Instead, for all messages of a record at once. */
  readonly takeBatch: ((messages: readonly Message[]) => void) | null;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const END: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

export class Ring implements AsyncIterable<Message>, AsyncDisposable {
  readonly port: number;
  readonly partner: DomainRef;
  /** Bytes; Argo's length, in which each message occupies 16 plus its payload rounded up to 16. */
  readonly length: number;
  readonly #owner: RingOwner;
  readonly #threshold: number;
  readonly #queue = new Fifo<Message>();
  readonly #waiters = new Fifo<Waiter>();
  #consumer: Consumer | null = null;
  /** Messages of the present record that the consumer gets at its end. */
  #batch: Message[] = [];
  /** Ring bytes of #queue. */
  #unread = 0;
  /** Ring bytes consumed and not yet returned. */
  #consumed = 0;
  /** The time at which the first of them were consumed. */
  #consumedAt = 0;
  /** The time at which a record last took some along. */
  #rodeAt = Number.NEGATIVE_INFINITY;
  #isCreditTimed = false;
  #state: 'open' | 'closed' = 'open';
  #failure: ArgusError | null = null;
  /** How reading ends with the partner's session; undefined = it does not. */
  #partnerEnd: ArgusError | null | undefined = undefined;
  /** The partner's session has ended: this number of its messages are left to read. */
  #left: number | null = null;
  readonly #creditTask = (): void => {
    this.#isCreditTimed = false;
    if (this.#consumed === 0) return;
    // An earlier part may have left with a record, so the present one has not waited as long as this timer.
    const leftMs = this.#consumedAt + CREDIT_DELAY_MS - this.#owner.now();
    if (leftMs < 1) this.#returnCredit();
    else this.#timeCredit(leftMs);
  };

  /** Made by `Vm.registerRing`. */
  constructor(port: number, partner: DomainRef, length: number, owner: RingOwner) {
    this.port = port;
    this.partner = partner;
    this.length = length;
    this.#owner = owner;
    this.#threshold = creditThreshold(length);
  }

  /** False once the ring is unregistered, closed by the broker or its VM has ended. Queued messages stay readable. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Messages that can be read without waiting. */
  get pending(): number {
    return this.#queue.length;
  }

  /** The next message if one is there; `undefined` otherwise. For consumers that work in batches. */
  read(): Message | undefined {
    if (this.#left === 0) return undefined;
    const message = this.#queue.shift();
    if (message === undefined) return undefined;
    if (this.#left !== null) this.#left--;
    this.#consume(message);
    return message;
  }

  /**
   * The next message, waiting for it; `undefined` when the ring was closed by this side.
   *
   * @throws ArgusError when the broker closed the ring (EACCES: no longer permitted) or the VM's session ended for good
   */
  receive(): Promise<Message | undefined> {
    const message = this.read();
    if (message !== undefined) return Promise.resolve(message);
    if (this.#isOver) return this.#failure === null ? NO_MESSAGE : Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /**
   * Hands each message to `take` as it comes, until the ring ends; one consumer at a time. The payload is only lent for
   * the call: copy what you keep. It lies where the record was read, and the next record overwrites it. Readers that
   * may keep messages get records in memory of their own, which the garbage collector has to find.
   *
   * @throws ArgusError as `receive` does; EEXIST: there is a consumer already; and whatever `take` throws, which ends it
   */
  consume(take: (message: Message) => void): Promise<void> {
    return this.#consumeBy(take, null);
  }

  /**
   * As `consume`, for all messages of one record at a time: one call for many small messages. The payloads and the list
   * are lent for the call.
   */
  consumeBatches(take: (messages: readonly Message[]) => void): Promise<void> {
    return this.#consumeBy((message) => take([message]), take);
  }

  #consumeBy(take: Consumer['take'], takeBatch: Consumer['takeBatch']): Promise<void> {
    if (this.#consumer !== null)
      return Promise.reject(wordError('EEXIST', 'consume', `the ring at port ${this.port} has a consumer already`));
    return new Promise((resolve, reject) => {
      this.#consumer = { take, takeBatch, resolve, reject };
      for (let left = this.#queue.length; left > 0 && this.#consumer !== null; left--) {
        const message = this.read();
        if (message !== undefined) this.#lend(message);
      }
      if (this.#isOver) this.#endConsumer();
    });
  }

  /** Ends, and throws, as `receive` does. Several iterators of one ring share its messages. */
  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    const ring = this;
    return {
      next(): Promise<IteratorResult<Message, undefined>> {
        const message = ring.read();
        if (message !== undefined) return Promise.resolve({ done: false, value: message });
        return ring.receive().then(toResult);
      },
      return: () => Promise.resolve(END),
    };
  }

  /** Unregisters the ring; iteration ends once the queued messages are read. */
  close(): Promise<void> {
    return this.#owner.unregister(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Only the VM calls this: the next message is read during `deliver` and not later. @internal */
  get isLending(): boolean {
    return this.#consumer !== null && this.#waiters.length === 0;
  }

  /** For the VM. True: a reader has the message or will get it. False: its memory is not read again. @internal */
  deliver(message: Message): boolean {
    const waiter = this.#waiters.shift();
    if (waiter === undefined && this.#consumer === null) {
      this.#unread += occupiedBytes(message.payload.length);
      this.#queue.push(message);
      return true;
    }
    this.#account(occupiedBytes(message.payload.length));
    if (waiter === undefined && this.isBatching) this.#batch.push(message);
    else if (waiter === undefined) this.#lend(message);
    else waiter.resolve(message);
    return waiter !== undefined;
  }

  /** For the VM: `endBatch` is due at the end of the record. @internal */
  get isBatching(): boolean {
    return this.#consumer !== null && this.#consumer.takeBatch !== null;
  }

  /** For the VM: the record that brought the messages ends. @internal */
  endBatch(): void {
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    try {
      this.#consumer?.takeBatch?.(batch);
    } catch (error) {
      this.#consumer?.reject(error);
      this.#consumer = null;
    }
    // Not the same list again: a consumer that keeps it must not see it change.
    this.#batch = [];
  }

  /**
   * For the VM: returns the room of consumed messages now. A ring that ends first would have them counted as lost.
   * @internal
   */
  settle(): void {
    if (this.#consumed > 0) this.#returnCredit();
  }

  /**
   * For the VM: a record is about to leave, and takes consumed room along unless another one did a moment ago.
   *
   * @returns whether there is none left to return
   * @internal
   */
  ride(now: number): boolean {
    if (this.#consumed > 0 && now - this.#rodeAt >= CREDIT_RIDE_MS) {
      this.#rodeAt = now;
      this.#returnCredit();
    }
    return this.#consumed === 0;
  }

  /** For the VM: a new session began; messages consumed before are not charged to it. @internal */
  restart(): number {
    this.#consumed = 0;
    return this.#unread;
  }

  /**
   * For the VM and for streams: when the session of the partner ends, reading ends after the messages that are there, and
   * throws `failure` unless it is null. What a next session of the partner sends is not read. @internal
   */
  endWithPartner(failure: ArgusError | null): void {
    this.#partnerEnd = failure;
  }

  /** For the VM: the session of the partner has ended. @internal */
  partnerGone(): void {
    if (this.#partnerEnd === undefined || this.#left !== null || this.#state === 'closed') return;
    this.endBatch();
    this.#left = this.#queue.length;
    this.#failure = this.#partnerEnd;
    if (this.#left === 0) this.#answerReaders();
  }

  /** For the VM. @internal */
  end(failure: ArgusError | null): void {
    if (this.#state === 'closed') return;
    this.endBatch();
    this.#state = 'closed';
    this.#failure = failure;
    this.#answerReaders();
  }

  get #isOver(): boolean {
    return this.#state === 'closed' || this.#left === 0;
  }

  /** No more messages come: readers that wait are answered. */
  #answerReaders(): void {
    const failure = this.#failure;
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift()) {
      if (failure === null) waiter.resolve(undefined);
      else waiter.reject(failure);
    }
    this.#endConsumer();
  }

  /** Runs outside the session's call stack, so that an exception of the consumer does not end the session. */
  #lend(message: Message): void {
    try {
      this.#consumer?.take(message);
    } catch (error) {
      this.#consumer?.reject(error);
      this.#consumer = null;
    }
  }

  #endConsumer(): void {
    if (this.#failure === null) this.#consumer?.resolve();
    else this.#consumer?.reject(this.#failure);
    this.#consumer = null;
  }

  #consume(message: Message): void {
    const bytes = occupiedBytes(message.payload.length);
    this.#unread -= bytes;
    this.#account(bytes);
  }

  #account(bytes: number): void {
    const isFirst = this.#consumed === 0;
    this.#consumed += bytes;
    if (this.#consumed >= this.#threshold) {
      this.#returnCredit();
      return;
    }
    if (isFirst) {
      this.#consumedAt = this.#owner.now();
      this.#owner.owes(this);
    }
    if (!this.#isCreditTimed) this.#timeCredit(CREDIT_DELAY_MS);
  }

  #timeCredit(delayMs: number): void {
    this.#isCreditTimed = true;
    this.#owner.schedule(delayMs, this.#creditTask);
  }

  #returnCredit(): void {
    const bytes = this.#consumed;
    this.#consumed = 0;
    // What is read while the ring is registered again was announced as unread: it is returned when that is done.
    if (this.#state === 'open' && !this.#owner.credit(this, bytes)) this.#consumed += bytes;
  }
}

const NO_MESSAGE: Promise<undefined> = Promise.resolve(undefined);

function toResult(message: Message | undefined): IteratorResult<Message, undefined> {
  return message === undefined ? END : { done: false, value: message };
}
