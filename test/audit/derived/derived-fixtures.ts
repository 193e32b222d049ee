/** What the tests of the index share: small logs of any content, and an index of one in memory or in a file. */
import { appendFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { encodeLine, hashLine } from '../../../broker/audit/chain.ts';
import { DerivedIndex, openDatabase } from '../../../clients/audit/index.ts';
import { needsThat, type RegisterNeedy } from '../../support/needs.ts';

/** DuckDB is optional. Its package may be there without a binary for this platform. */
function isInstalled(): boolean {
  try {
    createRequire(import.meta.url)('@duckdb/node-api');
    return true;
  } catch {
    return false;
  }
}

export const withDuckDb: RegisterNeedy = needsThat(isInstalled, 'DuckDB (npm install @duckdb/node-api)');

export const NOON = Date.UTC(2026, 10, 20, 12);
const ZERO = '0'.repeat(64);

/** A log that grows by whatever a test wants. */
export class SmallLog {
  readonly directory: string;
  #seq = 0;
  #prev = ZERO;

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.directory = directory;
  }

  /** @param fields of the record; `event` and `time` have a default */
  add(fields: object, segment = 1): void {
    this.#seq += 1;
    const time = new Date(NOON + this.#seq * 40_000).toISOString();
    const body = JSON.stringify({ time, boot: 'b', broker: 'host-1', event: 'flow', ...fields }).slice(1, -1);
    const line = encodeLine(this.#seq, body, this.#prev);
    this.#prev = hashLine(line);
    this.addLine(line, segment);
  }

  addLine(line: string, segment = 1): void {
    appendFileSync(join(this.directory, `${String(segment).padStart(8, '0')}.jsonl`), `${line}\n`, { mode: 0o600 });
  }
}

/** @param file default: in memory */
export async function withIndex<T>(
  directory: string,
  run: (index: DerivedIndex, added: number) => Promise<T>,
  file = ':memory:',
): Promise<T> {
  const index = await DerivedIndex.open(directory, await openDatabase(file));
  try {
    return await run(index, await index.catchUp());
  } finally {
    index.close();
  }
}
