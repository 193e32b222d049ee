/** The grammar for programs: `import { askLog } from 'argus-broker/audit'`. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openAuditLog } from '../../broker/audit/index.ts';
import {
  type Answer,
  AuditError,
  AuditQuestionError,
  askLog,
  FIELDS,
  verifyAudit,
} from '../../clients/audit/api/index.ts';
import { argusProgram } from '../../clients/cli/program.ts';
import { runCommand } from '../policy/run-policy.ts';
import { WORKING_TREE } from '../support/program.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { durable, named } from './fixtures.ts';

const api = suite('audit api');

async function makeLog() {
  const directory = join(temporaryDirectory(), 'audit');
  const log = await openAuditLog({ directory, broker: 'host-1', segmentBytes: 2_000 });
  for (const [at, name] of ['chrome-vm', 'net-vm', 'chrome-vm', 'audio-vm'].entries()) {
    log.record({ event: 'session.open', src: named(name), session: `s${at}` });
    log.record({
      event: 'session.close',
      src: named(name),
      session: `s${at}`,
      reason: at % 2 === 0 ? 'GONE' : 'A "B"',
    });
    await durable(log);
  }
  return { directory, log };
}

async function collect(answers: AsyncIterable<Answer>): Promise<Answer[]> {
  const found: Answer[] = [];
  for await (const answer of answers) found.push(answer);
  return found;
}

const seqs = (answers: readonly Answer[]): (number | string)[] =>
  answers.map((answer) => (answer.kind === 'record' ? answer.seq : answer.fault));

api('a question has the same answer as argus audit list', async () => {
  const { directory, log } = await makeLog();
  await log.close();
  const questions = [
    '',
    'src=chrome-vm',
    'event~open$ src!=net-vm',
    'reason="A \\"B\\"" OR session in (s0, s1)',
    'NOT src~vm AND seq>1',
    'src=nobody',
    'since=1m',
  ];
  for (const question of questions) {
    const { output } = await runCommand(await argusProgram('audit'), [
      ...['audit', 'list', directory, '--format', 'json'],
      ...(question === '' ? [] : [question]),
    ]);
    const lines = output.split('\n').filter((line) => line.startsWith('{'));
    const answers = await collect(askLog(directory, question));
    assert.equal(
      answers.map((answer) => answer.kind === 'record' && answer.record),
      lines.map((line) => JSON.parse(line)),
      question,
    );
  }
});

api('a question that is none is refused at once, and points at the place', async () => {
  assert.throws(
    () => askLog('/nowhere', 'src=a OR'),
    (error: unknown) => error instanceof AuditQuestionError && error.code === 'ERR_AUDIT_QUERY',
  );
  const missing = await collect(askLog('/nowhere', '')).catch((error: unknown) => error);
  assert.is(missing instanceof AuditError && missing.code, 'ERR_AUDIT_DIRECTORY');
});

api('each answer says where to go on', async () => {
  const { directory, log } = await makeLog();
  await log.close();
  const all = await collect(askLog(directory, ''));
  for (const [at, { next }] of all.entries())
    assert.equal(seqs(await collect(askLog(directory, '', { from: next }))), seqs(all.slice(at + 1)));
});

api('a line that is not a record is never left out', async () => {
  const { directory, log } = await makeLog();
  await log.close();
  appendFileSync(join(directory, '00000001.jsonl'), '{"seq":"no"}\n');
  assert.ok(seqs(await collect(askLog(directory, 'src=nobody'))).includes('BAD_FIELDS'));
  assert.not((await verifyAudit(directory)).ok);
});

api('it follows a live log until it is told to stop', async () => {
  const { directory, log } = await makeLog();
  const controller = new AbortController();
  const answers = askLog(directory, 'event=key.own', { follow: true, signal: controller.signal });
  const first = answers.next();
  log.record({ event: 'key.own', reason: 'REPLACED' });
  const { value } = await first;
  assert.is(value?.kind === 'record' && value.row.get('reason'), 'REPLACED');
  const end = answers.next();
  controller.abort();
  assert.is((await end).done, true);
  await log.close();
});

api('the page shows its use, and names every field', () => {
  const page = readFileSync(join(WORKING_TREE, 'docs/audit.md'), 'utf8');
  assert.match(page, "from 'argus-broker/audit'");
  for (const field of FIELDS) assert.match(page, field);
});

api.run();
