/** The index of a log, kept up to date with it. An edge. */
import { auditReader, type LinePlace, placeAfter, readAudit, readLineAt } from '../../../broker/audit/index.ts';
import { type PlacedRecord, RecordIndex } from './record-index.ts';

/** How often the store looks for new records. */
const POLL_MS = 500;
/** Rows between two pauses in which requests are served: a few milliseconds. */
const ROWS_PER_TURN = 500;
/** Rows between two notices of how far the first reading is. */
const ROWS_PER_NOTICE = 2_000;
/** A request for which the reading stands back is looked at so often, and holds it no longer than this. */
const HOLD_MS = 2;
const MAX_HOLD_MS = 250;
/** The end of a long log is read first: some 6 000 records. */
const NEWEST_BYTES = 3 * 1024 * 1024;

/** How far the first reading of the log has come. */
interface Reading {
  readonly bytes: number;
  readonly total: number;
}

export class AuditStore {
  /** All records that have been read so far, oldest first. */
  readonly index = new RecordIndex();
  /** Lines that are not records. */
  malformed = 0;
  readonly #directory: string;
  readonly #pollMs: number;
  readonly #listeners = new Set<() => void>();
  readonly #begun: Promise<void>;
  #onBegun = (): void => undefined;
  /** Requests that are being answered. */
  #held = 0;
  #newest: RecordIndex | null = null;
  #end: LinePlace = { segment: 0, offset: 0 };
  #bytes = 0;
  #total = 0;
  #isComplete = false;
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  /** @param pollMs how often it looks for new records */
  constructor(directory: string, pollMs = POLL_MS) {
    this.#directory = directory;
    this.#pollMs = pollMs;
    this.#begun = new Promise((resolve) => {
      this.#onBegun = resolve;
    });
  }

  /** Resolves once there is something to answer from: the newest records of a long log, or all of a short one. */
  get begun(): Promise<void> {
    return this.#begun;
  }

  /** Until the returned function is called a person waits for an answer, and the reading stands back. */
  hold(): () => void {
    this.#held += 1;
    return () => {
      this.#held -= 1;
    };
  }

  /** Has everything been read that was there at the start? */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** The index that answers questions: the newest records until all have been read, then all. */
  get shown(): RecordIndex {
    return this.#newest ?? this.index;
  }

  get reading(): Reading {
    return { bytes: Math.min(this.#bytes, this.#total), total: this.#total };
  }

  /** Reads the newest records, then all, then new ones as they arrive, until it is closed. */
  start(): void {
    void this.#begin();
  }

  /** Called after new records. Returns the function that removes the listener. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The record as it stands in the log; null: it cannot be read any more. */
  async record({ place, length }: PlacedRecord): Promise<{ readonly [key: string]: unknown } | null> {
    const { parsed } = await readLineAt(this.#directory, place, length);
    return typeof parsed === 'string' ? null : parsed.fields;
  }

  close(): void {
    this.#isClosed = true;
    this.#onBegun();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #begin(): Promise<void> {
    try {
      await this.#readNewest();
    } catch {
      // The directory is not there yet. Reading from the beginning finds it when it comes.
    }
    await this.#read();
  }

  /** A person who opens a long log asks what happens now: that part is there before the rest has been read. */
  async #readNewest(): Promise<void> {
    const reader = auditReader(this.#directory);
    const segments = (await reader.segments()).filter(({ fault }) => fault === undefined);
    this.#total = segments.reduce((sum, { bytes }) => sum + bytes, 0);
    let [at, left] = [segments.length - 1, NEWEST_BYTES];
    while (at > 0 && (segments[at]?.bytes ?? 0) < left) {
      left -= segments[at]?.bytes ?? 0;
      at -= 1;
    }
    const segment = segments[at];
    // A short log is read from its beginning in the same time.
    if (segment === undefined || segment.bytes <= left) return;
    const newest = new RecordIndex();
    let isCut = true;
    for await (const line of readAudit(this.#directory, { segment: segment.number, offset: segment.bytes - left })) {
      if (!isCut && typeof line.parsed !== 'string')
        newest.add(line.parsed.seq, line.parsed.fields, line.place, line.length);
      isCut = false;
      if (newest.rows % ROWS_PER_TURN === 0) await aTurn();
    }
    if (newest.rows > 0) {
      this.#newest = newest;
      this.#onBegun();
    }
    this.#tell();
  }

  async #read(): Promise<void> {
    const before = this.#lines;
    try {
      for await (const line of readAudit(this.#directory, this.#end)) {
        if (this.#isClosed) return;
        if (typeof line.parsed === 'string') this.malformed += 1;
        else this.index.add(line.parsed.seq, line.parsed.fields, line.place, line.length);
        this.#end = placeAfter(line);
        this.#bytes += line.length + 1;
        if (this.#lines % ROWS_PER_TURN !== 0) continue;
        if (!this.#isComplete && this.#lines % ROWS_PER_NOTICE === 0) this.#tell();
        await aTurn();
        await this.#untilFree();
      }
      const isFirst = !this.#isComplete;
      this.#isComplete = true;
      this.#newest = null;
      if (isFirst || this.#lines > before) this.#tell();
    } catch {
      // The directory is gone or unreadable for now. The records already read stay, and the next look may succeed.
    }
    this.#onBegun();
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.#read(), this.#pollMs).unref();
  }

  /** One request after the other may hold the reading: it goes on a little after each wait. */
  async #untilFree(): Promise<void> {
    for (let waited = 0; this.#held > 0 && waited < MAX_HOLD_MS; waited += HOLD_MS)
      await new Promise((resolve) => setTimeout(resolve, HOLD_MS));
  }

  get #lines(): number {
    return this.index.rows + this.malformed;
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** What else the process has to do is done meanwhile. */
function aTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
