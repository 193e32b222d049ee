import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type AuditLog, openAuditLog, type TailLine, tailAudit, verifyAudit } from '../../../broker/audit/index.ts';
import { LOADER, programFile, ROOT } from '../../support/program.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { denialOf, durable, named, openOn, permitOf } from '../fixtures.ts';

const tail = suite('audit tail');

function seqOf({ parsed }: TailLine): number | string {
  return typeof parsed === 'string' ? parsed : parsed.seq;
}

async function collect(lines: AsyncGenerator<TailLine>): Promise<(number | string)[]> {
  const seqs: (number | string)[] = [];
  for await (const line of lines) seqs.push(seqOf(line));
  return seqs;
}

async function write(log: AuditLog, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    log.record({ event: 'session.open', src: named('audio-vm'), session: `s${index}` });
    await durable(log);
  }
}

tail('the newest lines, oldest first, across segments and chunks', async () => {
  const { log, disk } = await openOn(undefined, { segmentBytes: 900 });
  await write(log, 10);
  const seqs = (lines: number): Promise<(number | string)[]> => collect(tailAudit('unused', { lines, reader: disk }));
  assert.ok(disk.files.size > 2);
  assert.equal(await seqs(0), []);
  assert.equal(await seqs(1), [11]);
  assert.equal(await seqs(4), [8, 9, 10, 11]);
  assert.equal(await seqs(100), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  const even = tailAudit('unused', { lines: 3, reader: disk, wants: (line) => Number(seqOf(line)) % 2 === 0 });
  assert.equal(await collect(even), [6, 8, 10]);
  await log.close();
});

tail('torn bytes are no line, rubbish is one that says so, an empty log has none', async () => {
  const { log, disk } = await openOn();
  await log.close();
  const options = { lines: 9, reader: disk };
  disk.files.set(1, Buffer.concat([disk.bytes(1), Buffer.from('{"seq')]));
  assert.equal(await collect(tailAudit('unused', options)), [1, 2]);
  disk.files.set(2, Buffer.from(`rubbish\n\n${'x'.repeat(3_000_000)}\n`));
  assert.equal(await collect(tailAudit('unused', options)), [1, 2, 'BAD_JSON', 'BAD_JSON', 'LINE_TOO_LONG']);
  disk.files.clear();
  assert.equal(await collect(tailAudit('unused', options)), []);
});

tail('following sees every record once, across rotation, a restart and a log that begins', async () => {
  const directory = join(temporaryDirectory(), 'audit');
  const log = await openAuditLog({ directory, broker: 'b', segmentBytes: 2000 });
  const stop = new AbortController();
  const seen: (number | string)[] = [];
  const total = 62;
  const following = (async () => {
    for await (const line of tailAudit(directory, { lines: 5, follow: stop.signal })) {
      seen.push(seqOf(line));
      if (seqOf(line) === total) stop.abort();
    }
  })();
  await write(log, 30);
  await log.close();
  const again = await openAuditLog({ directory, broker: 'b', segmentBytes: 2000 });
  await write(again, 28);
  await again.close();
  await following;
  const first = Number(seen[0]);
  assert.equal(
    seen,
    Array.from({ length: total - first + 1 }, (_, index) => first + index),
  );
  assert.ok(readdirSync(directory).length > 3);
});

// ---- the command

const PROGRAM = `
import { auditCommand } from '${programFile('clients/cli/commands/audit.ts')}';
import { exitCodeOf, printError } from '${programFile('clients/cli/output.ts')}';
auditCommand().parseAsync(process.argv.slice(1), { from: 'user' }).catch((error) => {
  printError(error);
  process.exitCode = exitCodeOf(error);
});
`;
const ARGUMENTS = [...LOADER, '--input-type=module', '-e', PROGRAM, '--'];

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [...ARGUMENTS, ...args], { encoding: 'utf8', cwd: ROOT });
}

async function written(): Promise<string> {
  const directory = join(temporaryDirectory(), 'audit');
  const log = await openAuditLog({ directory, broker: 'b' });
  log.record({ event: 'session.open', src: { ...named('audio-vm'), name: 'evil\x1b[2J\u202evm' }, session: 's' });
  for (let index = 0; index < 3; index++) log.denied(denialOf(), 4660, 10);
  log.flow(permitOf(), 7).messages = 5;
  await durable(log);
  await log.close();
  return directory;
}

tail('the commands print what an auditor needs and no terminal control', async () => {
  const directory = await written();
  const human = run('tail', directory);
  assert.is(human.status, 0, human.stderr);
  const lines = human.stdout.trimEnd().split('\n');
  assert.is(lines.length, 5);
  assert.match(lines[1] ?? '', 'session.open evil\\u001b[2J\\u202evm');
  assert.match(
    lines[2] ?? '',
    /^\S+Z #3 send\.denied rogue-vm -> audio-vm:4660 audio-playback:send deny NO_RULE 30 bytes x3 /,
  );
  assert.match(
    lines[3] ?? '',
    /flow chrome-vm -> audio-vm:7 audio-playback:send allow policy\.csv:1 5 messages 0 bytes$/,
  );
  assert.not.match(human.stdout.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);

  const denied = run('tail', directory, '--denied', '--json').stdout.trimEnd().split('\n');
  assert.equal(
    denied.map((line) => JSON.parse(line).count),
    [3],
  );
  assert.is(run('tail', directory, '--event', 'broker.stop', '-n', '1').stdout.split(' ')[2], 'broker.stop\n');
  assert.is(run('tail', directory, '--event', 'nonsense').status, 1);
  assert.match(run('tail', '/nonexistent').stderr, 'ERR_AUDIT_DIRECTORY');
});

tail('verify exits 0 for a whole log and 1 for a broken one', async () => {
  const directory = await written();
  const good = run('verify', directory);
  assert.is(good.status, 0, good.stderr);
  assert.match(good.stdout, /^PASS 5 records in 1 segments\n/);
  const { head } = await verifyAudit(directory);
  assert.match(good.stdout, `head 5:${head}`);
  const since = run('verify', directory, '--since', `5:${head}`, '--expect-head', head, '--json');
  assert.is(JSON.parse(since.stdout).ok, true);
  const rolledBack = run('verify', directory, '--since', `6:${head}`);
  assert.is(rolledBack.status, 1);
  assert.match(rolledBack.stdout, 'SINCE_MISSING');
  assert.is(run('verify', directory, '--since', 'x').status, 1);
  appendFileSync(join(directory, '00000001.jsonl'), '\x1b[2J\n');
  const bad = run('verify', directory);
  assert.is(bad.status, 1);
  assert.match(bad.stdout, /^FAIL 5 records/);
  assert.match(bad.stdout, 'line 6: BAD_JSON');
});

tail('a followed log ends on an interrupt with exit code 0', async () => {
  const directory = await written();
  const child = spawn(process.execPath, [...ARGUMENTS, 'tail', directory, '-f', '-n', '1'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'readable');
  child.kill('SIGINT');
  const [code] = await once(child, 'exit');
  assert.is(code, 0);
});

tail.run();
