/**
 * An index of a log in a file of its own. It is made from the log, can be removed at any time, and nothing is proven
 * from it: `verify` and the proofs read the log alone. An edge.
 *
 * The index knows where in the log it ends, and the hash of the last line before that place. When that line is not there
 * any more, the log is another one, and the index is made again.
 */
import { auditReader, type LinePlace, leafHash } from '../../../broker/audit/index.ts';
import { AuditQuestionError } from '../errors.ts';
import { INDEX_VERSION, SCHEMA } from './columns.ts';
import type { IndexedTexts } from './condition.ts';
import { Dictionary } from './dictionary.ts';
import type { Database, StoredValue } from './duckdb.ts';
import { LINES_PER_COMMIT, TAIL_BYTES } from './limits.ts';
import { type FilledBatch, type IndexEnd, ReadAhead } from './read-ahead.ts';

const START: IndexEnd = { segment: 0, offset: 0, lines: 0, tail: 0, hash: '' };

export class DerivedIndex implements IndexedTexts {
  readonly database: Database;
  readonly #directory: string;
  #dictionary = new Dictionary();
  #hasOddTimes = false;
  #end = START;
  #storedTexts = 1;

  private constructor(directory: string, database: Database) {
    this.#directory = directory;
    this.database = database;
  }

  /** Opens what is there, or begins an empty index. */
  static async open(directory: string, database: Database): Promise<DerivedIndex> {
    const index = new DerivedIndex(directory, database);
    if (!(await index.#load())) await index.#clear();
    return index;
  }

  get dictionary(): Dictionary {
    return this.#dictionary;
  }

  get hasOddTimes(): boolean {
    return this.#hasOddTimes;
  }

  /** Lines ever indexed. Retention may have removed some. */
  get lines(): number {
    return this.#end.lines;
  }

  /** Where the index ends in the log: what comes after it is not indexed yet. */
  get place(): LinePlace {
    const { segment, offset } = this.#end;
    return { segment, offset };
  }

  /** Indexes what the log has and the index has not. Returns the number of new lines. */
  async catchUp(onProgress?: (lines: number) => void): Promise<number> {
    if (!(await this.#isOfThisLog())) await this.#clear();
    await this.#forgetRemoved();
    const before = this.#end.lines;
    const log = new ReadAhead(this.#directory, this.#dictionary, this.#end);
    try {
      for (let first = await log.take(); first !== null; first = await log.take()) {
        await this.#append(log, first);
        onProgress?.(this.#end.lines - before);
      }
    } finally {
      log.close();
    }
    return this.#end.lines - before;
  }

  close(): void {
    this.database.close();
  }

  async #load(): Promise<boolean> {
    const { database } = this;
    const tables = await database.rows('SELECT table_name FROM duckdb_tables() ORDER BY table_name');
    if (tables.map(([name]) => name).join() !== 'records,state,texts') return false;
    const [state] = await database.rows('SELECT version, segment, place, lines, tail, hash, odd_times FROM state');
    if (state === undefined || state[0] !== INDEX_VERSION) return false;
    const [, segment, offset, lines, tail] = state.map(number);
    if (segment === undefined || offset === undefined || lines === undefined || tail === undefined) return false;
    this.#end = { segment, offset, lines, tail, hash: String(state[5]) };
    this.#hasOddTimes = state[6] === true;
    this.#dictionary = new Dictionary();
    for (const [id, text] of await database.rows('SELECT id, text FROM texts ORDER BY id'))
      if (this.#dictionary.idOf(JSON.parse(String(text))) !== id) return false;
    this.#storedTexts = this.#dictionary.size;
    return true;
  }

  async #clear(): Promise<void> {
    const { database } = this;
    for (const [name] of await database.rows("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'"))
      await database.run(`DROP TABLE "${String(name).replaceAll('"', '""')}"`);
    for (const statement of SCHEMA) await database.run(statement);
    [this.#end, this.#dictionary, this.#storedTexts, this.#hasOddTimes] = [START, new Dictionary(), 1, false];
    await this.#storeState();
  }

  /** Is the last indexed line still where it was? */
  async #isOfThisLog(): Promise<boolean> {
    const { segment, offset, tail, hash, lines } = this.#end;
    if (lines === 0) return true;
    const reader = auditReader(this.#directory);
    const segments = await reader.segments();
    // Its segment was removed by retention: then nothing of the index is left.
    if (!segments.some(({ number: one, fault }) => one === segment && fault === undefined)) return false;
    const wanted = Math.min(tail, TAIL_BYTES);
    const line = await reader.read(segment, offset - tail - 1, wanted);
    return line.length === wanted && leafHash(line) === hash;
  }

  async #forgetRemoved(): Promise<void> {
    const [first] = await auditReader(this.#directory).segments();
    if (first !== undefined && this.#end.lines > 0)
      await this.database.run('DELETE FROM records WHERE segment < $1', [first.number]);
  }

  /** One transaction: an interrupted command leaves the index as it was before it. */
  async #append(log: ReadAhead, first: FilledBatch): Promise<void> {
    const { database } = this;
    const [before, storedTexts] = [this.#end, this.#storedTexts];
    await database.run('BEGIN TRANSACTION');
    try {
      const appender = await database.appender('records');
      for (let next: FilledBatch | null = first; next !== null; next = await log.take()) {
        appender.append(next.batch);
        this.#end = next.end;
        this.#hasOddTimes ||= next.batch.hasOddTimes;
        log.release(next);
        if (this.#end.lines - before.lines >= LINES_PER_COMMIT) break;
      }
      appender.close();
      await this.#storeTexts();
      await this.#storeState();
      await database.run('COMMIT');
    } catch (error) {
      // The texts stay in the dictionary, and the next transaction stores them.
      [this.#end, this.#storedTexts] = [before, storedTexts];
      await database.run('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  /** As JSON, in which every text is well-formed. */
  async #storeTexts(): Promise<void> {
    const { size } = this.#dictionary;
    const ids = Array.from({ length: size - this.#storedTexts }, (_, at) => this.#storedTexts + at);
    const texts = ids.map((id) => JSON.stringify(this.#dictionary.textOf(id)));
    if (ids.length > 0)
      await this.database.run('INSERT INTO texts SELECT unnest($1::INTEGER[]), unnest($2::VARCHAR[])', [ids, texts]);
    this.#storedTexts = size;
  }

  async #storeState(): Promise<void> {
    const { segment, offset, lines, tail, hash } = this.#end;
    await this.database.run('DELETE FROM state');
    await this.database.run(
      `INSERT INTO state VALUES ($1, $2, $3, $4, $5, $6, ${this.#hasOddTimes ? 'TRUE' : 'FALSE'})`,
      [INDEX_VERSION, segment, offset, lines, tail, hash],
    );
  }
}

function number(cell: StoredValue | undefined): number | undefined {
  return typeof cell === 'number' ? cell : undefined;
}

/** The answer of a statement that always returns a number. */
export function onlyNumber(rows: readonly (readonly StoredValue[])[]): number {
  const value = rows[0]?.[0];
  if (typeof value !== 'number') throw new AuditQuestionError('ERR_AUDIT_INDEX', 'the index is damaged; remove it');
  return value;
}
