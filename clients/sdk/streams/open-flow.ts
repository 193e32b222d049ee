/**
 * An open flow: a stream of messages to one ring, without a promise or an object for each.
 *
 * Messages have numbers, 1, 2, 3 …, and arrive in their order. While the ring is full they wait, as those of `sendv` with a
 * deadline do. The window bounds the bytes without an outcome: `send` returns the room that is left in it. A sender that
 * goes on without room is stopped by the option `queueBytes` of `connect`.
 *
 *   send -> number n -> window -> accepted: `decided` passes n
 *                              -> refused:  event `refused` { number: n, error }, then `decided` passes n
 */
import { Fifo } from '../../../broker/base/index.ts';
import { DATA_FRAME_HEADER_BYTES } from '../../../broker/wire/index.ts';
import type { FlowSend, FlowSendOwner } from '../engine/sending/flow-send.ts';
import { type ArgusError, wordError } from '../errors.ts';
import { Emitter, type EventListener } from '../events.ts';
import { NOT_SENT } from '../sendv-request.ts';

export interface FlowEvents {
  /** The message did not arrive. Where `error.outcome` is `unknown` it may have arrived. */
  refused: { readonly number: number; readonly error: ArgusError };
  /** There is room again after `send` returned zero or less. */
  drain: { readonly room: number };
  /** Every message up to `number` has its outcome. At most once in a turn of the event loop. */
  decided: { readonly number: number };
}

/** What a flow needs of its VM. */
export interface FlowOwner {
  /** An object for a message of `flow`. */
  take(flow: FlowSendOwner): FlowSend;
  /** @throws ArgusError ENOBUFS, or the reason for which the VM was closed; `send` is then not used */
  transmit(send: FlowSend, number: number, payload: Uint8Array, type: number): void;
  /** Ends every message of `flow` that waits. */
  withdraw(flow: FlowSendOwner): void;
  defer(task: () => void): void;
}

export class OpenFlow implements FlowSendOwner, AsyncDisposable {
  /** Frame bytes (payload + 28) of messages without an outcome at which `send` returns no room. */
  readonly windowBytes: number;
  readonly #owner: FlowOwner;
  readonly #type: number;
  readonly #events: Emitter<FlowEvents>;
  /** Messages without an outcome, by number, and those decided behind one that is not. */
  readonly #window = new Fifo<FlowSend>();
  /** Objects for later messages: as many as the window had at its fullest. */
  readonly #spare: FlowSend[] = [];
  readonly #onRoom: (() => void)[] = [];
  /** Ascending. */
  readonly #onSettled: { readonly through: number; readonly resolve: () => void }[] = [];
  /** Told outside the session's call stack, where a listener may send. */
  readonly #refused: FlowEvents['refused'][] = [];
  #sent = 0;
  #decided = 0;
  #bytes = 0;
  #isFull = false;
  #isClosed = false;
  #isTelling = false;
  readonly #tell = (): void => this.#tellListeners();

  /** Made by `Vm.flow`. */
  constructor(owner: FlowOwner, windowBytes: number, type: number, onListenerError: (error: unknown) => void) {
    this.#owner = owner;
    this.windowBytes = windowBytes;
    this.#type = type;
    this.#events = new Emitter(onListenerError);
  }

  /** The number of the last message taken; 0 = none. */
  get sent(): number {
    return this.#sent;
  }

  /** Every message up to this number has its outcome. */
  get decided(): number {
    return this.#decided;
  }

  /** Bytes left in the window; a frame is 28 bytes longer than its payload. */
  get room(): number {
    return this.windowBytes - this.#bytes;
  }

  /**
   * Sends one message; the payload is copied before the call returns.
   *
   * @param type u32; absent = the type of the flow
   * @returns the room left; zero or less: wait for `drain` or `ready()`
   * @throws ArgusError EINVAL, EMSGSIZE, ENOBUFS, ECANCELED (closed), ERR_CLIENT_…: the message was not taken and has no number
   */
  send(payload: Uint8Array, type: number = this.#type): number {
    if (this.#isClosed) throw wordError('ECANCELED', 'flow', 'the flow was closed', NOT_SENT);
    const send = this.#spare.pop() ?? this.#owner.take(this);
    const number = this.#sent + 1;
    try {
      this.#owner.transmit(send, number, payload, type);
    } catch (error) {
      this.#spare.push(send);
      throw error;
    }
    this.#sent = number;
    this.#bytes += DATA_FRAME_HEADER_BYTES + payload.length;
    this.#window.push(send);
    const { room } = this;
    if (room <= 0) this.#isFull = true;
    return room;
  }

  /**
   * Sends from the front of the list while there is room.
   *
   * @returns the number of messages taken; when it is less than all, wait for `drain` or `ready()` and go on from there
   */
  sendMany(payloads: readonly Uint8Array[]): number {
    let taken = 0;
    for (const payload of payloads) {
      if (this.room <= 0) break;
      this.send(payload);
      taken++;
    }
    return taken;
  }

  /** Resolves when there is room. */
  ready(): Promise<void> {
    if (this.room > 0) return Promise.resolve();
    return new Promise((resolve) => this.#onRoom.push(resolve));
  }

  /** Resolves when every message sent so far has its outcome. */
  settled(): Promise<void> {
    if (this.#window.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onSettled.push({ through: this.#sent, resolve }));
  }

  on<Name extends keyof FlowEvents>(name: Name, listener: EventListener<FlowEvents[Name]>): this {
    this.#events.on(name, listener);
    return this;
  }

  off<Name extends keyof FlowEvents>(name: Name, listener: EventListener<FlowEvents[Name]>): this {
    this.#events.off(name, listener);
    return this;
  }

  /** Takes no more messages; resolves when all have their outcome. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.settled();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Takes no more messages, and ends those that wait for room (ECANCELED, `not-sent`). */
  cancel(): void {
    this.#isClosed = true;
    this.#owner.withdraw(this);
  }

  /** For the engine. @internal */
  outcome(send: FlowSend, error: ArgusError | null): void {
    send.isDecided = true;
    this.#bytes -= DATA_FRAME_HEADER_BYTES + send.bytes;
    if (error !== null) this.#refused.push({ number: send.number, error });
    for (let first = this.#window.at(0); first?.isDecided === true; first = this.#window.at(0)) {
      this.#window.shift();
      this.#decided = first.number;
      // The queue of its ring may still refer to it, behind a message of another flow.
      if (!first.isQueued) this.#spare.push(first);
    }
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#owner.defer(this.#tell);
  }

  #tellListeners(): void {
    this.#isTelling = false;
    for (const refusal of this.#refused.splice(0)) this.#events.emit('refused', refusal);
    this.#events.emit('decided', { number: this.#decided });
    while ((this.#onSettled[0]?.through ?? Number.POSITIVE_INFINITY) <= this.#decided)
      this.#onSettled.shift()?.resolve();
    if (this.room <= this.windowBytes / 2) return;
    for (const resolve of this.#onRoom.splice(0)) resolve();
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#events.emit('drain', { room: this.room });
  }
}
