/** Records as entries of systemd's journal, read back by systemd's own programs. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ParsedLine, parseLine } from '../../../broker/audit/index.ts';
import { AUDIT_EVENTS, MESSAGE_IDS } from '../../../broker/record/index.ts';
import { journalEntry } from '../../../clients/audit/index.ts';
import { argusProgram } from '../../../clients/cli/program.ts';
import { runCommand } from '../../policy/run-policy.ts';
import { needsThat } from '../../support/needs.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { SmallLog } from '../derived/derived-fixtures.ts';
import { denialOf, durable, openOn } from '../fixtures.ts';

const journal = suite('audit export to the journal');
/** Where Debian has it: it is no command for people. */
const REMOTE = '/lib/systemd/systemd-journal-remote';
const withJournal = needsThat(
  () => existsSync(REMOTE),
  'systemd-journal-remote (apt-get install systemd-journal-remote)',
);

/** A start, a denial and a request with a hostile reason. */
async function records(): Promise<readonly ParsedLine[]> {
  const { log, disk } = await openOn();
  log.denied(denialOf(), 4_713, 5);
  log.record({ event: 'admin.request', reason: 'für\n\nMESSAGE_ID=0\u202e', detail: { why: 'a=b' } });
  await durable(log);
  const lines = disk.text().trimEnd().split('\n');
  return lines.map((line) => parseLine(Buffer.from(line))).filter((parsed) => typeof parsed !== 'string');
}

journal('a value cannot end its line, and every kind of record has its message id', async () => {
  const all = await records();
  const hostile = all.find(({ event }) => event === 'admin.request');
  if (hostile === undefined) throw new Error('no record');
  const lines = journalEntry(hostile, 'hostile').split('\n');
  assert.equal(lines.slice(-2), ['', '']);
  assert.ok(
    lines.slice(0, -2).every((line) => /^[A-Z_]+=[^\p{Cc}\p{Cf}]*$/u.test(line)),
    lines.join('|'),
  );
  assert.equal(
    lines.filter((line) => line.startsWith('MESSAGE_ID=')),
    [`MESSAGE_ID=${MESSAGE_IDS['admin.request']}`],
  );
  for (const event of AUDIT_EVENTS)
    assert.match(journalEntry({ ...hostile, event }, 'x'), `\nMESSAGE_ID=${MESSAGE_IDS[event]}\n`, event);
  assert.not.match(journalEntry({ ...hostile, event: 'peer.praise', fields: {} }, 'x'), 'MESSAGE_ID');
});

journal('argus audit list prints entries, each with the record in words', async () => {
  const log = new SmallLog(join(temporaryDirectory(), 'audit'));
  for (const port of [7, 8]) log.add({ port, src: { domain: 'mail-vm' }, dst: { domain: 'db-vm' } });
  const words = ['audit', 'list', log.directory, '--format', 'journal'];
  const { output } = await runCommand(await argusProgram('audit'), words);
  const entries = output.split('\n\n').slice(0, -1);
  assert.is(entries.length, 2);
  for (const [at, entry] of entries.entries()) {
    assert.match(entry, `\nMESSAGE_ID=${MESSAGE_IDS.flow}\n`);
    assert.match(entry, new RegExp(`\nMESSAGE=\\S+ #${at + 1} flow mail-vm -> db-vm:${at + 7}\n`));
  }
});

withJournal(journal, 'journalctl finds the records of a kind by their message id', async () => {
  const file = join(temporaryDirectory(), 'argus.journal');
  const input = (await records()).map((record) => journalEntry(record, `record ${record.seq}`)).join('');
  execFileSync(REMOTE, ['--output', file, '-'], { input, stdio: ['pipe', 'ignore', 'ignore'] });
  const found = (...matches: string[]): Record<string, string>[] =>
    execFileSync('journalctl', ['--file', file, '--output', 'json', '--utc', ...matches], { encoding: 'utf8' })
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  assert.equal(
    found().map(({ MESSAGE, ARGUS_SEQ, SYSLOG_IDENTIFIER }) => [MESSAGE, ARGUS_SEQ, SYSLOG_IDENTIFIER]),
    [1, 2, 3].map((seq) => [`record ${seq}`, String(seq), 'argus']),
  );
  const [denial, ...more] = found(`MESSAGE_ID=${MESSAGE_IDS['send.denied']}`);
  assert.is(more.length, 0);
  const { ARGUS_EVENT, ARGUS_CODE, ARGUS_SRC, ARGUS_PORT, PRIORITY } = denial ?? {};
  assert.equal(
    [ARGUS_EVENT, ARGUS_CODE, ARGUS_SRC, ARGUS_PORT, PRIORITY],
    ['send.denied', 'A4001W', 'rogue-vm', '4713', '4'],
  );
});

journal.run();
