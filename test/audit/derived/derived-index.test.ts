/** The life of an index: it grows with its log, is made again for another log, and is private. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Database } from '../../../clients/audit/derived/duckdb.ts';
import {
  AuditQuestionError,
  DerivedIndex,
  groupsOf,
  hasIndex,
  indexFile,
  openDatabase,
  parseQuestion,
  prepareIndexDirectory,
  removeIndex,
} from '../../../clients/audit/index.ts';
import { argusProgram } from '../../../clients/cli/program.ts';
import { runCommand } from '../../policy/run-policy.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { NOON, SmallLog, withDuckDb, withIndex } from './derived-fixtures.ts';

const life = suite('audit index');

function smallLog(): SmallLog {
  const log = new SmallLog(join(temporaryDirectory(), 'audit'));
  for (let port = 1; port <= 30; port++) log.add({ port, src: { domain: port % 2 === 0 ? 'even' : 'odd' } });
  return log;
}

function newFile(): string {
  return join(temporaryDirectory(), 'index.duckdb');
}

async function eventsBySource(directory: string, file: string): Promise<readonly (readonly [string, number])[]> {
  return withIndex(
    directory,
    async (index) => {
      const groups = (await groupsOf(index, parseQuestion('', NOON), ['src'])) ?? [];
      return groups.map(({ key, events }) => [key[0] ?? '', events] as const).sort();
    },
    file,
  );
}

async function codeOf(act: () => unknown): Promise<string> {
  try {
    await act();
    return 'none';
  } catch (error) {
    return error instanceof AuditQuestionError ? error.code : String(error);
  }
}

withDuckDb(life, 'an index that is opened again reads only what is new', async () => {
  const [log, file] = [smallLog(), newFile()];
  const added = (): Promise<number> => withIndex(log.directory, async (_, count) => count, file);
  assert.is(await added(), 30);
  assert.is(await added(), 0);
  log.add({ src: { domain: 'new' } });
  log.addLine('not a record', 2);
  assert.is(await added(), 2);
  assert.equal(await eventsBySource(log.directory, file), [
    ['even', 15],
    ['new', 1],
    ['odd', 15],
  ]);
});

withDuckDb(life, 'after a line that is longer than any record, the index goes on', async () => {
  const [log, file] = [smallLog(), newFile()];
  const added = (): Promise<number> => withIndex(log.directory, async (_, count) => count, file);
  log.addLine('x'.repeat(1_500_000), 1);
  assert.is(await added(), 31);
  assert.is(await added(), 0);
  log.add({ src: { domain: 'new' } });
  assert.is(await added(), 1);
});

withDuckDb(life, 'an unfinished line is left for the next time', async () => {
  const [log, file] = [smallLog(), newFile()];
  const path = join(log.directory, '00000001.jsonl');
  const whole = readFileSync(path);
  writeFileSync(path, whole.subarray(0, whole.length - 5));
  assert.is(await withIndex(log.directory, async (_, added) => added, file), 29);
  writeFileSync(path, whole);
  assert.is(await withIndex(log.directory, async (_, added) => added, file), 1);
});

withDuckDb(life, 'the index of another log in the same place is made again', async () => {
  const [log, file] = [smallLog(), newFile()];
  await eventsBySource(log.directory, file);
  rmSync(log.directory, { recursive: true });
  const other = new SmallLog(log.directory);
  for (let count = 0; count < 40; count++) other.add({ src: { domain: 'other' } });
  assert.equal(await eventsBySource(log.directory, file), [['other', 40]]);
});

withDuckDb(life, 'records that retention removed are not counted any more', async () => {
  const [log, file] = [smallLog(), newFile()];
  log.add({ src: { domain: 'late' } }, 2);
  await eventsBySource(log.directory, file);
  rmSync(join(log.directory, '00000001.jsonl'));
  assert.equal(await eventsBySource(log.directory, file), [['late', 1]]);
});

withDuckDb(life, 'an index of another version, or with another table, is made again', async () => {
  for (const change of ['UPDATE state SET version = 0', 'DROP TABLE texts', 'CREATE TABLE more (a INTEGER)']) {
    const [log, file] = [smallLog(), newFile()];
    await withIndex(log.directory, (index) => index.database.run(change), file);
    assert.is(await withIndex(log.directory, async (_, added) => added, file), 30, change);
  }
});

withDuckDb(life, 'a statement can neither read another file nor change what it may do', async () => {
  const database = await openDatabase(':memory:');
  const other = join(temporaryDirectory(), 'other.csv');
  writeFileSync(other, 'a\n1\n');
  for (const sql of [
    `SELECT * FROM read_csv('${other}')`,
    `COPY (SELECT 1) TO '${other}'`,
    'SET enable_external_access = true',
    'SET threads = 1',
    'INSTALL httpfs',
  ]) {
    const failed = await database.rows(sql).then(
      () => false,
      () => true,
    );
    assert.ok(failed, sql);
  }
  database.close();
});

life('without DuckDB the error says how to get it', async () => {
  const missing = (): Promise<never> => Promise.reject(new Error('Cannot find package'));
  try {
    await openDatabase(':memory:', missing);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, AuditQuestionError);
    assert.is((error as AuditQuestionError).code, 'ERR_AUDIT_INDEX');
    assert.match((error as AuditQuestionError).message, /npm install @duckdb\/node-api/);
  }
});

life('an index lies in the cache directory, and not in a directory that others can write', async () => {
  const cache = join(temporaryDirectory(), 'cache');
  const file = indexFile('/var/log/argus', { XDG_CACHE_HOME: cache });
  assert.ok(file.startsWith(join(cache, 'argus', 'audit-index')));
  assert.is.not(file, indexFile('/var/log/other', { XDG_CACHE_HOME: cache }));
  assert.not(hasIndex(file));
  prepareIndexDirectory(file);
  writeFileSync(file, '');
  assert.ok(hasIndex(file));
  chmodSync(join(file, '..'), 0o770);
  assert.is(await codeOf(() => hasIndex(file)), 'ERR_AUDIT_INDEX');
  assert.is(await codeOf(() => prepareIndexDirectory(file)), 'ERR_AUDIT_INDEX');
  assert.ok(removeIndex(file));
  assert.not(existsSync(file));
  assert.not(removeIndex(file));
});

withDuckDb(life, 'after a commit that failed, the index has every text that its records name', async () => {
  const [log, file] = [smallLog(), newFile()];
  const database = await openDatabase(file);
  let fails = false;
  const failing: Database = {
    rows: (sql, values) => database.rows(sql, values),
    appender: (table) => database.appender(table),
    close: () => database.close(),
    run: async (sql, values) => {
      if (fails && sql === 'COMMIT') throw new Error('no space');
      await database.run(sql, values);
    },
  };
  const index = await DerivedIndex.open(log.directory, failing);
  await index.catchUp();
  log.add({ src: { domain: 'new' } });
  fails = true;
  assert.is(await codeOf(() => index.catchUp()), 'Error: no space');
  fails = false;
  assert.is(await index.catchUp(), 1);
  index.close();
  assert.is(await withIndex(log.directory, async (_, added) => added, file), 0, 'it is not made again');
  assert.equal(await eventsBySource(log.directory, file), [
    ['even', 15],
    ['new', 1],
    ['odd', 15],
  ]);
});

withDuckDb(life, 'list --follow with an index misses no record that comes while the answer is read', async () => {
  const before = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = join(temporaryDirectory(), 'cache');
  mkdirSync(process.env.XDG_CACHE_HOME);
  const log = smallLog();
  try {
    await runCommand(await argusProgram('audit'), ['audit', 'index', log.directory]);
    const running = runCommand(await argusProgram('audit'), ['audit', 'list', log.directory, 'port=7', '--follow']);
    const collect = process.stdout.write;
    let matches = 0;
    process.stdout.write = ((chunk: string) => {
      matches += 1;
      // The index is read to its end at the first match, and the command does not follow yet.
      if (matches === 1) for (const port of [8, 7]) log.add({ port, src: { domain: 'late' } });
      else process.emit('SIGINT');
      return collect(chunk);
    }) as typeof process.stdout.write;
    const { output } = await running;
    assert.equal(output.match(/#\d+ flow (odd|even|late)/g), ['#7 flow odd', '#32 flow late']);
  } finally {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
  }
});

withDuckDb(life, 'a report that follows goes on from the counts of the index, and misses no record', async () => {
  const before = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = join(temporaryDirectory(), 'cache');
  mkdirSync(process.env.XDG_CACHE_HOME);
  try {
    for (const [name, first, then] of [
      ['report', ['even 15', 'odd 15'], ['odd 16']],
      ['timeline', ['2026-11-20T12:00:00.000Z 30'], ['2026-11-20T12:00:00.000Z 31']],
    ] as const) {
      const log = smallLog();
      await runCommand(await argusProgram('audit'), ['audit', 'index', log.directory]);
      const by = name === 'report' ? ['--by', 'src'] : [];
      const words = [name, log.directory, ...by, '--follow', '--json'];
      const running = runCommand(await argusProgram('audit'), ['audit', ...words]);
      const collect = process.stdout.write;
      let prints = 0;
      process.stdout.write = ((chunk: string) => {
        prints += 1;
        if (prints === 1) log.add({ port: 7, src: { domain: 'odd' } });
        else process.emit('SIGINT');
        return collect(chunk);
      }) as typeof process.stdout.write;
      const rows = (await running).output
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line));
      assert.equal(
        rows.map(({ src, from, events, other }) => `${src ?? from} ${events ?? other}`),
        [...first, ...then],
        name,
      );
    }
  } finally {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
  }
});

withDuckDb(life, 'commands answer the same with an index and without', async () => {
  const before = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = join(temporaryDirectory(), 'cache');
  mkdirSync(process.env.XDG_CACHE_HOME);
  const { directory } = smallLog();
  const run = async (...words: string[]): Promise<string> => {
    const { output, exitCode, error } = await runCommand(await argusProgram('audit'), ['audit', ...words]);
    assert.is(error, null, words.join(' '));
    // Each `list` of this process listens to its standard output, of which Node warns at the eleventh.
    return `${output.replaceAll(/^\((node:|Use `node).*\n/gm, '')}${exitCode}`;
  };
  try {
    const scans = new Map<string, string>();
    const asked = [
      ['list', directory, 'port=7'],
      ['list', directory, 'port>90'],
      ['list', directory, 'src=even'],
      ['report', directory, 'src=even'],
      ['report', directory, '--by', 'src,hour', '--json'],
      ['traffic', directory, 'src=odd'],
      ['timeline', directory, '--per', 'minute'],
      ['probes', directory],
      ['first-seen', directory],
    ];
    for (const words of asked) scans.set(words.join(' '), await run(...words));
    assert.match(await run('index', directory), /^30 records, 30 of them new; /);
    for (const words of asked) {
      assert.is(await run(...words), scans.get(words.join(' ')), words.join(' '));
      assert.is(await run(...words, '--no-index'), scans.get(words.join(' ')), words.join(' '));
    }
    assert.match(await run('index', directory, '--remove'), /^removed /);
    assert.match(await run('index', directory, '--remove'), /^there was no index/);
  } finally {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
  }
});

life.run();
