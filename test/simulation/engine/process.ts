/** A process of the simulation: one life of a broker or a guest. What it has scheduled ends with it, as by a kill -9. */
import type { Clock } from '../../../broker/base/index.ts';
import type { Scheduler } from './scheduler.ts';

/** 2026-01-01 00:00 UTC: where wall clocks stand when a simulation begins. */
export const START_OF_TIME_MS = 1_767_225_600_000;

/** The machine that processes run on; its wall clock may be set, and its monotonic clock counts from its own start. */
export class Host {
  readonly scheduler: Scheduler;
  readonly name: string;
  /** By how much its wall clock is wrong. */
  wallOffsetMs = 0;

  constructor(scheduler: Scheduler, name: string) {
    this.scheduler = scheduler;
    this.name = name;
  }

  /** Time of the wall clock. */
  wall(): number {
    return START_OF_TIME_MS + Math.floor(this.scheduler.nowMs) + this.wallOffsetMs;
  }
}

export class Process {
  readonly host: Host;
  readonly name: string;
  isAlive = true;
  readonly clock: Clock;

  constructor(host: Host, name: string) {
    this.host = host;
    this.name = name;
    this.clock = Object.freeze({
      wall: () => host.wall(),
      mono: () => host.scheduler.nowMs,
      after: (delayMs: number, task: () => void) => this.schedule(delayMs, 'timer', task),
    });
  }

  /** For what the event loop does once the present turn is over. */
  readonly atTurnsEnd = (task: () => void): void => void this.schedule(0, 'turn', task);

  schedule(delayMs: number, what: string, task: () => void): () => void {
    return this.host.scheduler.after(delayMs, `${this.name} ${what}`, () => {
      if (this.isAlive) task();
    });
  }

  kill(): void {
    this.isAlive = false;
  }
}
