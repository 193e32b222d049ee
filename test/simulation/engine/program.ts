/**
 * The TCP connection between a stream proxy and a program of its VM. The proxy has the real interface of a socket, as far
 * as it uses it; bytes of each direction take a while, and the directions end by themselves.
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Process } from './process.ts';

/** What a program hears of its connection. */
export interface Program {
  received(bytes: Uint8Array): void;
  /** The other side says no more; all that it said was received. */
  ended(): void;
  /** The connection is over, whatever was under way. */
  broken(): void;
}

export class ProgramSocket extends EventEmitter {
  readonly #process: Process;
  readonly #program: Program;
  /** From the program, not read by the proxy yet. */
  readonly #said: Uint8Array[] = [];
  /** When the program has taken all that was written so far, milliseconds. */
  #takenAt = 0;
  #delayMs: number;
  #isPaused = true;
  #isSaidOut = false;
  #isReadOut = false;
  #isWrittenOut = false;
  #isOver = false;

  constructor(process: Process, program: Program, delayMs: number) {
    super();
    this.#process = process;
    this.#program = program;
    this.#delayMs = delayMs;
  }

  /** As the proxy takes it. */
  get socket(): Socket {
    return this as unknown as Socket;
  }

  // The program's side

  say(bytes: Uint8Array): void {
    this.#said.push(bytes);
    this.#flowLater();
  }

  sayEnd(): void {
    this.#isSaidOut = true;
    this.#flowLater();
  }

  /** How long the program takes for what comes from now on. */
  set delayMs(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** The program dies: its connection is reset. */
  die(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#later(0, () => {
      if (this.listenerCount('error') > 0) this.emit('error', new Error('ECONNRESET'));
      this.emit('close');
    });
  }

  // The proxy's side

  setNoDelay(): void {}

  pause(): void {
    this.#isPaused = true;
  }

  isPaused(): boolean {
    return this.#isPaused;
  }

  resume(): void {
    this.#isPaused = false;
    this.#flowLater();
  }

  write(bytes: Uint8Array, taken: () => void): void {
    this.#inOrder(() => {
      this.#program.received(bytes);
      taken();
    });
  }

  end(taken: () => void): void {
    this.#inOrder(() => {
      this.#isWrittenOut = true;
      this.#program.ended();
      taken();
      this.#closeIfDone();
    });
  }

  destroySoon(): void {
    this.#inOrder(() => this.destroy());
  }

  resetAndDestroy(): void {
    this.destroy();
  }

  destroy(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.#isWrittenOut || !this.#isReadOut) this.#later(0, () => this.#program.broken());
    this.#later(0, () => this.emit('close'));
  }

  #flowLater(): void {
    this.#later(0, () => {
      for (let bytes = this.#next(); bytes !== undefined; bytes = this.#next()) this.emit('data', bytes);
      if (this.#isPaused || this.#isOver || !this.#isSaidOut || this.#isReadOut || this.#said.length > 0) return;
      this.#isReadOut = true;
      this.emit('end');
      this.#closeIfDone();
    });
  }

  #next(): Uint8Array | undefined {
    return this.#isPaused || this.#isOver ? undefined : this.#said.shift();
  }

  #inOrder(task: () => void): void {
    const { clock } = this.#process;
    this.#takenAt = Math.max(this.#takenAt, clock.mono() + this.#delayMs);
    this.#later(this.#takenAt - clock.mono(), () => {
      if (!this.#isOver) task();
    });
  }

  #closeIfDone(): void {
    if (!this.#isWrittenOut || !this.#isReadOut || this.#isOver) return;
    this.#isOver = true;
    this.#later(0, () => this.emit('close'));
  }

  #later(delayMs: number, task: () => void): void {
    this.#process.schedule(delayMs, 'program', task);
  }
}
