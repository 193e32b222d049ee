/**
 * One end of a two-way byte pipe over a pair of subjects: order, loss and backpressure, which NATS leaves to its users.
 *
 *   position  each piece says how many bytes came before it. Expected: taken. Wholly had already: a duplicate, dropped.
 *             Anything else is a gap, and ends the pipe: what is missing will not come, and nothing is delivered past it.
 *   credit    at most WINDOW_BYTES are under way in a direction; the reader says how many bytes it has consumed. So a
 *             reader that stops costs the server one window and its sender a queue of one burst, and nobody else anything.
 *
 * No socket and no clock in here; `line` publishes, `schedule` waits.
 */
import { release } from '../../../../keys/index.ts';
import { Fifo } from '../../../base/index.ts';
import { CREDIT_SHARE, LINGER_MS, WINDOW_BYTES } from '../limits.ts';
import { HeldBytes } from './held-bytes.ts';
import {
  MESSAGE_HEADER_BYTES,
  MessageKind,
  type PipeMessage,
  type Publisher,
  publishBare,
  writeMessageHeader,
} from './message.ts';

/** Why a pipe ended other than by either end's wish. `DEAF`: the reader did not take what was left when we ended. */
export type PipeFault = 'GAP' | 'OVERRUN' | 'BAD_CREDIT' | 'DEAF';

export interface PipeHandlers {
  /** The bytes are only lent for the call. */
  onChunk(chunk: Uint8Array): void;
  /** After `write` returned false: there is room again. */
  onDrain(): void;
  /** Once, and not from inside a call of ours; null: one of the two ends wished it. */
  onEnded(fault: PipeFault | null): void;
}

export interface PipeHost extends Publisher {
  /** Largest piece that goes into one message. */
  readonly fragmentBytes: number;
  /** Bytes that were published and that the server has not taken. */
  readonly waitingBytes: number;
  /** Runs `task` later; returns what cancels it. */
  schedule(delayMs: number, task: () => void): () => void;
  /** Runs `task` in the next turn of the event loop, after others had theirs. */
  nextTurn(task: () => void): void;
}

const CREDIT_STEP_BYTES = WINDOW_BYTES / CREDIT_SHARE;

/** A buffer that waits to be sent, wholly or in part. */
interface Piece {
  readonly bytes: Uint8Array;
  /** It is lent, and must come back as it is. */
  readonly isLent: boolean;
  /** Behind the last of what was lent together. */
  readonly onWritten: (() => void) | null;
}

export class Pipe {
  readonly id: number;
  /** Pieces that came twice. */
  duplicates = 0;
  readonly #host: PipeHost;
  readonly #handlers: PipeHandlers;
  /** `draining`: the other end has said its last word, and the reader has yet to take what came before it. */
  #phase: 'running' | 'ending' | 'draining' | 'ended' = 'running';
  #lastFault: PipeFault | null = null;
  #cancelLinger: (() => void) | null = null;

  #kind: MessageKind;
  readonly #queue = new Fifo<Piece>();
  /** Bytes of the first in `#queue` that are out already. */
  #headSent = 0;
  #queued = 0;
  #sent = 0;
  #credited = 0;
  #isCongested = false;
  /** One for all fragments. */
  readonly #writeFragment = (message: Uint8Array): void => {
    writeMessageHeader(message, this.#kind, this.id, this.#sent);
    this.#fill(message);
  };

  readonly #held = new HeldBytes();
  #received = 0;
  #consumed = 0;
  #told = 0;
  #isPaused = false;
  #isDelivering = false;
  /** `#deliver` is due in the next turn. */
  #isDue = false;

  /** `isOpener`: the first piece announces the pipe. */
  constructor(id: number, isOpener: boolean, host: PipeHost, handlers: PipeHandlers) {
    this.id = id;
    this.#kind = isOpener ? MessageKind.open : MessageKind.data;
    this.#host = host;
    this.#handlers = handlers;
  }

  get isCongested(): boolean {
    return this.#queued > 0 || this.#sent - this.#credited >= WINDOW_BYTES;
  }

  /**
   * Bytes that have come and wait for the reader, in their blocks, and those that wait for the other end: queued here, or
   * published to a server that does not take them.
   */
  get heldBytes(): number {
    const underWay = Math.min(this.#sent - this.#credited, this.#host.waitingBytes);
    return this.#held.memoryBytes + this.#queued + underWay;
  }

  /**
   * Sends the buffers, in order; false asks to stop until `onDrain`. With `onWritten` they are lent until it is called;
   * without it they are the pipe's. A pipe that ends before does not call it.
   */
  write(buffers: readonly Uint8Array[], onWritten: (() => void) | null = null): boolean {
    if (this.#phase !== 'running') return true;
    const last = buffers.at(-1);
    for (const bytes of buffers) {
      if (bytes.length === 0) continue;
      this.#queue.push({ bytes, isLent: onWritten !== null, onWritten: bytes === last ? onWritten : null });
      this.#queued += bytes.length;
    }
    this.#pump();
    this.#isCongested = this.isCongested;
    return !this.#isCongested;
  }

  receive(message: PipeMessage): void {
    if (this.#phase === 'ended' || this.#phase === 'draining') return;
    switch (message.kind) {
      case MessageKind.open:
      case MessageKind.data:
        this.#take(message);
        return;
      case MessageKind.credit:
        this.#credit(message.position);
        return;
      case MessageKind.close:
        this.#lastWord(message.position > this.#received ? 'GAP' : null);
        return;
    }
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** What is held is handed on in turns of its own: the caller may still be busy with the last chunk. */
  resume(): void {
    this.#isPaused = false;
    this.#deliverSoon();
  }

  /** Sends what was taken, as far as the reader takes it within a while, then a goodbye. */
  end(): void {
    if (this.#phase === 'draining') this.#finish(this.#lastFault);
    if (this.#phase !== 'running') return;
    this.#phase = 'ending';
    if (this.#queued === 0) this.#goodbye();
    else this.#cancelLinger = this.#host.schedule(LINGER_MS, () => this.fail('DEAF'));
  }

  /** Ends now, and says so. */
  destroy(): void {
    if (this.#phase !== 'ended') this.#goodbye();
  }

  fail(fault: PipeFault): void {
    if (this.#phase === 'ended') return;
    publishBare(this.#host, MessageKind.close, this.id, this.#sent);
    this.#finish(fault);
  }

  /** The line is gone: nothing can be said any more, and the caller knows why. */
  abandon(): void {
    if (this.#phase === 'ended') return;
    this.#stop();
  }

  // Sending

  #pump(): void {
    const { fragmentBytes } = this.#host;
    let room = WINDOW_BYTES - (this.#sent - this.#credited);
    while (this.#queued > 0 && room > 0) {
      const length = Math.min(this.#queued, room, fragmentBytes);
      this.#host.publish(MESSAGE_HEADER_BYTES + length, this.#writeFragment);
      this.#kind = MessageKind.data;
      this.#queued -= length;
      this.#sent += length;
      room -= length;
    }
    if (this.#phase === 'ending' && this.#queued === 0) this.#goodbye();
  }

  #fill(message: Uint8Array): void {
    for (let at = MESSAGE_HEADER_BYTES; at < message.length; ) {
      const head = this.#queue.at(0);
      if (head === undefined) return; // #queued counts what lies here: cannot be
      const piece = head.bytes.subarray(this.#headSent, this.#headSent + message.length - at);
      message.set(piece, at);
      at += piece.length;
      this.#headSent += piece.length;
      if (this.#headSent < head.bytes.length) return;
      this.#queue.shift();
      this.#headSent = 0;
      if (head.isLent) head.onWritten?.();
      else release(head.bytes);
    }
  }

  #credit(position: number): void {
    if (position > this.#sent) {
      this.fail('BAD_CREDIT');
      return;
    }
    // An older one that came late says less than what is known.
    if (position <= this.#credited) return;
    this.#credited = position;
    this.#pump();
    if (!this.#isCongested || this.isCongested || this.#phase !== 'running') return;
    this.#isCongested = false;
    this.#handlers.onDrain();
  }

  // Receiving

  #take({ position, bytes }: PipeMessage): void {
    if (position + bytes.length <= this.#received) {
      this.duplicates++;
      return;
    }
    if (position !== this.#received) {
      this.fail('GAP');
      return;
    }
    if (this.#received + bytes.length - this.#consumed > WINDOW_BYTES) {
      this.fail('OVERRUN');
      return;
    }
    this.#received += bytes.length;
    // Lent for this call: handed on now, or kept as a copy until the reader wants it.
    if (this.#isPaused || this.#isDelivering || !this.#held.isEmpty) {
      this.#held.push(bytes);
      if (!this.#isPaused) this.#deliverSoon();
    } else this.#hand(bytes);
    this.#tell();
  }

  #deliverSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#host.nextTurn(() => {
      this.#isDue = false;
      this.#deliver();
    });
  }

  /** Hands on one block of what is held. The rest waits for the next turn, so that nobody else waits for it. */
  #deliver(): void {
    if (this.#isPaused || this.#isDelivering || this.#phase === 'ended') return;
    const bytes = this.#held.shift();
    if (bytes !== undefined) {
      this.#hand(bytes);
      this.#tell();
      if (!this.#held.isEmpty) this.#deliverSoon();
    }
    this.#finishWhenTaken();
  }

  /**
   * The other end has said its last word. What is held comes before it, and the reader, which may be working on what it
   * took, is told once it would take more.
   */
  #lastWord(fault: PipeFault | null): void {
    this.#cancelLinger?.();
    this.#phase = 'draining';
    this.#lastFault = fault;
    this.#cancelLinger = this.#host.schedule(LINGER_MS, () => this.#finish(fault));
    if (!this.#held.isEmpty && !this.#isPaused) this.#deliverSoon();
    this.#finishWhenTaken();
  }

  #finishWhenTaken(): void {
    if (this.#phase !== 'draining' || this.#isPaused || this.#isDelivering || !this.#held.isEmpty) return;
    this.#finish(this.#lastFault);
  }

  /** Gives credit for what was consumed, a step at a time. */
  #tell(): void {
    if (this.#phase === 'ended' || this.#phase === 'draining') return;
    if (this.#consumed - this.#told < CREDIT_STEP_BYTES) return;
    this.#told = this.#consumed;
    publishBare(this.#host, MessageKind.credit, this.id, this.#consumed);
  }

  #hand(chunk: Uint8Array): void {
    this.#isDelivering = true;
    this.#handlers.onChunk(chunk);
    this.#isDelivering = false;
    this.#consumed += chunk.length;
  }

  // Ending

  #goodbye(): void {
    publishBare(this.#host, MessageKind.close, this.id, this.#sent);
    this.#finish(null);
  }

  #finish(fault: PipeFault | null): void {
    this.#stop();
    queueMicrotask(() => this.#handlers.onEnded(fault));
  }

  #stop(): void {
    this.#phase = 'ended';
    this.#cancelLinger?.();
    while (this.#queue.shift() !== undefined);
    this.#queued = 0;
    this.#held.clear();
  }
}
