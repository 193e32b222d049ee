import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type AuditStatus, auditStatus, openAuditLog } from '../../../broker/audit/index.ts';
import {
  DAY_MS,
  FLOOD_WINDOW_MS,
  HOUR_MS,
  MAX_RETAINED_RECORDS,
  MIN_DOMAIN_BYTES_PER_HOUR,
  RETRY_MS,
} from '../../../broker/audit/limits.ts';
import { runCli } from '../../support/processes/run-cli.ts';
import { denialOf, durable, MemoryDisk, openOn, settle } from '../fixtures.ts';

const status = suite('audit status');

const FREE = 1_000_000_000;

function of(disk: MemoryDisk): Promise<AuditStatus> {
  return auditStatus('unused', disk, async () => FREE);
}

status('an empty directory has nothing, and nothing can be said of its rate', async () => {
  assert.equal(await of(new MemoryDisk()), {
    live: false,
    records: 0,
    prunedRecords: 0,
    segments: 0,
    bytes: 0,
    storedBytes: 0,
    gaps: 0,
    lost: 0,
    withheld: 0,
    unclean: 0,
    signed: 0,
    first: null,
    last: null,
    bytesPerDay: null,
    freeBytes: FREE,
    daysUntilFull: null,
  });
});

status('a quiet log lost nothing, and is live while a broker writes', async () => {
  const { log, disk } = await openOn();
  assert.is((await of(disk)).live, true);
  await log.close();
  const { live, lost, withheld, gaps, unclean, records } = await of(disk);
  assert.equal([live, lost, withheld, gaps, unclean, records], [false, 0, 0, 0, 0, 2]);
});

status('what was lost, withheld and not closed is counted', async () => {
  const { log, disk, clock } = await openOn(undefined, { domainBytesPerHour: MIN_DOMAIN_BYTES_PER_HOUR });
  for (let second = 0; second < 5; second++) {
    for (let port = 0; port < 1_000; port++) log.denied(denialOf(), port, 1);
    await settle();
    clock.advance(FLOOD_WINDOW_MS);
  }
  await settle();
  const withheld = log.shares().reduce((sum, share) => sum + share.withheld, 0);
  assert.ok(withheld > 0);
  disk.broken.set('append', 'EIO');
  for (let index = 0; index < 20_003; index++) log.record({ event: 'policy.reject', reason: 'x' });
  await settle();
  assert.is(log.backlog, MAX_RETAINED_RECORDS, 'those beyond are lost');
  disk.broken.clear();
  clock.advance(RETRY_MS);
  await settle();
  assert.equal([log.healthy, log.backlog], [true, 0]);
  const crashed = disk.crashed();
  await (await openOn(crashed)).log.close();
  const found = await of(crashed);
  assert.equal([found.gaps, found.lost, found.withheld, found.unclean], [1, 3, withheld, 1]);
});

status('the rate is that of the last day, and says when the disk is full', async () => {
  const { log, disk, clock } = await openOn(undefined, { segmentBytes: 2_000 });
  const write = async (count: number, everyMs: number): Promise<void> => {
    for (let index = 0; index < count; index++) {
      clock.advance(everyMs);
      log.record({ event: 'policy.reject', reason: 'x' });
      assert.ok(await durable(log));
    }
  };
  // A busy day long ago, then one record an hour.
  await write(300, 60_000);
  await write(72, HOUR_MS);
  const { bytesPerDay, daysUntilFull, bytes, first, last } = await of(disk);
  const perRecord = bytes / 374;
  assert.ok(bytesPerDay !== null && Math.abs(bytesPerDay - 24 * perRecord) < 4 * perRecord, String(bytesPerDay));
  assert.is(daysUntilFull, Math.floor(FREE / (bytesPerDay ?? 1)));
  assert.is(Date.parse(last ?? '') - Date.parse(first ?? ''), 3 * DAY_MS + 5 * HOUR_MS);
  await log.close();
});

status('a directory on disk has a file system, and the command says how the log stands', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'argus-status-'));
  try {
    const log = await openAuditLog({ directory: join(directory, 'log'), broker: 'test' });
    const live = await auditStatus(join(directory, 'log'));
    assert.equal([live.live, live.records, live.freeBytes > 0], [true, 1, true]);
    await log.close();
    const { code, stdout } = await runCli(['audit', 'status', join(directory, 'log'), '--warn-days', '1']);
    assert.is(code, 0, 'too young to be full');
    assert.match(stdout, /^enabled 0 \(no broker is writing\)\nlost 0\nwithheld 0\nunclean 0\nrecords 2 from /);
    assert.is((await runCli(['audit', 'status', join(directory, 'none')])).code, 1);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

status.run();
