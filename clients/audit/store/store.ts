/** The index of a log, kept up to date with it. An edge. */
import { type LinePlace, placeAfter, readAudit, readLineAt } from '../../../broker/audit/index.ts';
import { RecordIndex } from './record-index.ts';

/** How often the store looks for new records. */
const POLL_MS = 500;
/** Rows between two pauses in which others may be served. */
const ROWS_PER_TURN = 2_000;

export class AuditStore {
  readonly index = new RecordIndex();
  /** Lines that are not records. */
  malformed = 0;
  readonly #directory: string;
  readonly #listeners = new Set<() => void>();
  #end: LinePlace = { segment: 0, offset: 0 };
  #isComplete = false;
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Has everything been read that was there at the start? */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Reads the existing records, then the new ones as they arrive, until it is closed. */
  start(): void {
    void this.#read();
  }

  /** Called after new records. Returns the function that removes the listener. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The record as it stands in the log; null: it cannot be read any more. */
  async record(row: number): Promise<{ readonly [key: string]: unknown } | null> {
    const { place, length } = this.index.placed(row);
    const { parsed } = await readLineAt(this.#directory, place, length);
    return typeof parsed === 'string' ? null : parsed.fields;
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #read(): Promise<void> {
    const before = this.index.rows + this.malformed;
    try {
      for await (const line of readAudit(this.#directory, this.#end)) {
        if (this.#isClosed) return;
        if (typeof line.parsed === 'string') this.malformed += 1;
        else this.index.add(line.parsed.seq, line.parsed.fields, line.place, line.length);
        this.#end = placeAfter(line);
        if ((this.index.rows + this.malformed) % ROWS_PER_TURN === 0)
          await new Promise((resolve) => setImmediate(resolve));
      }
      if (!this.#isComplete || this.index.rows + this.malformed > before) {
        this.#isComplete = true;
        for (const listener of [...this.#listeners]) listener();
      }
    } catch {
      // The directory is gone or unreadable for now. The records already read stay, and the next look may succeed.
    }
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.#read(), POLL_MS).unref();
  }
}
