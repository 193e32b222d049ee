import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeFiles } from '../../../broker/audit/files/node-files.ts';
import { AuditError, type AuditErrorCode, openAuditLog, verifyAudit } from '../../../broker/audit/index.ts';
import { nodeArguments } from '../../support/program.ts';
import { seededRandom } from '../../support/seed.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { durable, MemoryDisk, named, openOn } from '../fixtures.ts';

const recovery = suite('audit recovery');

/** A log whose run did not end: start and two records. */
async function crashedLog(): Promise<MemoryDisk> {
  const { log, disk } = await openOn();
  log.record({ event: 'session.open', src: named('audio-vm'), session: 's1' });
  log.record({ event: 'session.open', src: named('chrome-vm'), session: 's2' });
  await durable(log);
  return disk.crashed();
}

async function codeOf(promise: Promise<unknown>): Promise<AuditErrorCode | null> {
  try {
    await promise;
    return null;
  } catch (error) {
    if (error instanceof AuditError) return error.code;
    throw error;
  }
}

recovery('a run goes on where the one before ended, in the same segment', async () => {
  const { log, disk } = await openOn();
  await log.close();
  const { log: second } = await openOn(disk);
  await second.close();
  assert.equal(
    disk.records().map(({ seq, event }) => [seq, event]),
    [
      [1, 'broker.start'],
      [2, 'broker.stop'],
      [3, 'broker.start'],
      [4, 'broker.stop'],
    ],
  );
  assert.is(disk.files.size, 1);
  assert.is((await disk.verify()).uncleanShutdowns, 0);
});

recovery('cut at any byte, the log goes on, states the torn bytes and verifies', async () => {
  const whole = await crashedLog();
  const bytes = whole.bytes(1);
  for (let length = 0; length <= bytes.length; length++) {
    const disk = new MemoryDisk();
    disk.files.set(1, bytes.subarray(0, length));
    const complete = disk.records().length;
    const { log } = await openOn(disk);
    await log.close();
    const isTorn = length > 0 && bytes[length - 1] !== 0x0a;
    const start = disk.records()[complete];
    assert.is(start?.event, 'broker.start');
    assert.is(start?.seq, complete + 1);
    assert.is(start?.detail?.unclean === true, complete > 0, `cut at ${length}`);
    assert.is(start?.detail?.torn !== undefined, isTorn, `cut at ${length}`);
    assert.is(disk.files.size, isTorn ? 2 : 1);
    assert.equal(disk.bytes(1).subarray(0, length), bytes.subarray(0, length), 'nothing is ever truncated');
    const result = await disk.verify();
    assert.equal(result.problems, [], `cut at ${length}`);
    assert.is(result.tornAccounted, isTorn ? 1 : 0);
    assert.is(result.uncleanShutdowns, complete > 0 ? 1 : 0);
  }
});

recovery('crash upon crash: every torn tail since the last record is stated', async () => {
  const disk = await crashedLog();
  disk.files.set(1, disk.bytes(1).subarray(0, -5));
  disk.files.set(2, Buffer.from('{"seq":3,'));
  disk.files.set(3, Buffer.alloc(0));
  disk.files.set(4, Buffer.from('{'));
  const { log } = await openOn(disk);
  await log.close();
  assert.is(disk.files.size, 5);
  const result = await disk.verify();
  assert.equal(result.problems, []);
  assert.is(result.tornAccounted, 3);
});

recovery('torn bytes that change or vanish after they were stated are found', async () => {
  const disk = await crashedLog();
  disk.files.set(1, disk.bytes(1).subarray(0, -5));
  const { log } = await openOn(disk);
  await log.close();
  const torn = disk.bytes(1);
  const codes = async (): Promise<string[]> => (await disk.verify()).problems.map(({ code }) => code);
  assert.equal(await codes(), []);
  disk.files.set(1, Buffer.concat([torn.subarray(0, -1), Buffer.from('?')]));
  assert.equal(await codes(), ['TORN_UNACCOUNTED', 'TORN_MISSING']);
  disk.files.set(1, torn.subarray(0, torn.lastIndexOf(0x0a) + 1));
  assert.equal(await codes(), ['TORN_MISSING']);
});

recovery('a log whose last line is no record is refused and left alone', async () => {
  for (const line of ['not a record', '{}', 'x'.repeat(300_000)]) {
    const disk = await crashedLog();
    disk.files.set(2, Buffer.from(`${line}\n`));
    assert.is(await codeOf(openOn(disk)), 'ERR_AUDIT_CORRUPT');
    assert.is(disk.bytes(2).toString(), `${line}\n`);
    assert.not.ok(disk.locked, 'the lock is released');
  }
});

recovery('two writers: the second is refused, in this process and from another', async () => {
  const directory = join(temporaryDirectory(), 'audit');
  const log = await openAuditLog({ directory, broker: 'a' });
  assert.is(await codeOf(openAuditLog({ directory, broker: 'b' })), 'ERR_AUDIT_LOCKED');
  await log.close();
  const child = scribbler(directory);
  await firstOutput(child);
  assert.is(await codeOf(openAuditLog({ directory, broker: 'b' })), 'ERR_AUDIT_LOCKED');
  const untouched = lstatSync(join(directory, 'LOCK'), { bigint: true }).ctimeNs;
  const said = await openAuditLog({ directory, broker: 'b' }).catch((error: Error) => error.message);
  assert.is(
    lstatSync(join(directory, 'LOCK'), { bigint: true }).ctimeNs,
    untouched,
    'the lock in force is not moved for a moment',
  );
  assert.match(String(said), `is being written by process ${child.pid}`, 'it names the writer');
  assert.ok((await verifyAudit(directory)).live);
  await killed(child);
  await (await openAuditLog({ directory, broker: 'b' })).close();
});

recovery(
  'a LOCK that nobody listens on is stale, whatever it is: empty, forged, a directory, a dead socket',
  async () => {
    const directory = join(temporaryDirectory(), 'audit');
    mkdirSync(directory, { mode: 0o700 });
    const lock = join(directory, 'LOCK');
    const forgeries: readonly (() => void)[] = [
      () => writeFileSync(lock, ''),
      () => writeFileSync(lock, JSON.stringify({ pid: process.ppid, started: null })),
      () => mkdirSync(lock),
      () => symlinkSync('/dev/null', lock),
      () => execFileSync('mkfifo', [lock]),
    ];
    for (const forge of forgeries) {
      forge();
      assert.not.ok(await nodeFiles(directory).hasWriter(), 'it hides no torn tail');
      await (await openAuditLog({ directory, broker: 'a' })).close();
    }
    const child = scribbler(directory);
    await firstOutput(child);
    await killed(child);
    assert.ok(lstatSync(lock).isSocket(), 'a killed process leaves its socket');
    await (await openAuditLog({ directory, broker: 'a' })).close();
    assert.not.ok(existsSync(lock));
  },
);

recovery('a writer in another pid and network namespace is seen', async () => {
  const directory = join(temporaryDirectory(), 'audit');
  const child = scribbler(directory, ['unshare', '--pid', '--net', '--fork', '--kill-child']);
  await firstOutput(child);
  assert.is(await codeOf(openAuditLog({ directory, broker: 'b' })), 'ERR_AUDIT_LOCKED');
  await killed(child);
});

recovery(
  'of two writers in two pid namespaces the second is refused, until the kernel has ended the first',
  async () => {
    const directory = join(temporaryDirectory(), 'audit');
    // Both are process 1 there, as in two containers on one volume.
    const container = ['unshare', '--pid', '--mount-proc', '--net', '--fork', '--kill-child'];
    const first = scribbler(directory, container);
    await firstOutput(first);
    const second = scribbler(directory, container, 'pipe');
    let said = '';
    second.stderr?.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
    const [code] = await once(second, 'close');
    assert.is(code, 1);
    assert.match(said, /ERR_AUDIT_LOCKED/);
    assert.match(said, 'is being written by process 1;');
    await killed(first);
    const third = scribbler(directory, container);
    await firstOutput(third);
    await killed(third);
    await (await openAuditLog({ directory, broker: 'b' })).close();
    const { problems, uncleanShutdowns } = await verifyAudit(directory);
    assert.equal([problems, uncleanShutdowns], [[], 2], 'one chain, by one writer after the other');
  },
);

recovery('a directory whose path is too long for a socket is locked all the same', async () => {
  const directory = join(temporaryDirectory(), 'd'.repeat(120), 'audit');
  const log = await openAuditLog({ directory, broker: 'a' });
  assert.is(await codeOf(openAuditLog({ directory, broker: 'b' })), 'ERR_AUDIT_LOCKED');
  await log.close();
  assert.equal(readdirSync(directory), ['00000001.jsonl', 'digest.key']);
  await (await openAuditLog({ directory, broker: 'b' })).close();
});

recovery('a link, a directory or a FIFO in place of a segment is a finding, and is never opened', async () => {
  const top = temporaryDirectory();
  for (const [index, make] of [
    (path: string) => symlinkSync('/etc/passwd', path),
    (path: string) => mkdirSync(path),
    (path: string) => execFileSync('mkfifo', [path]),
  ].entries()) {
    const directory = join(top, `audit${index}`);
    await (await openAuditLog({ directory, broker: 'a' })).close();
    make(join(directory, '00000002.jsonl'));
    const result = await verifyAudit(directory);
    assert.equal(
      result.problems.map(({ code, segment }) => [code, segment]),
      [['SEGMENT_NOT_FILE', 2]],
    );
    assert.is(await codeOf(openAuditLog({ directory, broker: 'a' })), 'ERR_AUDIT_MODE');
  }
});

recovery('a directory or segment that others can touch is refused', async () => {
  const top = temporaryDirectory();
  const directory = join(top, 'audit');
  await (await openAuditLog({ directory, broker: 'a' })).close();
  const segment = join(directory, '00000001.jsonl');
  const before = readFileSync(segment);
  chmodSync(segment, 0o640);
  assert.is(await codeOf(openAuditLog({ directory, broker: 'a' })), 'ERR_AUDIT_MODE');
  chmodSync(segment, 0o600);
  chmodSync(directory, 0o755);
  assert.is(await codeOf(openAuditLog({ directory, broker: 'a' })), 'ERR_AUDIT_MODE');
  chmodSync(directory, 0o700);
  symlinkSync(directory, join(top, 'link'));
  const linked = await openAuditLog({ directory: join(top, 'link'), broker: 'a' }).catch((error: Error) => error);
  assert.match(String(linked), 'must not be a symbolic link');
  if (process.getuid?.() === 0) {
    for (const path of [segment, directory]) {
      chownSync(path, 12_345, 0);
      assert.is(await codeOf(openAuditLog({ directory, broker: 'a' })), 'ERR_AUDIT_MODE', `another owner: ${path}`);
      chownSync(path, 0, 0);
    }
  }
  writeFileSync(join(top, 'file'), '', { mode: 0o600 });
  assert.is(await codeOf(openAuditLog({ directory: join(top, 'file'), broker: 'a' })), 'ERR_AUDIT_DIRECTORY');
  assert.equal(readFileSync(segment), before);
});

// ---- kill -9

function scribbler(
  directory: string,
  before: readonly string[] = [],
  stderr: 'inherit' | 'pipe' = 'inherit',
): ChildProcess {
  const [command = '', ...words] = [...before, process.execPath];
  return spawn(command, [...words, ...nodeArguments('test/audit/files/scribbler.ts', directory)], {
    stdio: ['ignore', 'pipe', stderr],
  });
}

async function firstOutput(child: ChildProcess): Promise<void> {
  if (child.stdout === null) throw new Error('no stdout');
  await once(child.stdout, 'readable');
}

async function killed(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'close');
}

/** Kills the process after `lines` acknowledgements. Returns the last one. */
async function killAfter(child: ChildProcess, lines: number): Promise<string> {
  if (child.stdout === null) throw new Error('no stdout');
  child.stdout.setEncoding('utf8');
  let text = '';
  for await (const chunk of child.stdout) {
    text += chunk;
    if (text.split('\n').length > lines + 1) child.kill('SIGKILL');
  }
  return text.trimEnd().split('\n').at(-1) ?? '';
}

recovery('kill -9 at random points, twenty times: the log verifies and holds all that was acknowledged', async () => {
  const directory = join(temporaryDirectory(), 'audit');
  const random = seededRandom(9);
  const kills = 20;
  const acknowledged: string[] = [];
  for (let round = 0; round < kills; round++) {
    const child = scribbler(directory);
    acknowledged.push(await killAfter(child, 1 + random.below(60)));
  }
  await (await openAuditLog({ directory, broker: 'after' })).close();
  const result = await verifyAudit(directory);
  assert.equal(result.problems, []);
  assert.is(result.uncleanShutdowns, kills);
  assert.is(result.gaps, 0);

  const reasons = new Map<string, number>();
  for (const { number, bytes } of await nodeFiles(directory).segments()) {
    const text = Buffer.from(await nodeFiles(directory).read(number, 0, bytes)).toString();
    for (const line of text.split('\n').slice(0, -1)) {
      const { event, reason } = JSON.parse(line);
      if (event === 'policy.reject') reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
  }
  for (const last of acknowledged) {
    const [pid, through] = last.split(':');
    for (let index = 0; index <= Number(through); index++)
      assert.is(reasons.get(`${pid}:${index}`), 1, `${pid}:${index}`);
  }
});

recovery.run();
