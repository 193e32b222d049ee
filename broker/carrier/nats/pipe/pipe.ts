/**
 * One end of a two-way byte pipe over a pair of subjects. It handles order, loss and backpressure, which NATS leaves to
 * its users.
 *
 *   position  each piece says how many bytes came before it. The expected piece is taken. A piece whose bytes all came
 *             before is a duplicate and dropped. Any other position is a gap and ends the pipe: the missing bytes will
 *             not come, and no byte after them is delivered.
 *   credit    at most WINDOW_BYTES are in flight in a direction; the reader says how many bytes it has consumed. So a
 *             stopped reader costs the server one window, its sender a queue of one burst, and other domains nothing.
 *
 * There is no socket and no clock here: the host publishes and schedules.
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

/** The fault that ended a pipe. `DEAF`: this end had ended, and the reader did not take the rest. */
export type PipeFault = 'GAP' | 'OVERRUN' | 'BAD_CREDIT' | 'DEAF';

export interface PipeHandlers {
  /** The bytes are valid only during the call. */
  onChunk(chunk: Uint8Array): void;
  /** After `write` returned false: there is room again. */
  onDrain(): void;
  /** Called once, and never from inside a call of this end. Null: one of the two ends has ended it. */
  onEnded(fault: PipeFault | null): void;
}

export interface PipeHost extends Publisher {
  /** Largest piece that goes into one message. */
  readonly fragmentBytes: number;
  /** Published bytes that the server has not taken. */
  readonly waitingBytes: number;
  /** Runs `task` later; returns what cancels it. */
  schedule(delayMs: number, task: () => void): () => void;
  /** Runs `task` in the next turn of the event loop, so that other work comes first. */
  nextTurn(task: () => void): void;
}

const CREDIT_STEP_BYTES = WINDOW_BYTES / CREDIT_SHARE;

/** A buffer of which all or a part waits to be sent. */
interface Piece {
  readonly bytes: Uint8Array;
  /** True: the caller owns the buffer, so it must not be changed or freed. */
  readonly isLent: boolean;
  /** Set in the last buffer of one `write` call. */
  readonly onWritten: (() => void) | null;
}

export class Pipe {
  readonly id: number;
  /** Number of duplicate pieces. */
  duplicates = 0;
  readonly #host: PipeHost;
  readonly #handlers: PipeHandlers;
  /** `draining`: the other end has closed, and the reader has not taken all bytes from before that. */
  #phase: 'running' | 'ending' | 'draining' | 'ended' = 'running';
  #lastFault: PipeFault | null = null;
  #cancelLinger: (() => void) | null = null;

  #kind: MessageKind;
  readonly #queue = new Fifo<Piece>();
  /** Bytes of the first piece in `#queue` that are already sent. */
  #headSent = 0;
  #queued = 0;
  #sent = 0;
  #credited = 0;
  #isCongested = false;
  /** One function object for all fragments. */
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
   * Memory of the bytes that wait for the reader, and of the bytes that wait for the other end: queued here, or
   * published to a server that does not take them.
   */
  get heldBytes(): number {
    const underWay = Math.min(this.#sent - this.#credited, this.#host.waitingBytes);
    return this.#held.memoryBytes + this.#queued + underWay;
  }

  /**
   * Sends the buffers, in order. False asks to stop until `onDrain`. With `onWritten` the caller owns the buffers, and
   * must not change them before the call of `onWritten`; without it the pipe owns them. A pipe that ends before that
   * never calls it.
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

  /** Held bytes are delivered in later turns, because the caller may still be processing the last chunk. */
  resume(): void {
    this.#isPaused = false;
    this.#deliverSoon();
  }

  /** Sends the queued bytes, as far as the reader takes them within LINGER_MS, and then a `close`. */
  end(): void {
    if (this.#phase === 'draining') this.#finish(this.#lastFault);
    if (this.#phase !== 'running') return;
    this.#phase = 'ending';
    if (this.#queued === 0) this.#goodbye();
    else this.#cancelLinger = this.#host.schedule(LINGER_MS, () => this.fail('DEAF'));
  }

  /** Ends now, and sends a `close`. */
  destroy(): void {
    if (this.#phase !== 'ended') this.#goodbye();
  }

  fail(fault: PipeFault): void {
    if (this.#phase === 'ended') return;
    publishBare(this.#host, MessageKind.close, this.id, this.#sent);
    this.#finish(fault);
  }

  /** The line is gone, so no `close` can be sent. The caller knows the reason. */
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
      if (head === undefined) return; // impossible: #queued counts these bytes
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
    // A late, older credit has no new information.
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
    // The bytes are valid only during this call: deliver them now, or keep a copy until the reader resumes.
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

  /** Delivers one block of the held bytes. The rest waits for the next turn, so that other work is not delayed. */
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
   * The other end has closed. The held bytes come before that. The reader may be paused, so the end is reported only
   * after it has taken them.
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

  /** Sends credit for the consumed bytes, once they are a full step. */
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
