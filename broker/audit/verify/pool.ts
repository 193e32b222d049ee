/** Looks at parts in worker threads, or in this one where there is little to look at. An edge. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { AuditReader } from '../files/files.ts';
import { MAX_VERIFY_WORKERS, VERIFY_WORKERS_BYTES } from '../limits.ts';
import { type Part, type ScannedPart, scanOf } from './parts.ts';

export interface Scanner {
  /** How many parts are worth having under way. */
  readonly width: number;
  /** Null: the slow check has to look. Never rejects for what is in the files. */
  scan(part: Part): Promise<ScannedPart | null>;
  close(): Promise<void>;
}

/** What a worker is started with. */
export interface WorkerStart {
  readonly directory: string;
  readonly sizes: readonly number[];
}

/** What a worker answers; parts are answered in the order in which they were given. */
export type WorkerAnswer = ScannedPart | null;

/** A loader of TypeScript does not follow into threads; what is shipped is JavaScript. */
const IS_SOURCE = import.meta.url.endsWith('.ts');

/** @param directory null: only the reader knows the bytes, so they are looked at here */
export function openScanner(
  directory: string | null,
  reader: AuditReader,
  sizes: readonly number[],
  totalBytes: number,
): Scanner {
  const workers = Math.min(MAX_VERIFY_WORKERS, availableParallelism());
  if (directory === null || totalBytes < VERIFY_WORKERS_BYTES || workers < 2 || IS_SOURCE) {
    return { width: 1, scan: (part) => scanOf(reader, part, sizes), close: async () => undefined };
  }
  return new WorkerScanner({ directory, sizes }, workers);
}

class WorkerScanner implements Scanner {
  readonly #workers: readonly ScanWorker[];
  #turn = 0;

  constructor(start: WorkerStart, count: number) {
    this.#workers = Array.from({ length: count }, () => new ScanWorker(start));
  }

  get width(): number {
    return 2 * this.#workers.length;
  }

  scan(part: Part): Promise<ScannedPart | null> {
    const worker = this.#workers[this.#turn % this.#workers.length];
    this.#turn += 1;
    return worker?.scan(part) ?? Promise.resolve(null);
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }
}

class ScanWorker {
  readonly #worker: Worker;
  readonly #waiting: ((answer: WorkerAnswer) => void)[] = [];
  #dead = false;

  constructor(start: WorkerStart) {
    this.#worker = new Worker(new URL('./scan-worker.js', import.meta.url), { workerData: start });
    this.#worker.on('message', (answer: WorkerAnswer) => this.#waiting.shift()?.(answer));
    // A worker that fails leaves its parts to the slow check, which says what is wrong.
    this.#worker.on('error', () => this.#giveUp());
    this.#worker.on('exit', () => this.#giveUp());
  }

  scan(part: Part): Promise<ScannedPart | null> {
    if (this.#dead) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#worker.postMessage(part);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #giveUp(): void {
    this.#dead = true;
    for (const answer of this.#waiting.splice(0)) answer(null);
  }
}
