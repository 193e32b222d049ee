/** What a `dontaudit` row keeps out of the log is still counted: exactly, per decision, in one record an interval. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_FLOW_INTERVAL_MS, RETRY_MS } from '../../../broker/audit/limits.ts';
import { DenialCounts } from '../../../broker/audit/write/denial-counts.ts';
import type { AuditRecord } from '../../../broker/record/index.ts';
import { FakeClock } from '../../support/clock.ts';
import { denialOf, durable, knownDenial, type MemoryDisk, openOn, settle } from '../fixtures.ts';

const dontaudit = suite('audit: dontaudit');

const countedOn = (disk: MemoryDisk): AuditRecord[] => disk.records().filter(({ event }) => event === 'denied.counted');
const sum = (records: readonly AuditRecord[]): number => records.reduce((total, { count = 1 }) => total + count, 0);

dontaudit('a million denials are one record with the exact count, and the sender waits for no record', async () => {
  const { log, disk, clock } = await openOn();
  const before = disk.records().length;
  for (let i = 0; i < 1_000_000; i++) log.denied(knownDenial(), 4_713, 2);
  assert.ok(await durable(log, knownDenial().source));
  assert.is(disk.records().length, before, 'nothing is written before the interval ends');
  clock.advance(DEFAULT_FLOW_INTERVAL_MS);
  await settle();
  const [record, ...more] = countedOn(disk);
  assert.equal(more, []);
  const { decision, reason, src, dst, port, class: name, permission, bytes, count, revision, detail } = record ?? {};
  assert.equal(
    { decision, reason, src: src?.domain, dst: dst?.domain, port, name, permission, bytes, count, revision },
    {
      decision: 'deny',
      reason: 'NO_RULE',
      src: 'net-vm',
      dst: 'chrome-vm',
      port: 4_713,
      name: 'audio-playback',
      permission: 'send',
      bytes: 2_000_000,
      count: 1_000_000,
      revision: 1,
    },
  );
  assert.equal(detail, { dontaudit: 'policy.csv:3', until: '2023-11-14T22:13:20.000Z' });
  assert.is(disk.records().length, before + 1);
  await log.close();
});

dontaudit('a count is per decision and interval; many ports are one count', async () => {
  const { log, disk, clock } = await openOn();
  for (let port = 1; port <= 5_000; port++) log.denied(knownDenial(), port, 0);
  log.denied(knownDenial('rogue-vm'), 7, 0);
  clock.advance(DEFAULT_FLOW_INTERVAL_MS);
  await settle();
  log.denied(knownDenial('rogue-vm'), 7, 0);
  clock.advance(DEFAULT_FLOW_INTERVAL_MS);
  await settle();
  assert.equal(
    countedOn(disk).map(({ dst, port, count, detail }) => [dst?.domain, port, count, detail?.ports]),
    [
      ['chrome-vm', undefined, 5_000, 'many'],
      ['rogue-vm', 7, undefined, undefined],
      ['rogue-vm', 7, undefined, undefined],
    ],
  );
  clock.advance(10 * DEFAULT_FLOW_INTERVAL_MS);
  await settle();
  assert.is(countedOn(disk).length, 3, 'no denial, no record');
  await log.close();
});

dontaudit('another denial of the same source is a record at once', async () => {
  const { log, disk } = await openOn();
  log.denied(knownDenial(), 7, 0);
  log.denied(denialOf('net-vm', 'audio-vm'), 7, 0);
  assert.ok(await durable(log, knownDenial().source));
  assert.equal(
    disk
      .records()
      .filter(({ decision }) => decision === 'deny')
      .map(({ event, dst }) => [event, dst?.domain]),
    [['send.denied', 'audio-vm']],
  );
  await log.close();
  assert.is(sum(countedOn(disk)), 1, 'the end of a run writes every count');
});

dontaudit('while the disk fails the counts go on, and none is lost', async () => {
  const { log, disk, clock } = await openOn();
  log.denied(knownDenial(), 7, 0);
  disk.broken.set('append', 'EIO');
  clock.advance(DEFAULT_FLOW_INTERVAL_MS);
  await settle();
  assert.is(log.healthy, false);
  for (let i = 0; i < 9; i++) log.denied(knownDenial(), 7, 0);
  clock.advance(DEFAULT_FLOW_INTERVAL_MS);
  await settle();
  disk.broken.clear();
  clock.advance(RETRY_MS);
  await settle();
  clock.advance(DEFAULT_FLOW_INTERVAL_MS);
  await settle();
  assert.is(sum(countedOn(disk)), 10);
  log.denied(knownDenial(), 7, 0);
  disk.broken.set('append', 'EIO');
  log.denied(denialOf(), 7, 0);
  await settle();
  disk.broken.clear();
  await log.close();
  assert.is(sum(countedOn(disk)), 11, 'the last try takes them, too');
});

dontaudit('a source past its share of the log is counted on, and its counts are written in the end', async () => {
  const { log, disk, clock } = await openOn(undefined, { domainBytesPerHour: 4 * 1024 * 1024 });
  const source = knownDenial().source;
  for (let port = 1; port <= 20_000; port++) {
    log.denied(denialOf('net-vm', 'audio-vm'), port, 0);
    if (port % 200 === 0) {
      clock.advance(1_000);
      await settle();
    }
    if (log.shares().some(({ name, left }) => name === source.name && left < 1_024)) break;
  }
  log.denied(knownDenial(), 7, 0);
  const left = log.shares().find(({ name }) => name === source.name)?.left;
  assert.ok(left !== undefined && left < 1_024, `${left} bytes are left`);
  await log.close();
  assert.is(sum(countedOn(disk)), 1);
});

dontaudit('a count that cannot be paid stays, and is exact when it is taken', () => {
  let pays = false;
  const counts = new DenialCounts(new FakeClock(), () => pays);
  counts.add(knownDenial(), 1, 3, false);
  counts.makeDue();
  assert.equal([counts.take(9), counts.isDue, counts.empty], [[], false, false]);
  counts.add(knownDenial(), 2, 4, false);
  pays = true;
  counts.makeDue();
  const [seen] = counts.take(9);
  assert.equal([seen?.count, seen?.bytes, seen?.port, seen?.manyPorts, counts.empty], [2, 7, null, true, true]);
  counts.add(knownDenial(), 1, 3, true);
  pays = false;
  counts.makeDue('all');
  assert.equal(
    counts.take(9).map(({ count, permissive }) => [count, permissive]),
    [[1, true]],
  );
});

dontaudit('what is due is taken in portions, and grows until it is taken', () => {
  const counts = new DenialCounts(new FakeClock());
  counts.add(knownDenial(), 7, 0, false);
  counts.add(knownDenial('rogue-vm'), 7, 0, false);
  counts.makeDue();
  assert.equal(
    counts.take(1).map(({ count }) => count),
    [1],
  );
  counts.add(knownDenial(), 7, 0, false);
  counts.add(knownDenial('rogue-vm'), 7, 0, false);
  assert.equal(
    counts.take(9).map(({ count, denial }) => [count, denial.destination.name]),
    [[2, 'rogue-vm']],
  );
  assert.equal([counts.isDue, counts.empty], [false, false]);
});

dontaudit.run();
