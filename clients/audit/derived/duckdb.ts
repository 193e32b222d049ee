/**
 * DuckDB, and the only file that imports it. The package is optional: it is loaded when the first index is opened, so
 * that everything else works without it.
 */
import type * as DuckDb from '@duckdb/node-api';
import { reasonOf } from '../../../broker/base/index.ts';
import { AuditQuestionError } from '../errors.ts';
import type { BoundValue } from './condition.ts';
import { LOCK_ATTEMPTS, LOCK_PAUSE_MS } from './limits.ts';

/** Some rows as columns. */
export interface ColumnRows {
  readonly numbers: readonly Float64Array[];
  readonly texts: readonly Int32Array[];
  readonly length: number;
}

export type StoredValue = number | string | boolean | null;

export interface Database {
  run(sql: string, values?: readonly BoundValue[]): Promise<void>;
  rows(sql: string, values?: readonly BoundValue[]): Promise<readonly (readonly StoredValue[])[]>;
  /** Opens a table for `append`. */
  appender(table: string): Promise<Appender>;
  close(): void;
}

export interface Appender {
  append(chunk: ColumnRows): void;
  close(): void;
}

/**
 * The database may read and write its own file and nothing else: no other file, no network, no extension. The
 * configuration cannot be changed by a statement.
 */
const OPTIONS: Readonly<Record<string, string>> = {
  enable_external_access: 'false',
  autoload_known_extensions: 'false',
  autoinstall_known_extensions: 'false',
  lock_configuration: 'true',
  threads: '2',
};

/** @param load replaced by tests */
export async function openDatabase(
  path: string,
  load: () => Promise<typeof DuckDb> = () => import('@duckdb/node-api'),
): Promise<Database> {
  const duckdb = await load().catch(() => {
    throw new AuditQuestionError(
      'ERR_AUDIT_INDEX',
      'an index needs DuckDB, which is not installed here; run "npm install @duckdb/node-api" (70 MB), or go without an index',
    );
  });
  const instance = await openFile(duckdb, path);
  return new DuckDatabase(duckdb, instance, await instance.connect());
}

/** Another command may have the file open: DuckDB lets one process write. Such a command ends soon. */
async function openFile(duckdb: typeof DuckDb, path: string): Promise<DuckDb.DuckDBInstance> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await duckdb.DuckDBInstance.create(path, { ...OPTIONS });
    } catch (error) {
      if (!/lock/i.test(reasonOf(error)))
        throw new AuditQuestionError('ERR_AUDIT_INDEX', `the index "${path}" cannot be opened: ${reasonOf(error)}`);
      if (attempt >= LOCK_ATTEMPTS)
        throw new AuditQuestionError('ERR_AUDIT_INDEX', `the index "${path}" is in use by another command`);
      await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE_MS));
    }
  }
}

class DuckDatabase implements Database {
  readonly #duckdb: typeof DuckDb;
  readonly #instance: DuckDb.DuckDBInstance;
  readonly #connection: DuckDb.DuckDBConnection;

  constructor(duckdb: typeof DuckDb, instance: DuckDb.DuckDBInstance, connection: DuckDb.DuckDBConnection) {
    this.#duckdb = duckdb;
    this.#instance = instance;
    this.#connection = connection;
  }

  async run(sql: string, values: readonly BoundValue[] = []): Promise<void> {
    await this.#connection.run(sql, ...this.#bound(values));
  }

  async rows(sql: string, values: readonly BoundValue[] = []): Promise<readonly (readonly StoredValue[])[]> {
    const reader = await this.#connection.runAndReadAll(sql, ...this.#bound(values));
    return reader.getRows() as StoredValue[][];
  }

  async appender(table: string): Promise<Appender> {
    return new TableAppender(this.#duckdb, await this.#connection.createAppender(table));
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }

  #bound(values: readonly BoundValue[]): [DuckDb.DuckDBValue[], DuckDb.DuckDBType[]] {
    const { DOUBLE, INTEGER, LIST, VARCHAR, listValue } = this.#duckdb;
    return [
      values.map((value) => (typeof value === 'object' ? listValue([...value]) : value)),
      values.map((value) => {
        if (typeof value === 'object') return LIST(typeof value[0] === 'string' ? VARCHAR : INTEGER);
        return typeof value === 'number' ? DOUBLE : VARCHAR;
      }),
    ];
  }
}

class TableAppender implements Appender {
  readonly #duckdb: typeof DuckDb;
  readonly #appender: DuckDb.DuckDBAppender;
  /** Chunks of one length are filled again: making one costs as much as filling it. */
  #chunk: DuckDb.DuckDBDataChunk | null = null;

  constructor(duckdb: typeof DuckDb, appender: DuckDb.DuckDBAppender) {
    this.#duckdb = duckdb;
    this.#appender = appender;
  }

  append({ numbers, texts, length }: ColumnRows): void {
    const { DuckDBDataChunk, DOUBLE, INTEGER } = this.#duckdb;
    if (this.#chunk?.rowCount !== length)
      this.#chunk = DuckDBDataChunk.create([...numbers.map(() => DOUBLE), ...texts.map(() => INTEGER)], length);
    const chunk = this.#chunk;
    for (const [at, column] of [...numbers, ...texts].entries()) {
      const vector = chunk.getColumnVector(at);
      if (!(vector instanceof this.#duckdb.DuckDBDoubleVector || vector instanceof this.#duckdb.DuckDBIntegerVector))
        throw new TypeError('a column of the index is a number');
      for (let row = 0; row < length; row++) vector.setItem(row, column[row] ?? 0);
      vector.flush();
    }
    this.#appender.appendDataChunk(chunk);
  }

  close(): void {
    this.#appender.closeSync();
  }
}
