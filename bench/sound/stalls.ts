/**
 * When the processors of this machine stood still. In a virtual machine they do so for milliseconds, and `/proc/stat` does
 * not count all of it. An observer on each processor, which nothing in this machine can displace, is late then.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endWithThisProcess, stopChild } from '../arms/server-process.ts';
import type { Cleanup } from '../cleanup.ts';

const OBSERVER = fileURLToPath(new URL('./observer.mjs', import.meta.url));
const PRIORITY = '99';

export interface Stall {
  /** When the processor went on, on the clock of the run, seconds. */
  readonly at: number;
  readonly ms: number;
}

/** On the clock of `performance.now()`, ms. */
type Line = readonly [now: number, lateMs: number];

export class Stalls {
  readonly #lines: Line[] = [];

  /** Null where this process may not have such a priority, or the system has no `chrt` and `taskset`. */
  static async watch(cleanup: Cleanup): Promise<Stalls | null> {
    const stalls = new Stalls();
    const watching = Array.from({ length: availableParallelism() }, (_, cpu) => stalls.#observe(`${cpu}`, cleanup));
    return (await Promise.all(watching)).every((isWatching) => isWatching) ? stalls : null;
  }

  /** @param start of the run, on the clock of `performance.now()` */
  since(start: number): Stall[] {
    return this.#lines.map(([now, ms]) => ({ at: (now - start) / 1_000, ms }));
  }

  async #observe(cpu: string, cleanup: Cleanup): Promise<boolean> {
    const args = ['--fifo', PRIORITY, 'taskset', '--cpu-list', cpu, process.execPath, OBSERVER];
    const child: ChildProcess = spawn('chrt', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    endWithThisProcess(child);
    cleanup.add(() => stopChild(child));
    const began = new Promise<boolean>((resolve) => {
      child.stdout?.once('data', () => resolve(true));
      child.once('error', () => resolve(false));
      child.once('exit', () => resolve(false));
    });
    if (child.stdout === null) return false;
    createInterface({ input: child.stdout }).on('line', (line) => this.#take(line));
    return began;
  }

  #take(line: string): void {
    const [epochMs = Number.NaN, lateMs = Number.NaN] = line.split(' ').map(Number);
    if (!Number.isNaN(lateMs)) this.#lines.push([epochMs - performance.timeOrigin, lateMs]);
  }
}
