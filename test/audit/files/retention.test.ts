/** What retention removes, when, and what can be proven afterwards. In memory, on a fake clock. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Body } from '../../../broker/audit/body.ts';
import { encodeBody, encodeLine, hashLine } from '../../../broker/audit/chain.ts';
import { splitNotes } from '../../../broker/audit/evidence/index.ts';
import { nodeFiles } from '../../../broker/audit/files/node-files.ts';
import {
  AuditError,
  auditStatus,
  type CheckpointSigner,
  latestCheckpoint,
  noteKeyOf,
  parseCheckpoint,
  proveConsistency,
  proveRecord,
  type RetentionOptions,
  verifyAudit,
  verifyProof,
} from '../../../broker/audit/index.ts';
import { CHECKPOINT_INTERVAL_MS, DAY_MS, HOUR_MS } from '../../../broker/audit/limits.ts';
import { PRUNED_FILE } from '../../../broker/audit/read/pruned.ts';
import { CHECKPOINTS_FILE } from '../../../broker/audit/verify/index.ts';
import { STATE_FILE } from '../../../broker/audit/write/state.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { durable, type LogFixture, MemoryDisk, named, openOn, settle } from '../fixtures.ts';

const retention = suite('audit retention');

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const signer: CheckpointSigner = {
  key: noteKeyOf('test', Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')),
  sign: async (text) => sign(null, Buffer.from(text), privateKey),
};
const SEGMENT_BYTES = 2_000;
const KEYS = { keys: [signer.key] };

function open(options: RetentionOptions, disk = new MemoryDisk()): Promise<LogFixture> {
  return openOn(disk, { segmentBytes: SEGMENT_BYTES, signer, retention: options });
}

async function record({ log }: LogFixture, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    log.record({ event: 'session.open', src: named('audio-vm'), session: `s${log.head.seq}` });
    await durable(log);
  }
}

/** The day passes in hours, as the broker looks once an hour. */
async function pass({ clock }: LogFixture, milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= HOUR_MS) {
    clock.advance(Math.min(left, HOUR_MS));
    await settle();
    clock.advance(CHECKPOINT_INTERVAL_MS);
    await settle();
  }
}

function prunes(disk: MemoryDisk) {
  return disk.records().filter(({ event }) => event === 'audit.prune');
}

/** A log of ten old records in several segments, all of which are a day older than the newer ones. */
async function grown(options: RetentionOptions = { keepMs: DAY_MS }): Promise<LogFixture> {
  const bench = await open(options);
  await record(bench, 20);
  await pass(bench, DAY_MS / 2);
  return bench;
}

/** The same after retention has removed them. */
async function pruned(): Promise<LogFixture> {
  const bench = await grown();
  await pass(bench, DAY_MS);
  await record(bench, 3);
  await pass(bench, HOUR_MS);
  assert.ok(bench.disk.removed.length >= 3, 'several segments were removed');
  return bench;
}

function problemsOf(disk: MemoryDisk, options: object = KEYS): Promise<readonly string[]> {
  return verifyAudit('unused', { reader: disk, ...options }).then(({ problems }) => problems.map(({ code }) => code));
}

retention('records older than `keep` are removed by whole segments, and the rest verifies', async () => {
  const bench = await grown();
  assert.equal(bench.disk.removed, [], 'nothing is old yet');
  await pass(bench, DAY_MS);
  const { disk } = bench;
  const statement = prunes(disk).at(-1);
  assert.is(statement?.reason, 'AGE');
  assert.equal(
    disk.removed,
    [...disk.removed].sort((a, b) => a - b),
    'the oldest first',
  );
  const result = await verifyAudit('unused', { reader: disk, ...KEYS });
  assert.equal([result.ok, result.problems], [true, []]);
  assert.is(result.prunedRecords, statement?.detail?.records);
  assert.is(result.firstSeq, result.prunedRecords + 1);
  await bench.log.close();
  assert.equal(await problemsOf(disk), [], 'after the run too');
});

retention('the oldest segments are removed while the log has more than `total`', async () => {
  const bench = await open({ totalBytes: 3 * SEGMENT_BYTES });
  await record(bench, 60);
  await settle();
  const { disk } = bench;
  const bytes = [...disk.files.values()].reduce((sum, content) => sum + content.length, 0);
  assert.ok(disk.removed.length >= 4, `${disk.removed}`);
  assert.ok(bytes < 5 * SEGMENT_BYTES, `${bytes}`);
  assert.ok(prunes(disk).every(({ reason }) => reason === 'SIZE'));
  await bench.log.close();
  assert.equal(await problemsOf(disk), []);
});

retention('nothing is removed before a checkpoint covers the record that states it', async () => {
  let isSigning = true;
  const refusing: CheckpointSigner = {
    key: signer.key,
    sign: (text) => (isSigning ? signer.sign(text) : Promise.reject(new Error('no key'))),
  };
  const bench = await openOn(new MemoryDisk(), {
    segmentBytes: SEGMENT_BYTES,
    signer: refusing,
    retention: { keepMs: DAY_MS },
  });
  await record(bench, 20);
  await pass(bench, HOUR_MS);
  isSigning = false;
  await pass(bench, 2 * DAY_MS);
  assert.ok(prunes(bench.disk).length > 0, 'stated');
  assert.equal(bench.disk.removed, [], 'not removed');
  isSigning = true;
  await pass(bench, HOUR_MS);
  assert.ok(bench.disk.removed.length > 0, 'removed once it is signed');
});

retention('a log without a signer is never pruned', async () => {
  const bench = await openOn(new MemoryDisk(), { segmentBytes: SEGMENT_BYTES, retention: { keepMs: DAY_MS } });
  await record(bench, 20);
  await pass(bench, 3 * DAY_MS);
  assert.equal([bench.disk.removed, prunes(bench.disk)], [[], []]);
});

retention('a quiet log is cut by time, so that its old records can be removed too', async () => {
  const bench = await openOn(new MemoryDisk(), { signer, retention: { keepMs: 2 * DAY_MS } });
  for (let day = 0; day < 6; day++) {
    await record(bench, 2);
    await pass(bench, DAY_MS);
  }
  assert.ok(bench.disk.removed.length >= 2, `${bench.disk.removed}`);
  await bench.log.close();
  assert.equal(await problemsOf(bench.disk), []);
});

retention('a wall clock that steps forward makes no record old', async () => {
  const bench = await grown();
  bench.clock.step(365 * DAY_MS);
  await record(bench, 1);
  await pass(bench, 2 * HOUR_MS);
  assert.equal(bench.disk.removed, []);
});

retention('a pruned log goes on: with its cache, without it, and it is pruned again', async () => {
  const { disk, log, clock } = await pruned();
  await log.close();
  const before = disk.removed.length;
  for (const hasCache of [true, false]) {
    if (!hasCache) disk.beside.delete(STATE_FILE);
    const again = await open({ keepMs: DAY_MS }, disk);
    again.clock.advance(clock.mono() - again.clock.mono());
    await record(again, 20);
    await pass(again, 2 * DAY_MS);
    await again.log.close();
    clock.advance(again.clock.mono() - clock.mono());
    assert.equal(await problemsOf(disk), [], `cache: ${hasCache}`);
  }
  assert.ok(disk.removed.length > before);
});

retention('checkpoints of removed records go with the next checkpoint', async () => {
  const { disk } = await pruned();
  const sizes = splitNotes(disk.beside.get(CHECKPOINTS_FILE) ?? '').map((note) => parseCheckpoint(note)?.size ?? 0);
  const { prunedRecords } = await verifyAudit('unused', { reader: disk, ...KEYS });
  assert.ok(sizes.length > 0 && sizes.every((size) => size >= prunedRecords), `${sizes} from ${prunedRecords} on`);
});

retention('what is left can be proven to others, what is gone cannot', async () => {
  const { disk } = await pruned();
  const { prunedRecords, lastSeq } = await verifyAudit('unused', { reader: disk, ...KEYS });
  const { size } = parseCheckpoint((await latestCheckpoint('unused', disk)) ?? '') ?? { size: 0 };
  for (let seq = prunedRecords + 1; seq <= size; seq++) {
    const proof = verifyProof(await proveRecord('unused', seq, disk), signer.key);
    assert.is(proof.ok, true, `record ${seq} of ${lastSeq}: ${JSON.stringify(proof)}`);
  }
  for (let old = prunedRecords; old <= size; old++) await proveConsistency('unused', old, disk);
  for (const refused of [() => proveRecord('unused', prunedRecords, disk), () => proveConsistency('unused', 1, disk)]) {
    const error = await refused().then(
      () => null,
      (cause: unknown) => cause,
    );
    assert.is(error instanceof AuditError ? error.code : error, 'ERR_AUDIT_UNPROVEN');
  }
});

retention('what was remembered before the removal is not proven, what was remembered after it is', async () => {
  const bench = await grown();
  await record(bench, 3);
  await pass(bench, HOUR_MS);
  const early = (await latestCheckpoint('unused', bench.disk)) ?? '';
  const [firstLine = ''] = bench.disk.text().split('\n');
  await pass(bench, DAY_MS - 3 * HOUR_MS);
  const late = (await latestCheckpoint('unused', bench.disk)) ?? '';
  const { disk } = bench;
  const after = await verifyAudit('unused', { reader: disk, ...KEYS });
  assert.ok((parseCheckpoint(early)?.size ?? 0) > after.prunedRecords, 'the checkpoint of the day covers what is left');
  assert.equal(await problemsOf(disk, { ...KEYS, since: early }), []);
  assert.equal(await problemsOf(disk, { ...KEYS, since: late }), []);
  assert.equal(await problemsOf(disk, { ...KEYS, since: { seq: 1, hash: hashLine(firstLine) } }), ['SINCE_PRUNED']);
  const part = JSON.parse(disk.beside.get(PRUNED_FILE) ?? '');
  assert.equal(await problemsOf(disk, { ...KEYS, since: { seq: part.records, hash: part.head } }), []);
  assert.equal(await problemsOf(disk, { ...KEYS, since: { seq: part.records, hash: 'ab'.repeat(32) } }), [
    'SINCE_PRUNED',
  ]);
});

/** The body of a record that was read: its line frames it again. */
function withoutChain(body: string): string {
  return body.replace(/^"seq":\d+,/, '').replace(/,"prev":"[0-9a-f]*","sum":"[0-9a-f]*"/, '');
}

/** The removal that an attacker makes: segments gone, and a `pruned` that fits to what is left. */
retention('a removal that no signed record states is a finding, whatever `pruned` says', async () => {
  const bench = await pruned();
  await record(bench, 20);
  await pass(bench, HOUR_MS);
  const { disk } = bench;
  // What the broker would have removed later: all that this file says is true.
  const honest = disk.crashed();
  const later = await open({ keepMs: HOUR_MS, rotateMs: 90 * DAY_MS }, honest);
  await pass(later, 3 * DAY_MS);
  const forged = disk.crashed();
  const stolen = honest.beside.get(PRUNED_FILE) ?? '';
  const { segment } = JSON.parse(stolen) as { segment: number };
  assert.ok(segment > Math.max(...disk.removed), 'it removes more than was stated');
  for (const number of [...forged.files.keys()]) if (number <= segment) forged.files.delete(number);
  assert.ok((await problemsOf(forged)).includes('SEGMENT_MISSING'), 'without a statement of what is missing');
  forged.beside.set(PRUNED_FILE, stolen);
  assert.equal(await problemsOf(forged), ['PRUNE_UNSTATED']);
  // Nor does a statement help that no checkpoint covers: whoever can write the file can add it.
  const { lastSeq, head } = await verifyAudit('unused', { reader: forged, ...KEYS });
  const body = encodeBody({ ...prunes(disk)[0], detail: { records: JSON.parse(stolen).records } } as unknown as Body);
  const newest = Math.max(...forged.files.keys());
  const line = encodeLine((lastSeq ?? 0) + 1, withoutChain(body), head);
  forged.files.set(newest, Buffer.concat([forged.bytes(newest), Buffer.from(`${line}\n`)]));
  assert.equal(await problemsOf(forged), ['PRUNE_UNSTATED']);
});

retention('a `pruned` that does not fit is a finding', async () => {
  const { disk } = await pruned();
  const good = JSON.parse(disk.beside.get(PRUNED_FILE) ?? '');
  const cases: readonly [string, object][] = [
    ['another head', { ...good, head: 'ab'.repeat(32) }],
    ['other nodes', { ...good, nodes: good.nodes.map((node: object) => ({ ...node, hash: 'cd'.repeat(32) })) }],
    ['another first record', { ...good, firstLeaf: 'ef'.repeat(32) }],
    ['nodes that do not cover the records', { ...good, records: good.records + 1 }],
    ['fewer segments', { ...good, segment: good.segment - 1 }],
    ['not the fields', {}],
  ];
  for (const [label, part] of cases) {
    const copy = disk.crashed();
    copy.beside.set(PRUNED_FILE, JSON.stringify(part));
    assert.ok((await problemsOf(copy)).length > 0, label);
  }
  const gone = disk.crashed();
  gone.beside.delete(PRUNED_FILE);
  assert.ok((await problemsOf(gone)).includes('SEGMENT_MISSING'));
});

/** Changes to the lines of a segment that the broker must notice before it removes them. */
const ALTERATIONS: readonly (readonly [label: string, alter: (lines: string[]) => string[]])[] = [
  ['an edited line', (lines) => lines.map((line) => line.replace('audio-vm', 'rogue-vm'))],
  ['a deleted line', (lines) => lines.toSpliced(1, 1)],
  ['lines at the end that are gone', (lines) => lines.slice(0, -1)],
  ['a line with a checksum of its own', (lines) => lines.with(1, resummed(lines[1] ?? ''))],
  ['a last line with a checksum of its own', (lines) => lines.with(-1, resummed(lines.at(-1) ?? ''))],
];

/** The line says something else, and is a record for anyone who does not look at the next one. */
function resummed(line: string): string {
  const { seq, prev } = JSON.parse(line) as { seq: number; prev: string };
  const body = line.slice(line.indexOf(',') + 1, line.lastIndexOf(',"prev"'));
  return encodeLine(seq, body.replace('audio-vm', 'rogue-vm'), prev);
}

for (const [label, alter] of ALTERATIONS) {
  retention(`${label} is evidence: nothing is removed, and the log says why`, async () => {
    const bench = await grown();
    const { disk } = bench;
    const lines = alter(disk.bytes(2).toString().split('\n').slice(0, -1));
    disk.files.set(2, Buffer.from(lines.map((line) => `${line}\n`).join('')));
    await pass(bench, DAY_MS);
    assert.equal(disk.removed, []);
    assert.equal(
      prunes(disk).map(({ reason }) => reason),
      ['ALTERED'],
      'said once',
    );
  });
}

retention('a removal that a crash interrupted is completed by the next run, and verifies before that', async () => {
  const bench = await grown();
  const whole = bench.disk.crashed();
  await pass(bench, DAY_MS);
  const { disk } = bench;
  const removed = [...disk.removed];
  for (let done = 0; done <= removed.length; done++) {
    const crashed = disk.crashed();
    for (const segment of removed.slice(done)) crashed.files.set(segment, whole.bytes(segment));
    assert.equal(await problemsOf(crashed, KEYS).then((codes) => codes.filter((code) => code !== 'TORN_TAIL')), []);
    const again = await open({ keepMs: DAY_MS }, crashed);
    again.clock.advance(bench.clock.mono() - again.clock.mono());
    await settle();
    await record(again, 1);
    await pass(again, HOUR_MS);
    await again.log.close();
    assert.not.ok(
      removed.some((segment) => crashed.files.has(segment)),
      `${done} of ${removed.length}`,
    );
    assert.equal(await problemsOf(crashed), []);
  }
});

retention('a torn segment is not cut off from the record that states its tail', async () => {
  const disk = new MemoryDisk();
  const first = await open({}, disk);
  await record(first, 3);
  const torn = disk.crashed();
  const newest = Math.max(...torn.files.keys());
  torn.files.set(newest, Buffer.concat([torn.bytes(newest), Buffer.from('{"seq":')]));
  const bench = await open({ keepMs: DAY_MS }, torn);
  await record(bench, 12);
  await pass(bench, HOUR_MS);
  await pass(bench, 2 * DAY_MS);
  assert.ok(torn.removed.length > 0);
  await bench.log.close();
  assert.equal(await problemsOf(torn), []);
});

retention('status counts from what was removed', async () => {
  const { disk, log } = await pruned();
  await log.close();
  const { records, prunedRecords, signed } = await auditStatus('unused', disk, async () => 1_000);
  assert.ok(prunedRecords > 0);
  assert.is(prunedRecords + records, signed);
});

retention('a full file system, and a log that outgrows its total before its time, are said once', async () => {
  const bench = await open({ warnAt: 0.8 });
  bench.disk.fileSystem = { free: 100, size: 1_000 };
  await pass(bench, 3 * HOUR_MS);
  bench.disk.fileSystem = { free: 900, size: 1_000 };
  await pass(bench, HOUR_MS);
  bench.disk.fileSystem = { free: 199, size: 1_000 };
  await pass(bench, HOUR_MS);
  const said = (disk: MemoryDisk): unknown[] =>
    disk.records().flatMap(({ event, reason, detail }) => (event === 'audit.space' ? [{ reason, detail }] : []));
  assert.equal(said(bench.disk), [
    { reason: 'DISK', detail: { free: 100, size: 1_000 } },
    { reason: 'DISK', detail: { free: 199, size: 1_000 } },
  ]);
  const growing = await open({ keepMs: 30 * DAY_MS, totalBytes: 4 * SEGMENT_BYTES, warnAt: 0.5 });
  await record(growing, 18);
  await pass(growing, HOUR_MS);
  assert.equal(said(growing.disk).length, 1);
  assert.match(JSON.stringify(said(growing.disk)), 'TOTAL');
});

retention('options out of range are refused', async () => {
  for (const options of [
    { keepMs: HOUR_MS - 1 },
    { rotateMs: 1 },
    { totalBytes: SEGMENT_BYTES },
    { warnAt: 0 },
    { warnAt: 1.1 },
  ]) {
    const error = await open(options).then(
      () => null,
      (cause: unknown) => cause,
    );
    assert.is(error instanceof AuditError ? error.code : error, 'ERR_AUDIT_OPTION', JSON.stringify(options));
  }
});

retention('a log without retention has no timer of its own', async () => {
  const { log, clock } = await openOn();
  const before = clock.pendingTimers;
  await log.close();
  const kept = await openOn(new MemoryDisk(), { retention: { keepMs: DAY_MS } });
  assert.is(kept.clock.pendingTimers, before + 1);
  await kept.log.close();
  assert.is(kept.clock.pendingTimers, clock.pendingTimers);
});

retention('segments are removed from a real directory, and its file system is known', async () => {
  const directory = join(temporaryDirectory(), 'log');
  const files = nodeFiles(directory);
  await files.prepare();
  for (const segment of [1, 2, 3]) await (await files.create(segment)).close();
  await files.remove([1, 2, 7]);
  assert.equal(readdirSync(directory), ['00000003.jsonl']);
  const { free, size } = await files.space();
  assert.ok(free > 0 && free <= size);
});

retention.run();
