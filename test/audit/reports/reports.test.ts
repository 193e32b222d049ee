/** `argus audit report` and its siblings over what is new (`--checkpoint`), and as the log grows (`--follow`). */
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Groups, GrowingTable, RecordRow, sortedGroups, type Table, Timeline } from '../../../clients/audit/index.ts';
import { printGrowing } from '../../../clients/cli/commands/audit/reports/run-report.ts';
import { auditCommand } from '../../../clients/cli/commands/audit.ts';
import { argusProgram } from '../../../clients/cli/program.ts';
import { codeOfRun, type PolicyRun, runCommand } from '../../policy/run-policy.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { SmallLog } from '../derived/derived-fixtures.ts';

const reports = suite('audit reports');

const between = (src: string, dst: string, more: object): object => ({
  src: { domain: src, domid: 1, labels: [] },
  dst: { domain: dst, domid: 2, labels: [] },
  class: 'msg',
  permission: 'send',
  port: 7,
  ...more,
});
const denied = (src: string, dst: string, port = 7): object =>
  between(src, dst, { event: 'send.denied', decision: 'deny', reason: 'NO_RULE', port });
const sent = (src: string, dst: string): object => between(src, dst, { decision: 'allow', messages: 2, bytes: 20 });

/** mail-vm is denied; app-vm sends to db-vm. */
function smallLog(): SmallLog {
  const log = new SmallLog(join(temporaryDirectory(), 'audit'));
  log.add(denied('mail-vm', 'db-vm'));
  log.add(sent('app-vm', 'db-vm'));
  return log;
}

async function ask(...words: readonly string[]): Promise<PolicyRun> {
  return runCommand(await argusProgram('audit'), ['audit', ...words]);
}

/** The rows of a report without its header; each cell by its place. */
function rowsOf({ output }: PolicyRun): readonly (readonly string[])[] {
  return output
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split(/ {2,}/));
}

const NOTHING = '<no matches>\n';

/** What each report says of the records that came after its checkpoint. */
const ABOUT_NEW: readonly (readonly [words: readonly string[], rows: readonly RegExp[]])[] = [
  [
    ['report', '--by', 'src,event'],
    [/^app-vm,flow,1,2,20,4$/, /^db-vm,flow,1,2,20,6$/, /^mail-vm,flow,1,2,20,5$/, /^rogue-vm,send.denied,1,0,0,3$/],
  ],
  [['traffic'], [/^app-vm,db-vm,msg,2,20,/, /^db-vm,net-vm,msg,2,20,/, /^mail-vm,db-vm,msg,2,20,/]],
  // app-vm has sent to db-vm before the checkpoint.
  [['first-seen'], [/^mail-vm,db-vm,msg,.*,5$/, /^db-vm,net-vm,msg,.*,6$/]],
  [['probes'], [/^rogue-vm,1,1,1,1,3,3$/]],
  // The denial lies before the checkpoint.
  [['deny-then-allow'], [/^mail-vm,db-vm,msg:send,1,5,'-$/]],
  // The first step lies before the checkpoint.
  [
    ['flow', '-s', 'app-vm', '-t', 'net-vm'],
    [/^app-vm,db-vm,msg,2,/, /^db-vm,net-vm,msg,6,/],
  ],
  [['timeline'], [/^2026-11-20T12:00:00.000Z,6,1,0$/]],
];

for (const [[name = '', ...options], rows] of ABOUT_NEW)
  reports(`${name} --checkpoint answers from what is new, and from what was before where it must`, async () => {
    const log = smallLog();
    const file = join(log.directory, '..', 'checkpoint');
    const words = [name, log.directory, ...options, '--csv', '--checkpoint', file];
    await ask(...words);
    const idle = await ask(...words);
    assert.equal([idle.exitCode, idle.output.endsWith(NOTHING)], [1, true], 'nothing is new');
    log.add(denied('rogue-vm', 'db-vm'));
    log.add(sent('app-vm', 'db-vm'));
    log.add(sent('mail-vm', 'db-vm'));
    log.add(sent('db-vm', 'net-vm'), 2);
    const { output, exitCode, error } = await ask(...words);
    assert.equal([error, exitCode], [null, 0]);
    const found = output.trimEnd().split('\r\n').slice(1);
    assert.is(found.length, rows.length, output);
    for (const [at, row] of rows.entries()) assert.match(found[at] ?? '', row);
    assert.ok((await ask(...words)).output.endsWith(NOTHING), 'and once');
  });

reports('a way of data that was open before the checkpoint is not new', async () => {
  const log = smallLog();
  const words = ['flow', log.directory, '-s', 'app-vm', '-t', 'db-vm', '--checkpoint', join(log.directory, '..', 'c')];
  assert.is((await ask(...words)).exitCode, 0);
  log.add(sent('app-vm', 'db-vm'));
  assert.is((await ask(...words)).exitCode, 1);
});

reports('a checkpoint belongs to one command and one log', async () => {
  const [log, other] = [smallLog(), smallLog()];
  const file = join(log.directory, '..', 'checkpoint');
  await ask('probes', log.directory, '--checkpoint', file);
  const before = readFileSync(file, 'utf8');
  for (const [name, directory] of [
    ['report', log.directory],
    ['list', log.directory],
    ['probes', other.directory],
  ] as const)
    assert.is(codeOfRun(await ask(name, directory, '--checkpoint', file)), 'ERR_AUDIT_CURSOR', name);
  assert.is(readFileSync(file, 'utf8'), before);
  for (const rubbish of ['', 'null', '{}', '[]', before.replace('"offset":', '"offset":-')]) {
    writeFileSync(file, rubbish);
    assert.is(codeOfRun(await ask('probes', log.directory, '--checkpoint', file)), 'ERR_AUDIT_CURSOR', rubbish);
  }
});

reports('a checkpoint of an empty log is one of its beginning', async () => {
  const log = new SmallLog(join(temporaryDirectory(), 'audit'));
  const words = ['list', log.directory, '--checkpoint', join(log.directory, '..', 'checkpoint')];
  for (const _ of ['first', 'second']) assert.equal(codeOfRun(await ask(...words)), 'none');
  log.add(sent('app-vm', 'db-vm'));
  assert.match((await ask(...words)).output, /^\S+ #1 flow app-vm -> db-vm/);
});

reports('a checkpoint of a list by an earlier version still counts', async () => {
  const log = smallLog();
  const file = join(log.directory, '..', 'checkpoint');
  const words = ['list', log.directory, '--checkpoint', file];
  await ask(...words);
  const { command: _, seq: __, ...old } = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify(old));
  log.add(sent('app-vm', 'db-vm'));
  assert.match((await ask(...words)).output, /^\S+ #3 flow app-vm -> db-vm/);
});

reports(
  'a log that was cut off or began again behind a checkpoint is an error, and what retention removed is counted',
  async () => {
    const log = smallLog();
    const file = join(log.directory, '..', 'checkpoint');
    const words = ['report', log.directory, '--checkpoint', file];
    await ask(...words);
    const first = join(log.directory, '00000001.jsonl');
    const whole = readFileSync(first);
    truncateSync(first, whole.length - 10);
    assert.is(codeOfRun(await ask(...words)), 'ERR_AUDIT_CURSOR', 'cut off');
    writeFileSync(first, whole);
    const begun = new SmallLog(log.directory);
    begun.add(sent('app-vm', 'db-vm'));
    assert.is(codeOfRun(await ask(...words)), 'ERR_AUDIT_CURSOR', 'record 1 follows record 2');
    writeFileSync(first, whole);
    for (const segment of [2, 3]) log.add(sent('app-vm', 'db-vm'), segment);
    for (const segment of [1, 2]) rmSync(join(log.directory, `0000000${segment}.jsonl`));
    const { output, exitCode } = await ask(...words);
    assert.is(exitCode, 0);
    assert.match(output, '1 records since the last run are not in the log any more');
  },
);

reports('--follow prints the table, and then what has changed in it, until it is interrupted', async () => {
  const log = smallLog();
  const file = join(log.directory, '..', 'checkpoint');
  const words = ['report', log.directory, 'class=msg', '--by', 'src', '--follow', '--checkpoint', file];
  const running = runCommand(await argusProgram('audit'), ['audit', ...words]);
  const collect = process.stdout.write;
  let prints = 0;
  process.stdout.write = ((chunk: string) => {
    prints += 1;
    if (prints === 1) log.add(sent('app-vm', 'db-vm'));
    else process.emit('SIGINT');
    return collect(chunk);
  }) as typeof process.stdout.write;
  const run = await running;
  assert.is(run.exitCode, 0);
  assert.equal(rowsOf(run), [
    ['app-vm', '1', '2', '20', '2'],
    ['mail-vm', '1', '0', '0', '1'],
    ['app-vm', '2', '4', '40', '3'],
  ]);
  const next = await ask(...words.filter((word) => word !== '--follow'));
  assert.is(next.output, NOTHING, 'the checkpoint is behind what was followed');
});

/** What `printGrowing` writes for these tables, one at a time. */
async function printed(tables: readonly Table[], flags: { json?: true; csv?: true }): Promise<readonly string[]> {
  const written: string[] = [];
  const [write, complain, exitCode] = [process.stdout.write, process.stderr.write, process.exitCode];
  process.stdout.write = (chunk: string | Uint8Array) => written.push(String(chunk)) > 0;
  process.stderr.write = (chunk: string | Uint8Array) => written.push(String(chunk)) > 0;
  let at = 0;
  const changes = async function* () {
    for (at = 1; at < tables.length; at++) yield at;
    at = tables.length - 1;
  };
  try {
    await printGrowing(() => tables[at] ?? { columns: [], rows: [] }, flags, changes(), 3_600_000);
  } finally {
    [process.stdout.write, process.stderr.write, process.exitCode] = [write, complain, exitCode];
  }
  return written;
}

const EARLY: Table = { columns: ['src', 'n'], rows: [['mail-vm', 10]] };
const LATE: Table = {
  columns: ['src', 'n'],
  rows: [
    ['a', 7],
    ['mail-vm', 10],
  ],
};

reports('rows that come later stand below those that are there, in each format', async () => {
  assert.equal(await printed([EARLY, LATE], {}), ['src       n\nmail-vm  10\n', 'a         7\n']);
  assert.equal(await printed([EARLY, LATE], { csv: true }), ['src,n\r\nmail-vm,10\r\n', 'a,7\r\n']);
  assert.equal(await printed([EARLY, LATE], { json: true }), ['{"src":"mail-vm","n":10}\n', '{"src":"a","n":7}\n']);
  const empty = { columns: ['src', 'n'], rows: [] };
  assert.equal(await printed([empty, EARLY], {}), ['src       n\nmail-vm  10\n']);
  assert.equal(await printed([empty, empty], {}), [NOTHING]);
});

reports('a row is shown again when its cells are others than the last time', () => {
  const growing = new GrowingTable();
  const next = (...rows: Table['rows'][number][]): number => growing.next({ columns: ['src', 'n'], rows }).rows.length;
  assert.equal([next(['a', 1]), next(['a', 1]), next(['a', 2], ['b', 1]), next(['a', 1], ['b', 1])], [1, 0, 2, 1]);
});

reports('counts of an index go on where it ends', () => {
  const row = (seq: number): RecordRow =>
    new RecordRow({ seq, fields: { seq, time: '2026-11-20T12:00:00.000Z', event: 'flow', ...sent('a', 'b') } });
  const [all, early] = [new Groups(['src']), new Groups(['src'])];
  const [allTimes, earlyTimes] = [new Timeline(60_000), new Timeline(60_000)];
  for (const seq of [1, 2]) for (const one of [early, all]) one.add(row(seq));
  for (const seq of [1, 2]) for (const one of [earlyTimes, allTimes]) one.add(row(seq));
  const [late, lateTimes] = [new Groups(['src'], early.sorted()), new Timeline(60_000, earlyTimes.result())];
  for (const one of [late, all, lateTimes, allTimes]) one.add(row(3));
  assert.equal(late.sorted(), all.sorted());
  assert.equal(lateTimes.result(), allTimes.result());
  assert.is(early.sorted()[0]?.events, 2, 'the counts of the index stay as they are');
});

reports('a list takes --json and --csv as the reports do, and one format at a time', async () => {
  const { directory } = smallLog();
  const output = async (...words: readonly string[]): Promise<string> =>
    (await ask('list', directory, ...words)).output;
  for (const format of ['json', 'csv'])
    assert.is(await output(`--${format}`), await output('--format', format), format);
  for (const two of [
    ['--json', '--csv'],
    ['--json', '--format', 'text'],
    ['--csv', '--format', 'ecs'],
  ])
    assert.is(codeOfRun(await runCommand(auditCommand(), ['list', directory, ...two])), 'commander.conflictingOption');
});

reports('a record does not change, so why takes neither option', async () => {
  for (const option of ['--follow', '--checkpoint'])
    assert.is(
      codeOfRun(await runCommand(auditCommand(), ['why', smallLog().directory, '1', option])),
      'commander.unknownOption',
    );
});

reports('groups that are equally large have one order, whatever the order of their records', () => {
  const group = (...key: string[]) => ({
    key,
    ...{ events: 1, messages: 0, bytes: 0, firstSeq: 1, first: '', lastSeq: 1, last: '' },
  });
  const groups = [group('', '-'), group('-', ''), group('-', '-')];
  const orders = [groups, groups.toReversed()].map((each) => sortedGroups(each, 'events').map(({ key }) => key));
  assert.equal(orders[0], orders[1]);
});

reports.run();
