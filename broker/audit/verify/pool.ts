/** Scans parts in worker threads, or in this thread for a small log. An edge. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { AuditReader } from '../files/files.ts';
import { MAX_VERIFY_WORKERS, VERIFY_WORKERS_BYTES } from '../limits.ts';
import { nodeSha256, openSha256 } from '../sha256.ts';
import { type Part, PartScanner, type ScannedPart } from './parts.ts';

export interface Scanner {
  /** The useful number of concurrent scans. */
  readonly width: number;
  /** Null: the slow check must read this part. The content of the files never makes it reject. */
  scan(part: Part): Promise<ScannedPart | null>;
  close(): Promise<void>;
}

/** Start parameters of a worker. */
export interface WorkerStart {
  readonly directory: string;
  readonly sizes: readonly number[];
}

/** The answer of a worker to one part. Answers come in the order of the parts. */
export type WorkerAnswer = ScannedPart | null;

const WORKER = new URL('./scan-worker.js', import.meta.url);

/** True in development. A TypeScript loader does not apply to worker threads. The package ships JavaScript. */
const IS_SOURCE = import.meta.url.endsWith('.ts');

/** @param directory null: only the reader can read the bytes, so this thread scans them */
export function openScanner(
  directory: string | null,
  reader: AuditReader,
  sizes: readonly number[],
  totalBytes: number,
): Scanner {
  const workers = Math.min(MAX_VERIFY_WORKERS, availableParallelism());
  const isLong = totalBytes >= VERIFY_WORKERS_BYTES;
  if (directory === null || !isLong || workers < 2 || IS_SOURCE) {
    const scanner = new PartScanner(reader, sizes, isLong ? openSha256() : nodeSha256);
    return { width: 1, scan: (part) => scanner.scan(part), close: async () => undefined };
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
    // Without the flags of this process: with `--input-type`, say, no worker starts.
    this.#worker = new Worker(WORKER, { workerData: start, execArgv: [] });
    this.#worker.on('message', (answer: WorkerAnswer) => this.#waiting.shift()?.(answer));
    // If a worker fails, the slow check reads its parts and reports what is wrong.
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
