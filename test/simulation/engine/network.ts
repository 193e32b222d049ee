/**
 * The network of the simulation: one line per domain, on it at most as many connections as are dialled, and each
 * connection two streams of bytes. A line delays, cuts in mid-frame, holds everything back and takes little at a time; a
 * stream loses nothing in its middle and keeps its order, as a socket does. Lines know nothing of each other, so bytes on
 * two of them overtake each other freely.
 */
import type { Accept, Carrier, CarrierHandlers, LinePace } from '../../../broker/carrier/index.ts';
import type { CarrierEvents, ClientCarrier } from '../../../clients/sdk/carriers/carrier.ts';
import { Random } from '../../support/random.ts';
import type { Process } from './process.ts';
import type { Scheduler } from './scheduler.ts';

/** What may be wrong with a line. Faults change it; connections read it each time. */
export interface LineState {
  /** Range of the delay of a chunk, ms. */
  minDelayMs: number;
  maxDelayMs: number;
  /** Nothing arrives in either direction: a partition, or a guest whose virtual processors stand still. */
  isHeld: boolean;
  /** A writer is told to stop when so many bytes are under way. */
  highWaterBytes: number;
  /** A chunk is cut in two once in so many times. */
  splitOneIn: number;
}

const SCRIBBLE = 0xdd;

/** One direction of a connection. */
class Stream {
  readonly #line: Line;
  readonly #label: string;
  readonly #receive: (chunk: Uint8Array, writtenAt: number) => void;
  readonly #onEnd: () => void;
  readonly #onRoom: () => void;
  #writes: { readonly bytes: Uint8Array; readonly turn: number }[] = [];
  #buffered = 0;
  #isMoving = false;
  #isPaused = false;
  #isEnding = false;
  #isOver = false;
  #isCongested = false;
  /** How many times it was written to although it had asked to stop, since it did so. */
  writesWhileCongested = 0;

  constructor(
    line: Line,
    label: string,
    receive: (chunk: Uint8Array, writtenAt: number) => void,
    onEnd: () => void,
    onRoom: () => void,
  ) {
    this.#line = line;
    this.#label = label;
    this.#receive = receive;
    this.#onEnd = onEnd;
    this.#onRoom = onRoom;
  }

  get isCongested(): boolean {
    return this.#isCongested;
  }

  get bufferedBytes(): number {
    return this.#buffered;
  }

  write(buffers: readonly Uint8Array[], onWritten?: () => void): boolean {
    if (this.#isEnding || this.#isOver) return true;
    const bytes = Uint8Array.from(Buffer.concat(buffers));
    onWritten?.();
    if (bytes.length > 0) this.#writes.push({ bytes, turn: this.#line.scheduler.turn });
    this.#buffered += bytes.length;
    if (this.#isCongested) this.writesWhileCongested++;
    if (this.#buffered > this.#line.state.highWaterBytes) this.#isCongested = true;
    this.move();
    return !this.#isCongested;
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.move();
  }

  /** No more will be written; what was is still delivered. */
  end(): void {
    this.#isEnding = true;
    this.move();
  }

  /** Some of what is under way is lost from a byte on, which may lie in the middle of a frame. */
  cut(): void {
    let left = this.#line.random.below(this.#buffered + 1);
    this.#buffered = left;
    this.#writes = this.#writes.flatMap(({ bytes, turn }) => {
      const kept = bytes.subarray(0, left);
      left -= kept.length;
      return kept.length === 0 ? [] : [{ bytes: kept, turn }];
    });
    this.end();
  }

  /** The receiver is gone. */
  discard(): void {
    this.#isOver = true;
    this.#writes = [];
  }

  move(): void {
    const { line } = this;
    if (this.#isMoving || this.#isOver || line.state.isHeld || this.#isPaused) return;
    if (this.#writes.length === 0 && !this.#isEnding) return;
    this.#isMoving = true;
    line.scheduler.after(line.delay(), this.#label, () => {
      this.#isMoving = false;
      if (this.#isOver || line.state.isHeld || this.#isPaused) return;
      this.#deliver();
      this.move();
    });
  }

  private get line(): Line {
    return this.#line;
  }

  #deliver(): void {
    const first = this.#writes.shift();
    if (first === undefined) {
      this.#isOver = true;
      this.#onEnd();
      return;
    }
    const { random, state } = this.#line;
    let { bytes } = first;
    if (bytes.length > 1 && random.oneIn(state.splitOneIn)) {
      const at = 1 + random.below(bytes.length - 1);
      this.#writes.unshift({ bytes: bytes.subarray(at), turn: first.turn });
      bytes = bytes.subarray(0, at);
    }
    this.#buffered -= bytes.length;
    // Lent for the call: whoever keeps a view of it reads rubbish afterwards.
    const lent = Uint8Array.from(bytes);
    this.#receive(lent, first.turn);
    lent.fill(SCRIBBLE);
    if (!this.#isCongested || this.#buffered > state.highWaterBytes / 2) return;
    this.#isCongested = false;
    this.writesWhileCongested = 0;
    this.#onRoom();
  }
}

/** One connection of a guest to its broker, with the two carriers at its ends. */
export class Connection {
  readonly toBroker: Stream;
  readonly toGuest: Stream;
  readonly brokerEnd: Carrier;
  readonly guestEnd: ClientCarrier;
  readonly #line: Line;
  #handlers: CarrierHandlers | null = null;
  #isBrokerDone = false;
  #isGuestDone = false;
  /** Bytes that came before the broker had opened its end. */
  readonly #early: Uint8Array[] = [];

  constructor(line: Line, events: CarrierEvents) {
    this.#line = line;
    const { name } = line;
    this.toBroker = new Stream(
      line,
      `${name} > broker`,
      (chunk) => this.#toBroker(chunk),
      () => this.#brokerClosed(),
      () => {
        if (!this.#isGuestDone) events.onDrain();
      },
    );
    this.toGuest = new Stream(
      line,
      `${name} < broker`,
      (chunk, writtenAt) => {
        if (this.#isGuestDone) return;
        line.readingWriteOf = writtenAt;
        events.onBytes(chunk);
        line.readingWriteOf = null;
      },
      () => {
        if (this.#isGuestDone) return;
        this.#isGuestDone = true;
        this.#tidy();
        this.toBroker.end();
        events.onClose(null);
      },
      () => {
        if (!this.#isBrokerDone) this.#handlers?.onDrain();
      },
    );
    this.brokerEnd = {
      name: `simulated:${name}`,
      domain: name,
      open: (handlers) => {
        this.#handlers = handlers;
        for (const chunk of this.#early.splice(0)) handlers.onChunk(chunk);
      },
      write: (buffers, onWritten) => this.toGuest.write(buffers, onWritten),
      pause: () => this.toBroker.pause(true),
      resume: () => this.toBroker.pause(false),
      end: () => this.#endFromBroker(false),
      destroy: () => this.#endFromBroker(true),
    };
    const stream = this.toBroker;
    this.guestEnd = {
      get isCongested() {
        return stream.isCongested;
      },
      write: (record, onWritten) => void this.toBroker.write([record], onWritten),
      end: () => this.#endFromGuest(false),
      destroy: () => this.#endFromGuest(true),
    };
  }

  /** The network breaks it: each side finds out when the rest of what was under way has come. */
  cut(): void {
    this.toBroker.pause(false);
    this.toBroker.cut();
    this.toGuest.cut();
  }

  /** One side's process is gone without a word. */
  killBroker(): void {
    if (this.#isBrokerDone) return;
    this.#isBrokerDone = true;
    this.#handlers = null;
    this.toBroker.discard();
    this.toGuest.cut();
    this.#tidy();
  }

  killGuest(): void {
    if (this.#isGuestDone) return;
    this.#isGuestDone = true;
    this.#tidy();
    this.toGuest.discard();
    this.toBroker.pause(false);
    this.toBroker.cut();
  }

  /** A line that is held keeps the connection until both sides have found out that it is over. */
  #tidy(): void {
    if (this.#isBrokerDone && this.#isGuestDone) this.#line.forget(this);
  }

  #toBroker(chunk: Uint8Array): void {
    if (this.#isBrokerDone) return;
    if (this.#handlers === null) this.#early.push(chunk.slice());
    else this.#handlers.onChunk(chunk);
  }

  #brokerClosed(): void {
    if (this.#isBrokerDone) return;
    this.#isBrokerDone = true;
    this.toGuest.end();
    this.#tidy();
    this.#handlers?.onClosed();
  }

  #endFromBroker(isAtOnce: boolean): void {
    if (isAtOnce) this.toGuest.cut();
    else this.toGuest.end();
    this.toBroker.discard();
    this.#line.scheduler.after(0, `${this.#line.name} broker's end closed`, () => this.#brokerClosed());
  }

  #endFromGuest(isAtOnce: boolean): void {
    if (this.#isGuestDone) return;
    this.#isGuestDone = true;
    this.#tidy();
    this.toGuest.discard();
    this.toBroker.pause(false);
    if (isAtOnce) this.toBroker.cut();
    else this.toBroker.end();
  }
}

/** How one domain reaches its broker, whatever lies between. */
export interface GuestLine {
  readonly name: string;
  readonly state: LineState;
  /** While the guest is given bytes: the turn in which the broker wrote them. */
  readonly readingWriteOf: number | null;
  /** The broker listens here, in `process`; `pace` pays for what is read, where the broker reads for others too. */
  listen(accept: Accept, process: Process, pace: LinePace): void;
  dial(events: CarrierEvents, signal: AbortSignal, process: Process): Promise<{ readonly guestEnd: ClientCarrier }>;
  hold(isHeld: boolean): void;
  cut(): void;
  /** One side's process is gone without a word. */
  killBroker(): void;
  killGuest(): void;
}

/** How one domain reaches its broker over a socket. */
export class Line implements GuestLine {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly name: string;
  readonly state: LineState;
  readonly connections = new Set<Connection>();
  /** While the guest is given a chunk: the turn in which the broker wrote it. */
  readingWriteOf: number | null = null;
  #accept: Accept | null = null;

  constructor(scheduler: Scheduler, name: string, seed: number, state: LineState) {
    this.scheduler = scheduler;
    this.name = name;
    this.random = new Random(seed);
    this.state = state;
  }

  delay(): number {
    const { minDelayMs, maxDelayMs } = this.state;
    return minDelayMs + this.random.below(1 + maxDelayMs - minDelayMs);
  }

  listen(accept: Accept): void {
    this.#accept = accept;
  }

  /** Rejects where nothing listens. A process that is gone by then does not hear of it. */
  dial(events: CarrierEvents, signal: AbortSignal, process: Process | null = null): Promise<Connection> {
    return new Promise((resolve, reject) => {
      this.scheduler.after(this.delay(), `${this.name} dials`, () => {
        if (process?.isAlive === false) return;
        if (signal.aborted) reject(signal.reason);
        else if (this.#accept === null || this.state.isHeld)
          reject(Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' }));
        else {
          const connection = new Connection(this, events);
          this.connections.add(connection);
          this.#accept(connection.brokerEnd, () => {});
          resolve(connection);
        }
      });
    });
  }

  hold(isHeld: boolean): void {
    this.state.isHeld = isHeld;
    if (isHeld) return;
    for (const { toBroker, toGuest } of this.connections) {
      toBroker.move();
      toGuest.move();
    }
  }

  cut(): void {
    for (const connection of [...this.connections]) connection.cut();
  }

  killBroker(): void {
    this.#accept = null;
    for (const connection of [...this.connections]) connection.killBroker();
  }

  killGuest(): void {
    for (const connection of [...this.connections]) connection.killGuest();
  }

  forget(connection: Connection): void {
    this.connections.delete(connection);
  }
}
