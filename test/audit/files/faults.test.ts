import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeFiles } from '../../../broker/audit/files/node-files.ts';
import { AuditError, type AuditLog, openAuditLog, verifyAudit } from '../../../broker/audit/index.ts';
import { MAX_RETAINED_RECORDS, RETRY_MS } from '../../../broker/audit/limits.ts';
import { FakeClock } from '../../support/clock.ts';
import { findBinary, needsThat } from '../../support/needs.ts';
import { seeded } from '../../support/seed.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import {
  denialOf,
  deniedCount,
  durable,
  hostClock,
  type LogFixture,
  type MemoryDisk,
  named,
  openOn,
  permitOf,
  settle,
} from '../fixtures.ts';

const faults = suite('audit faults');

interface Fault {
  readonly label: string;
  readonly code: string;
  readonly strike: (disk: MemoryDisk) => void;
  readonly mend: (disk: MemoryDisk) => void;
}

const FAULTS: readonly Fault[] = [
  { label: 'disk full, nothing taken', code: 'ENOSPC', strike: (d) => (d.room = 0), mend: (d) => (d.room = 1e9) },
  { label: 'disk full in the first record', code: 'ENOSPC', strike: (d) => (d.room = 50), mend: (d) => (d.room = 1e9) },
  {
    label: 'disk full in the second record',
    code: 'ENOSPC',
    strike: (d) => (d.room = 700),
    mend: (d) => (d.room = 1e9),
  },
  brokenBy('append', 'EIO'),
  brokenBy('datasync', 'EIO'),
  {
    label: 'append and read back fail',
    code: 'EIO',
    strike: (d) => d.broken.set('append', 'EIO').set('read', 'EIO'),
    mend: (d) => d.broken.clear(),
  },
  {
    label: 'a new segment cannot be made',
    code: 'ENOSPC',
    strike: (d) => {
      d.room = 20;
      d.broken.set('create', 'ENOSPC');
    },
    mend: (d) => {
      d.room = 1e9;
      d.broken.clear();
    },
  },
];

function brokenBy(operation: 'append' | 'datasync', code: string): Fault {
  return {
    label: `${operation} fails`,
    code,
    strike: (d) => d.broken.set(operation, code),
    mend: (d) => d.broken.clear(),
  };
}

function recordSome({ log }: LogFixture, from: number, count: number): void {
  for (let index = from; index < from + count; index++) log.record({ event: 'policy.reject', reason: `r${index}` });
}

function reasons(disk: MemoryDisk): string[] {
  return disk.records().flatMap(({ event, reason }) => (event === 'policy.reject' && reason ? [reason] : []));
}

for (const { label, code, strike, mend } of FAULTS) {
  faults(`${label}: sends stop at once, and everything is in the log after recovery`, async () => {
    const bench = await openOn();
    const { log, disk, clock } = bench;
    const changes: boolean[] = [];
    log.onHealth((healthy) => changes.push(healthy));
    recordSome(bench, 0, 3);
    assert.ok(await durable(log));
    strike(disk);
    recordSome(bench, 3, 3);
    log.denied(denialOf(), 7, 0);
    assert.not.ok(await durable(log));
    assert.not.ok(log.healthy);
    assert.not.ok(await durable(log), 'while it fails the answer is no');
    recordSome(bench, 6, 2);
    for (let index = 0; index < 50; index++) log.denied(denialOf(), 7, 0);
    clock.advance(RETRY_MS);
    await settle();
    assert.not.ok(log.healthy);
    mend(disk);
    clock.advance(RETRY_MS);
    await settle();
    assert.ok(log.healthy);
    assert.equal(changes, [false, true]);
    recordSome(bench, 8, 1);
    assert.ok(await durable(log));
    await log.close();

    const result = await disk.verify();
    assert.equal(result.problems, []);
    assert.is(result.gaps, 1);
    assert.is(result.lost, 0);
    assert.equal(reasons(disk), ['r0', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7', 'r8'], 'each once, in order');
    assert.is(deniedCount(disk.records()), 51);
    const gap = disk.records().find(({ event }) => event === 'audit.gap');
    assert.is(gap?.reason, code);
    assert.is(gap?.detail?.attempts, 2);
    assert.is(clock.pendingTimers, 0);
  });
}

faults('short writes without an error are finished', async () => {
  const bench = await openOn();
  bench.disk.bite = 7;
  recordSome(bench, 0, 5);
  assert.ok(await durable(bench.log));
  await bench.log.close();
  assert.equal((await bench.disk.verify()).problems, []);
  assert.is(bench.disk.files.size, 1);
});

faults('at whatever byte the disk fills up, however often, the log verifies and nothing is lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(1500), { minLength: 1, maxLength: 6 }), async (rooms) => {
      const bench = await openOn(undefined, { segmentBytes: 1500 });
      let count = 0;
      for (const room of rooms) {
        bench.disk.room = room;
        recordSome(bench, count, 3);
        count += 3;
        await durable(bench.log);
        bench.clock.advance(RETRY_MS);
        await settle();
      }
      bench.disk.room = Number.POSITIVE_INFINITY;
      bench.clock.advance(RETRY_MS);
      await settle();
      await bench.log.close();
      assert.equal((await bench.disk.verify()).problems, []);
      assert.equal(
        reasons(bench.disk),
        Array.from({ length: count }, (_, index) => `r${index}`),
      );
    }),
    seeded({ numRuns: 60 }),
  );
});

faults('what finds no room in memory is counted exactly', async () => {
  const bench = await openOn();
  const { log, disk, clock } = bench;
  disk.room = 0;
  recordSome(bench, 0, 1);
  await durable(log);
  recordSome(bench, 1, MAX_RETAINED_RECORDS + 122);
  log.record({ event: 'session.open', src: named('audio-vm'), session: 's' });
  disk.room = Number.POSITIVE_INFINITY;
  clock.advance(RETRY_MS);
  await settle();
  assert.ok(log.healthy);
  await log.close();
  const gap = disk.records().find(({ event }) => event === 'audit.gap');
  assert.equal(gap?.detail?.lost, { 'policy.reject': 123, 'session.open': 1 });
  assert.is(reasons(disk).length + 123, 1 + MAX_RETAINED_RECORDS + 122);
  const result = await disk.verify();
  assert.ok(result.ok);
  assert.is(result.lost, 124);
});

faults('a disk that only lags stops the sends instead of losing records in silence', async () => {
  const bench = await openOn();
  const { log, disk, clock } = bench;
  let open = (): void => undefined;
  disk.gate = new Promise((resolve) => {
    open = resolve;
  });
  recordSome(bench, 0, 1);
  const first = durable(log);
  await settle();
  recordSome(bench, 1, MAX_RETAINED_RECORDS + 5);
  assert.not.ok(log.healthy);
  open();
  assert.ok(await first, 'what was in flight came to disk');
  clock.advance(RETRY_MS);
  await settle();
  assert.ok(log.healthy);
  await log.close();
  const gap = disk.records().find(({ event }) => event === 'audit.gap');
  assert.is(gap?.reason, 'BACKLOG');
  assert.equal(gap?.detail?.lost, { 'policy.reject': 5 });
  assert.ok((await disk.verify()).ok);
});

faults('while nothing can be written, floods and flows only count: they take no more memory', async () => {
  const bench = await openOn(undefined, { flowIntervalMs: RETRY_MS });
  const { log, disk, clock } = bench;
  const flow = log.flow(permitOf(), 7);
  disk.room = 0;
  recordSome(bench, 0, 1);
  await durable(log);
  for (let second = 0; second < 30; second++) {
    for (let index = 0; index < 100; index++) log.denied(denialOf(), 7, 0);
    log.record({ event: 'peer.fault', src: null, reason: 'X' });
    flow.messages += 1;
    clock.advance(RETRY_MS);
    await settle();
  }
  disk.room = Number.POSITIVE_INFINITY;
  clock.advance(RETRY_MS);
  await settle();
  await log.close();
  const records = disk.records();
  assert.is(deniedCount(records), 3000);
  assert.ok(records.filter(({ event }) => event === 'send.denied').length < 30);
  assert.equal(
    records.filter(({ event }) => event === 'flow').map(({ messages }) => messages),
    [30],
  );
  assert.ok((await disk.verify()).ok);
});

faults('close on a disk that stays full says how much is missing, and unlocks', async () => {
  const bench = await openOn();
  bench.disk.room = 0;
  recordSome(bench, 0, 3);
  await durable(bench.log);
  await bench.log.close().then(
    () => assert.unreachable(),
    (error: unknown) => assert.is(error instanceof AuditError && error.code, 'ERR_AUDIT_UNWRITTEN'),
  );
  assert.not.ok(bench.disk.locked);
});

faults('close is the last try: a disk that has room again gets everything', async () => {
  const bench = await openOn();
  bench.disk.room = 10;
  recordSome(bench, 0, 3);
  await durable(bench.log);
  bench.disk.room = 1e9;
  await bench.log.close();
  assert.ok((await bench.disk.verify()).ok);
  assert.equal(reasons(bench.disk), ['r0', 'r1', 'r2']);
  assert.is(bench.disk.records().at(-1)?.event, 'broker.stop');
});

faults('a waiter that throws does not keep the others from their answer', async () => {
  const { log } = await openOn();
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
  log.whenDurable(() => {
    throw new Error('bug');
  });
  assert.ok(await durable(log));
  assert.is(String(await thrown), 'Error: bug');
  await log.close();
});

// ---- the real file system

async function openReal(directory: string): Promise<{ log: AuditLog; clock: FakeClock }> {
  const clock = new FakeClock();
  const log = await openAuditLog({ directory, broker: 'test' }, { clock: hostClock(clock) });
  return { log, clock };
}

/** The retry runs on real files, so there is an event to wait for. */
function turned(log: AuditLog, healthy: boolean): Promise<void> {
  return new Promise((resolve) => {
    if (log.healthy === healthy) resolve();
    else log.onHealth((now) => now === healthy && resolve());
  });
}

const TAMPERED: readonly (readonly [string, string, (segment: string) => void])[] = [
  ['deleted', 'SEGMENT_GONE', (segment) => unlinkSync(segment)],
  [
    'replaced',
    'SEGMENT_GONE',
    (segment) => {
      renameSync(segment, `${segment}.old`);
      writeFileSync(segment, '', { mode: 0o600 });
    },
  ],
  ['appended to by somebody else', 'SEGMENT_CHANGED', (segment) => writeFileSync(segment, 'x\n', { flag: 'a' })],
  ['emptied', 'SEGMENT_CHANGED', (segment) => writeFileSync(segment, '')],
];

for (const [label, code, tamper] of TAMPERED) {
  faults(`a segment that is ${label} is noticed before the next record is taken for written`, async () => {
    const directory = join(temporaryDirectory(), 'audit');
    const { log, clock } = await openReal(directory);
    log.record({ event: 'policy.reject', reason: 'before' });
    assert.ok(await durable(log));
    tamper(join(directory, '00000001.jsonl'));
    log.record({ event: 'policy.reject', reason: 'after' });
    assert.not.ok(await durable(log));
    assert.not.ok(log.healthy);
    clock.advance(RETRY_MS);
    await turned(log, true);
    assert.ok(await durable(log));
    await log.close();
    const result = await verifyAudit(directory);
    assert.not.ok(result.ok, 'evidence is gone, and the log says so');
    const written = Buffer.from(await nodeFiles(directory).read(2, 0, 1e5)).toString();
    assert.match(written, `"reason":"${code}"`);
    assert.match(written, '"altered":true');
    assert.match(written, '"reason":"after"');
  });
}

faults('files and directory are private', async () => {
  const directory = join(temporaryDirectory(), 'audit');
  const { log } = await openReal(directory);
  assert.is(statSync(directory).mode & 0o777, 0o700);
  assert.is(statSync(join(directory, '00000001.jsonl')).mode & 0o777, 0o600);
  assert.is(statSync(join(directory, 'digest.key')).mode & 0o777, 0o600);
  await log.close();
  assert.equal(readdirSync(directory), ['00000001.jsonl', 'digest.key'], 'the lock is gone');
});

const MOUNT = findBinary('mount') ?? '';
const UMOUNT = findBinary('umount') ?? '';

function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const directory = temporaryDirectory();
  try {
    execFileSync(MOUNT, ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory], { stdio: 'ignore' });
    execFileSync(UMOUNT, [directory]);
    return true;
  } catch {
    return false;
  }
}

needsThat(canMount, 'a Linux root that may mount a tmpfs')(
  faults,
  'a full file system stops the sends until there is room',
  async () => {
    const mount = temporaryDirectory();
    execFileSync(MOUNT, ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mount]);
    try {
      const directory = join(mount, 'audit');
      const { log, clock } = await openReal(directory);
      const ballast = join(mount, 'ballast');
      mkdirSync(ballast);
      writeFileSync(join(ballast, 'file'), Buffer.alloc(24 * 1024));
      let count = 0;
      do log.record({ event: 'policy.reject', reason: `r${count++}`, detail: { text: 'x'.repeat(1000) } });
      while (await durable(log));
      assert.not.ok(log.healthy);
      clock.advance(RETRY_MS);
      await settle();
      rmSync(ballast, { recursive: true });
      while (!log.healthy) {
        clock.advance(RETRY_MS);
        await settle();
      }
      log.record({ event: 'policy.reject', reason: `r${count++}` });
      assert.ok(await durable(log));
      await log.close();
      const result = await verifyAudit(directory);
      assert.equal(result.problems, []);
      assert.is(result.gaps, 1);
      const rejects = result.records - 3;
      assert.is(rejects, count, 'each once: start, gap and stop are the others');
    } finally {
      execFileSync(UMOUNT, [mount]);
    }
  },
);

faults.run();
