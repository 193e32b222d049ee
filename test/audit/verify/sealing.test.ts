/**
 * The seven ways in which journald's sealed logs failed, each as a test: edits under a newer key, a cut and continued
 * log, a log without seals, a wrong key, a log that is being written, a clock that steps, and restarts in one interval.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hashLine } from '../../../broker/audit/chain.ts';
import {
  AuditError,
  type CheckpointSigner,
  latestCheckpoint,
  type ProblemCode,
  type VerifierKey,
  verifyAudit,
} from '../../../broker/audit/index.ts';
import { CHECKPOINT_INTERVAL_MS, DAY_MS } from '../../../broker/audit/limits.ts';
import { durable, type LogFixture, MemoryDisk, named, openOn, settle, signerOf } from '../fixtures.ts';

const sealing = suite('audit: the failures of sealed logs');
const signer = signerOf('test');

async function grow({ log, clock }: LogFixture, count: number): Promise<void> {
  for (let index = 0; index < count; index++)
    log.record({ event: 'session.open', src: named('audio-vm'), session: `s${index}` });
  await durable(log);
  clock.advance(CHECKPOINT_INTERVAL_MS);
  await settle();
}

/** A log of some signed records; closed. */
async function sealed(by: CheckpointSigner | null = signer, disk = new MemoryDisk()): Promise<MemoryDisk> {
  const fixture = await openOn(disk, by === null ? {} : { signer: by });
  await grow(fixture, 4);
  await fixture.log.close();
  return disk;
}

async function found(
  disk: MemoryDisk,
  keys: readonly VerifierKey[] = [signer.key],
  since?: string,
): Promise<readonly ProblemCode[]> {
  const result = await verifyAudit('unused', { reader: disk, keys, ...(since === undefined ? {} : { since }) });
  return result.problems.map(({ code }) => code);
}

async function codeOf(opening: Promise<unknown>): Promise<string> {
  return opening.then(
    () => 'opened',
    (error: unknown) => (error instanceof AuditError ? error.code : String(error)),
  );
}

/** Cuts the log after its first `count` records, whose chain stays whole. */
function cut(disk: MemoryDisk, count: number): void {
  const lines = disk.text().split('\n').slice(0, count);
  disk.files.clear();
  disk.files.set(1, Buffer.from(`${lines.join('\n')}\n`));
}

sealing('1: edited records that are sealed again with a newer key do not pass (CVE-2023-31439)', async () => {
  const disk = await sealed();
  const newer = signerOf('test');
  const last = hashLine(disk.text().split('\n')[2] ?? '');
  assert.is(last.length, 64);
  cut(disk, 3);
  assert.is(await codeOf(openOn(disk, { signer: newer })), 'ERR_AUDIT_TAMPERED', 'no broker seals it again');
  // A forger has the newer key and no scruples: the old checkpoints are gone, the new one is valid.
  for (const name of ['checkpoints', 'checkpoint.state']) disk.beside.delete(name);
  disk.locked = false;
  const forged = await openOn(disk, { signer: newer });
  await grow(forged, 2);
  await forged.log.close();
  assert.equal(new Set(await found(disk)), new Set(['CHECKPOINT_WRONG_KEY']), 'the auditor has the first key');
});

sealing('2: a log that is cut and continued does not pass (CVE-2023-31438)', async () => {
  const disk = await sealed();
  const remembered = (await latestCheckpoint('unused', disk)) ?? '';
  cut(disk, 3);
  assert.is(await codeOf(openOn(disk, { signer })), 'ERR_AUDIT_TAMPERED', 'the broker does not continue it');
  assert.ok((await found(disk)).includes('CHECKPOINT_BEYOND'));
  for (const name of ['checkpoints', 'checkpoint.state']) disk.beside.delete(name);
  disk.locked = false;
  const continued = await openOn(disk, { signer });
  await grow(continued, 20);
  await continued.log.close();
  assert.equal(await found(disk, [signer.key], remembered), ['SINCE_MISMATCH'], 'no epoch is empty and so unsealed');
});

sealing('3: a log without any seal does not pass when a key is given (systemd 15425)', async () => {
  const disk = await sealed(null);
  assert.equal(await found(disk), ['CHECKPOINT_NONE']);
  const result = await verifyAudit('unused', { reader: disk });
  assert.equal([result.ok, result.checkpoints.covered], [true, 0], 'without a key it says that nothing is covered');
});

sealing('4: another key never passes, whatever its name (systemd 11524)', async () => {
  const disk = await sealed();
  for (const other of [signerOf('test'), signerOf('other'), signerOf('tes')])
    assert.ok((await found(disk, [other.key])).includes('CHECKPOINT_WRONG_KEY'), other.key.name);
});

sealing('5: a log that is being written passes, up to the length it had (systemd 27532)', async () => {
  const fixture = await openOn(new MemoryDisk(), { signer });
  await grow(fixture, 4);
  fixture.disk.gate = new Promise(() => undefined);
  fixture.log.record({ event: 'session.open', src: named('audio-vm'), session: 'unsealed' });
  await settle();
  const bytes = fixture.disk.bytes(1);
  fixture.disk.files.set(1, bytes.subarray(0, bytes.length - 7));
  const result = await verifyAudit('unused', { reader: fixture.disk, keys: [signer.key] });
  assert.equal([result.ok, result.live, result.unfinishedBytes > 0], [true, true, true]);
});

sealing('6: a clock that steps back or forward does not make a good log fail (systemd 17833)', async () => {
  const fixture = await openOn(new MemoryDisk(), { signer });
  for (const step of [-DAY_MS, 3 * DAY_MS, -2 * DAY_MS]) {
    fixture.clock.step(step);
    await grow(fixture, 2);
  }
  await fixture.log.close();
  assert.equal(await found(fixture.disk), []);
  const steps = fixture.disk.records().filter(({ event }) => event === 'audit.clock');
  assert.equal(
    steps.map(({ reason }) => reason),
    ['BACK', 'FORWARD', 'BACK'],
  );
});

sealing('7: many restarts and rotations within one interval do not make it fail (ghaf 2239)', async () => {
  const disk = new MemoryDisk();
  for (let run = 0; run < 12; run++) {
    const fixture = await openOn(disk, { signer, segmentBytes: 400 });
    fixture.log.record({ event: 'session.open', src: named('audio-vm'), session: `run${run}` });
    await fixture.log.close();
  }
  assert.ok(disk.files.size > 12);
  assert.equal(await found(disk), []);
  const { checkpoints } = await verifyAudit('unused', { reader: disk, keys: [signer.key] });
  assert.is(checkpoints.uncovered, 0);
});

sealing.run();
