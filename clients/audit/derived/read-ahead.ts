/**
 * The lines of a log as filled batches, some of them ahead of their reader: while the database writes a transaction to
 * the disk, the next lines are read.
 */
import {
  auditReader,
  type LinePlace,
  leafHash,
  nodeSha256,
  openSha256,
  placeAfter,
  type RawLine,
  readLineParts,
} from '../../../broker/audit/index.ts';
import type { Dictionary } from './dictionary.ts';
import { BATCHES_AHEAD, TAIL_BYTES } from './limits.ts';
import { RowBatch } from './row-batch.ts';

/** Where the index ends. */
export interface IndexEnd extends LinePlace {
  /** Lines ever indexed. */
  readonly lines: number;
  /** Length of the last line, and the hash of its first TAIL_BYTES; 0 and empty: there is none. */
  readonly tail: number;
  readonly hash: string;
}

export interface FilledBatch {
  readonly batch: RowBatch;
  /** Of the index, once the batch is in it. */
  readonly end: IndexEnd;
}

/** Ends at the present end of the log. */
export class ReadAhead {
  readonly #dictionary: Dictionary;
  readonly #ready: FilledBatch[] = [];
  readonly #spare: RowBatch[] = [];
  readonly #reading: Promise<void>;
  #isOver = false;
  /** Settles the wait of the other side. */
  #wake: () => void = () => undefined;

  constructor(directory: string, dictionary: Dictionary, from: IndexEnd) {
    this.#dictionary = dictionary;
    this.#reading = this.#read(directory, from);
    // The reader meets the error in `take`.
    this.#reading.catch(() => undefined);
  }

  /** Null: there is no more. Throws what reading the log threw. */
  async take(): Promise<FilledBatch | null> {
    while (this.#ready.length === 0 && !this.#isOver) await this.#otherSide();
    const next = this.#ready.shift();
    this.#wake();
    if (next === undefined) await this.#reading;
    return next ?? null;
  }

  /** The batch may be filled again. */
  release({ batch }: FilledBatch): void {
    batch.clear();
    this.#spare.push(batch);
  }

  /** Nothing more is read. */
  close(): void {
    this.#isOver = true;
    this.#wake();
  }

  async #read(directory: string, from: IndexEnd): Promise<void> {
    try {
      let [end, batch] = [from, this.#empty(true)];
      let newest: RawLine | null = null;
      for await (const part of readLineParts(auditReader(directory), from)) {
        for (const line of part) {
          batch.addRaw(end.lines + batch.length, line);
          newest = line;
          if (!batch.isFull) continue;
          end = this.#add(batch, end, line);
          batch = this.#empty();
        }
        while (this.#ready.length >= BATCHES_AHEAD && !this.#isOver) await this.#otherSide();
        if (this.#isOver) return;
      }
      if (newest !== null && batch.length > 0) this.#add(batch, end, newest);
    } finally {
      this.#isOver = true;
      this.#wake();
    }
  }

  #add(batch: RowBatch, before: IndexEnd, newest: RawLine): IndexEnd {
    const hash = leafHash(newest.bytes.subarray(0, TAIL_BYTES));
    const end = { ...placeAfter(newest), lines: before.lines + batch.length, tail: newest.length, hash };
    this.#ready.push({ batch, end });
    this.#wake();
    return end;
  }

  /** To load the fast SHA-256 takes as long as hashing the lines of many batches, so a short log goes without. */
  #empty(isFirst = false): RowBatch {
    return this.#spare.pop() ?? new RowBatch(this.#dictionary, isFirst ? nodeSha256 : openSha256());
  }

  #otherSide(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
