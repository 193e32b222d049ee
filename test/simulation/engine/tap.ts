/** The network card of a simulated VM: what the link writes is given to the VM at once, or after a while if it is busy. */
import type { LinkAttachment } from '../../../clients/agents/network/index.ts';
import type { Process } from './process.ts';

/** How long a busy card takes no frame. */
const BUSY_MS = 100;

export class SimulatedTap implements LinkAttachment {
  readonly dropped = 0;
  readonly #process: Process;
  readonly #take: (frame: Uint8Array) => void;
  #busyUntil = 0;
  isPaused = false;

  constructor(process: Process, take: (frame: Uint8Array) => void) {
    this.#process = process;
    this.#take = take;
  }

  get isReady(): boolean {
    return this.#process.clock.mono() >= this.#busyUntil;
  }

  /** It takes nothing for a while. */
  beBusy(): void {
    this.#busyUntil = this.#process.clock.mono() + BUSY_MS;
  }

  write(frame: Uint8Array): void {
    this.#take(Uint8Array.from(frame));
  }

  ready(): Promise<void> {
    return new Promise((resolve) => void this.#process.schedule(BUSY_MS, 'card ready', resolve));
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  close(): void {}
}
