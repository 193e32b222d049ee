/**
 * One stream: a program's TCP connection on this side, credit and offsets towards the other.
 *
 *            our program                       the other side
 *   bytes ──> pending ──> data, within its credit ──────>
 *         <── socket's buffer <── data, within our window
 *
 * Each direction ends by itself (half-close): `finish` follows the last byte, and what came before it is never lost. A
 * stream that is reset is over at once in both directions.
 */
import type { Socket } from 'node:net';
import { STREAM_CREDIT_SHARE, STREAM_PIECE_BYTES, STREAM_WINDOW_BYTES } from '../limits.ts';
import { StreamFault, type StreamMessage, StreamType } from './message.ts';

/** The operations that a stream needs from its proxy. */
export interface StreamOwner {
  /** There may be something to take with `next`. */
  ready(stream: Stream): void;
  /** A message outside the order of data. */
  tell(stream: Stream, type: number, value: number): void;
  /** The stream has ended. The proxy sends `fault` to the other side, unless the other side knows it (null). */
  over(stream: Stream, fault: number | null): void;
}

export interface Remote {
  readonly domain: string;
  readonly port: number;
  readonly stream: number;
}

export interface Outgoing {
  readonly type: number;
  readonly value: number;
  readonly payload: readonly Uint8Array[];
  readonly bytes: number;
}

const OFFSET_MODULUS = 0x1_0000_0000;

export class Stream {
  readonly remote: Remote;
  /** When something was last sent, ms of the proxy's clock. */
  sentAt = 0;
  readonly #owner: StreamOwner;
  readonly #socket: Socket;
  /** From the program, not sent yet. */
  readonly #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  /** Bytes that the other side still takes. */
  #credit = 0;
  #sentOffset = 0;
  #receivedOffset = 0;
  /** Bytes that the other side may still send, and bytes that our program took since the last report. */
  #window: number;
  readonly #fullWindow: number;
  #consumed = 0;
  #outward: 'open' | 'ending' | 'ended' = 'open';
  #inward: 'open' | 'ended' = 'open';
  #isOver = false;

  /** `window`: bytes that the other side may send ahead of our program. */
  constructor(owner: StreamOwner, remote: Remote, socket: Socket, window: number) {
    this.#window = this.#fullWindow = window;
    this.#owner = owner;
    this.remote = remote;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => this.end(StreamFault.broken));
    socket.on('close', () => {
      // Closed after both directions had ended: the pending bytes are sent nevertheless.
      if (this.#outward === 'open' || this.#inward === 'open') this.end(StreamFault.broken);
    });
  }

  get window(): number {
    return this.#fullWindow;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The other side is there and takes `credit` bytes; the program's bytes are read from now on. */
  open(credit: number): void {
    this.#credit = credit;
    this.#socket.on('data', (chunk: Uint8Array) => {
      this.#pending.push(chunk);
      this.#pendingBytes += chunk.length;
      if (this.#pendingBytes >= STREAM_WINDOW_BYTES) this.#socket.pause();
      this.#owner.ready(this);
    });
    this.#socket.on('end', () => {
      this.#outward = 'ending';
      this.#owner.ready(this);
    });
    this.#socket.resume();
  }

  /** The next thing to send in this direction, at most one chunk; null while there is nothing, or no credit. */
  next(): Outgoing | null {
    if (this.#isOver) return null;
    if (this.#pendingBytes === 0) {
      if (this.#outward !== 'ending') return null;
      this.#outward = 'ended';
      queueMicrotask(() => this.#endIfDone());
      return { type: StreamType.finish, value: this.#sentOffset, payload: [], bytes: 0 };
    }
    const payload: Uint8Array[] = [];
    let room = Math.min(STREAM_PIECE_BYTES, this.#credit);
    if (room === 0) return null;
    let bytes = 0;
    // At most as many parts as one message takes, less the header.
    while (room > 0 && payload.length < 7) {
      const first = this.#pending[0];
      if (first === undefined) break;
      const part = first.subarray(0, room);
      if (part.length === first.length) this.#pending.shift();
      else this.#pending[0] = first.subarray(part.length);
      payload.push(part);
      bytes += part.length;
      room -= part.length;
    }
    const value = this.#sentOffset;
    this.#sentOffset = (this.#sentOffset + bytes) % OFFSET_MODULUS;
    this.#credit -= bytes;
    this.#pendingBytes -= bytes;
    if (this.#socket.isPaused() && this.#pendingBytes < STREAM_WINDOW_BYTES / 2) this.#socket.resume();
    return { type: StreamType.data, value, payload, bytes };
  }

  /** From the other side: data, finish, credit. */
  take({ type, value, payload }: StreamMessage): void {
    switch (type) {
      case StreamType.credit:
        this.#credit += value;
        if (this.#credit > STREAM_WINDOW_BYTES * 64) this.end(StreamFault.protocol);
        else if (value > 0) this.#owner.ready(this);
        return;
      case StreamType.data:
        this.#takeData(value, payload);
        return;
      case StreamType.finish:
        if (this.#inward !== 'open' || value !== this.#receivedOffset) {
          this.end(StreamFault.protocol);
          return;
        }
        this.#inward = 'ended';
        this.#socket.end(() => this.#endIfDone());
        return;
    }
  }

  /** Ends the stream, even with data in transit. Idempotent. `fault` null: the other side has ended it. */
  end(fault: number | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (fault === StreamFault.none) this.#socket.destroySoon();
    else this.#socket.resetAndDestroy();
    this.#pending.length = 0;
    this.#owner.over(this, fault === StreamFault.none ? null : fault);
  }

  /**
   * The other side's domain has left. A finished direction still reaches the program. An unfinished stream is reset.
   */
  gone(): void {
    this.end(this.#inward === 'ended' ? StreamFault.none : null);
  }

  #takeData(offset: number, payload: Uint8Array): void {
    const { length } = payload;
    // A message that was lost on the way leaves a hole: a stream has none.
    if (this.#inward !== 'open' || offset !== this.#receivedOffset || length > this.#window) {
      this.end(StreamFault.protocol);
      return;
    }
    this.#receivedOffset = (offset + length) % OFFSET_MODULUS;
    this.#window -= length;
    // Copied: the payload is valid only during the call, and the socket keeps it until the program reads.
    this.#socket.write(payload.slice(), () => {
      this.#consumed += length;
      if (this.#isOver || this.#consumed * STREAM_CREDIT_SHARE < this.#fullWindow) return;
      this.#window += this.#consumed;
      this.#owner.tell(this, StreamType.credit, this.#consumed);
      this.#consumed = 0;
    });
  }

  #endIfDone(): void {
    if (this.#outward === 'ended' && this.#inward === 'ended') this.end(StreamFault.none);
  }
}
