import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeLine, hashLine } from '../../../broker/audit/chain.ts';
import { signCheckpoint, splitNotes } from '../../../broker/audit/evidence/index.ts';
import {
  AuditError,
  type CheckpointSigner,
  latestCheckpoint,
  type ProblemCode,
  parseCheckpoint,
  proveConsistency,
  proveRecord,
  type VerifyResult,
  verifyAudit,
  verifyProof,
} from '../../../broker/audit/index.ts';
import { CHECKPOINT_INTERVAL_MS } from '../../../broker/audit/limits.ts';
import { CHECKPOINTS_FILE } from '../../../broker/audit/verify/index.ts';
import { seeded } from '../../support/seed.ts';
import { durable, type LogFixture, MemoryDisk, named, openOn, settle, signerOf } from '../fixtures.ts';

const checkpoints = suite('audit checkpoints');

const signer = signerOf('test');
const thief = signerOf('test');

async function record({ log }: LogFixture, count: number, from = 0): Promise<void> {
  for (let index = from; index < from + count; index++) {
    log.record({ event: 'session.open', src: named('audio-vm'), session: `s${index}` });
    await durable(log);
  }
}

/** Two runs of some records, several segments, several checkpoints. */
async function sample(by: CheckpointSigner | undefined = signer): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const options = { segmentBytes: 1500, ...(by === undefined ? {} : { signer: by }) };
  for (const run of [0, 1]) {
    const bench = await openOn(disk, options);
    await record(bench, 5);
    bench.clock.advance(CHECKPOINT_INTERVAL_MS);
    await settle();
    await record(bench, 4, 5 + run);
    await bench.log.close();
  }
  return disk;
}

function verify(disk: MemoryDisk, options: object = { keys: [signer.key] }): Promise<VerifyResult> {
  return verifyAudit('unused', { reader: disk, ...options });
}

async function codesOf(disk: MemoryDisk, options?: object): Promise<readonly ProblemCode[]> {
  return (await verify(disk, options)).problems.map(({ code }) => code);
}

async function codeOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
    return 'none';
  } catch (error) {
    return error instanceof AuditError ? error.code : String(error);
  }
}

function notesOf(disk: MemoryDisk): readonly string[] {
  return splitNotes(disk.beside.get(CHECKPOINTS_FILE) ?? '');
}

/** Links all lines again, as an attacker who can write every file would do. */
function relink(disk: MemoryDisk, edit: (line: string, index: number) => string | null): void {
  let [seq, prev, index] = [0, '0'.repeat(64), 0];
  for (const [number, bytes] of disk.files) {
    const lines: string[] = [];
    for (const old of bytes.toString().split('\n').slice(0, -1)) {
      const line = edit(old, index);
      index += 1;
      if (line === null) continue;
      seq += 1;
      const body = line.slice(line.indexOf(',') + 1, line.lastIndexOf(',"prev"'));
      const linked = encodeLine(seq, body, prev);
      prev = hashLine(linked);
      lines.push(`${linked}\n`);
    }
    disk.files.set(number, Buffer.from(lines.join('')));
  }
}

function cutTo(disk: MemoryDisk, count: number): void {
  let left = count;
  for (const [number, bytes] of [...disk.files]) {
    const lines = bytes.toString().split('\n').slice(0, -1).slice(0, left);
    left -= lines.length;
    if (lines.length === 0) disk.files.delete(number);
    else disk.files.set(number, Buffer.from(lines.map((line) => `${line}\n`).join('')));
  }
}

checkpoints('a signed log passes, and says what is covered', async () => {
  const disk = await sample();
  const result = await verify(disk);
  assert.equal(result.problems, []);
  assert.ok(result.checkpoints.count >= 6, 'at the start, after the interval and at the end of each run');
  assert.is(result.checkpoints.covered, result.records);
  assert.is(result.checkpoints.uncovered, 0);
  assert.is(result.checkpoints.key, 'given');
  assert.is(result.checkpoints.last, await latestCheckpoint('unused', disk));
});

checkpoints('records behind the newest checkpoint are stated as not covered', async () => {
  const bench = await openOn(undefined, { signer });
  await record(bench, 7);
  const result = await verify(bench.disk);
  assert.ok(result.ok);
  assert.equal([result.checkpoints.covered, result.checkpoints.uncovered], [1, 7]);
  bench.clock.advance(CHECKPOINT_INTERVAL_MS);
  await settle();
  assert.is((await verify(bench.disk)).checkpoints.uncovered, 0);
  assert.is(bench.log.signedRecords, 8);
  await bench.log.close();
});

checkpoints('without a key of the caller the one beside the log is used, and the result says so', async () => {
  const disk = await sample();
  assert.is((await verify(disk, {})).checkpoints.key, 'beside the log');
  disk.beside.delete('checkpoint.vkey');
  assert.is((await verify(disk, {})).checkpoints.key, 'none');
});

// ---- attacks that a chain alone does not show: those on journald and others

type Attack = readonly [label: string, code: ProblemCode, attack: (disk: MemoryDisk) => Promise<void> | void];

const ATTACKS: readonly Attack[] = [
  [
    'an edited record, all lines linked anew',
    'CHECKPOINT_MISMATCH',
    (disk) => relink(disk, (line, index) => (index === 3 ? line.replace('"session":"s', '"session":"x') : line)),
  ],
  [
    'a deleted record, all lines linked anew',
    'CHECKPOINT_MISMATCH',
    (disk) => relink(disk, (line, index) => (index === 3 ? null : line)),
  ],
  ['a cut-off end', 'CHECKPOINT_BEYOND', (disk) => cutTo(disk, 15)],
  ['the checkpoints taken away', 'CHECKPOINT_NONE', (disk) => void disk.beside.delete(CHECKPOINTS_FILE)],
  [
    'a log rewritten and signed with another key (CVE-2023-31439)',
    'CHECKPOINT_WRONG_KEY',
    async (disk) => {
      relink(disk, (line, index) => (index === 3 ? line.replace('"session":"s', '"session":"x') : line));
      const { checkpoints: report } = await verifyAudit('unused', { reader: disk, keys: [] });
      const head = parseCheckpoint(report.last ?? notesOf(disk)[0] ?? '');
      disk.beside.set(
        CHECKPOINTS_FILE,
        await signCheckpoint({ origin: 'argus/test/0', size: 3, root: head?.root ?? '' }, thief),
      );
    },
  ],
  [
    'a note whose size was edited',
    'CHECKPOINT_BAD_SIGNATURE',
    (disk) =>
      void disk.beside.set(CHECKPOINTS_FILE, (disk.beside.get(CHECKPOINTS_FILE) ?? '').replace(/\n1\n/, '\n2\n')),
  ],
  [
    'notes in another order',
    'CHECKPOINT_ORDER',
    (disk) => void disk.beside.set(CHECKPOINTS_FILE, notesOf(disk).toReversed().join('')),
  ],
  [
    'rubbish among the notes',
    'CHECKPOINT_MALFORMED',
    (disk) => void disk.beside.set(CHECKPOINTS_FILE, `rubbish\n\n${disk.beside.get(CHECKPOINTS_FILE)}`),
  ],
  [
    'the checkpoints of another log by the same broker',
    'CHECKPOINT_FOREIGN',
    async (disk) => {
      const other = await openOn(undefined, { signer, detail: { other: true } });
      await other.log.close();
      disk.beside.set(CHECKPOINTS_FILE, other.disk.beside.get(CHECKPOINTS_FILE) ?? '');
    },
  ],
];

for (const [label, code, attack] of ATTACKS) {
  checkpoints(`${label}: ${code}`, async () => {
    const disk = await sample();
    await attack(disk);
    const codes = await codesOf(disk);
    assert.ok(codes.includes(code), JSON.stringify(codes));
  });
}

checkpoints('a log that was never signed does not pass where a key is demanded (journald #15425)', async () => {
  const bench = await openOn();
  await bench.log.close();
  assert.equal(await codesOf(bench.disk, {}), []);
  assert.equal(await codesOf(bench.disk), ['CHECKPOINT_NONE']);
});

checkpoints('the wrong key never passes (journald #11524)', async () => {
  const disk = await sample();
  assert.ok((await codesOf(disk, { keys: [thief.key] })).every((code) => code === 'CHECKPOINT_WRONG_KEY'));
  assert.ok((await codesOf(disk, { keys: [thief.key] })).length > 0);
});

checkpoints('a live log with an unfinished line passes up to it (journald #27532)', async () => {
  const bench = await openOn(undefined, { signer });
  await record(bench, 3);
  const last = bench.disk.files.size;
  bench.disk.files.set(last, Buffer.concat([bench.disk.bytes(last), Buffer.from('{"seq":5,"ti')]));
  const result = await verify(bench.disk);
  assert.ok(result.ok);
  assert.is(result.unfinishedBytes, 12);
});

checkpoints('clock steps and quick restarts do not matter (journald #17833, ghaf #2239)', async () => {
  const disk = new MemoryDisk();
  for (const _ of [1, 2, 3, 4]) {
    // The clock of each run starts at the same time, so time steps back with each run.
    const bench = await openOn(disk, { signer });
    await bench.log.close();
  }
  const result = await verify(disk);
  assert.equal(result.problems, []);
  assert.is(result.records, 8);
});

// ---- remembered checkpoints

checkpoints('a remembered checkpoint shows a log that was rolled back, forked or swapped', async () => {
  const disk = await sample();
  const early = notesOf(disk)[1] ?? '';
  const since = notesOf(disk).at(-1) ?? '';
  const keys = [signer.key];
  assert.is((await verify(disk, { keys, since: early })).checkpoints.since, parseCheckpoint(early)?.size);
  const rolledBack = await sample();
  cutTo(rolledBack, 11);
  rolledBack.beside.set(CHECKPOINTS_FILE, notesOf(disk).slice(0, 3).join(''));
  assert.ok((await codesOf(rolledBack, { keys, since })).includes('SINCE_MISSING'));
  const forked = await sample();
  relink(forked, (line, index) => (index === 8 ? line.replace('"session":"s', '"session":"x') : line));
  assert.ok((await codesOf(forked, { since })).includes('SINCE_MISMATCH'));
  const other = await openOn(undefined, { signer, detail: { other: true } });
  await other.log.close();
  assert.ok((await codesOf(other.disk, { keys, since })).includes('SINCE_FOREIGN'));
  assert.ok((await codesOf(disk, { keys, since: 'rubbish' })).includes('SINCE_UNSIGNED'));
});

// ---- opening

checkpoints('a log that was cut off below its checkpoint is not continued (CVE-2023-31438)', async () => {
  const disk = await sample();
  cutTo(disk, 12);
  assert.is(await codeOf(() => openOn(disk, { signer })), 'ERR_AUDIT_TAMPERED');
});

checkpoints('a log that is not the signed one is not continued', async () => {
  const disk = await sample();
  relink(disk, (line, index) => (index === 3 ? line.replace('"session":"s', '"session":"x') : line));
  disk.beside.delete('checkpoint.state');
  assert.is(await codeOf(() => openOn(disk, { signer })), 'ERR_AUDIT_TAMPERED');
});

checkpoints('a cache that lies is not believed', async () => {
  const disk = await sample();
  const state = disk.beside.get('checkpoint.state') ?? '';
  for (const lie of ['', '{}', state.replace(/"hash":"./, '"hash":"z'), state.replace(/"hash":"./g, '"hash":"0')]) {
    const copy = disk.crashed();
    copy.beside.set('checkpoint.state', lie);
    const { log } = await openOn(copy, { signer });
    await log.close();
    assert.ok((await verify(copy)).ok);
  }
});

checkpoints('what a crash left unsigned is counted in the next broker.start', async () => {
  const bench = await openOn(undefined, { signer });
  await record(bench, 6);
  const { log, disk } = await openOn(bench.disk.crashed(), { signer });
  await log.close();
  assert.is(disk.records().filter(({ event }) => event === 'broker.start')[1]?.detail?.uncovered, 6);
  assert.ok((await verify(disk)).ok);
});

checkpoints('a checkpoint that was cut off is taken away, and the log goes on', async () => {
  for (const keep of [1, 40, 90]) {
    const disk = await sample();
    const text = disk.beside.get(CHECKPOINTS_FILE) ?? '';
    const last = notesOf(disk).at(-1) ?? '';
    disk.beside.set(CHECKPOINTS_FILE, text.slice(0, text.length - last.length + keep));
    const { log } = await openOn(disk, { signer });
    await log.close();
    assert.equal(await codesOf(disk), []);
  }
});

checkpoints('a disk that takes no checkpoint costs no record, and the next one covers them', async () => {
  const bench = await openOn(undefined, { signer });
  await record(bench, 3);
  const { appendBeside } = bench.disk;
  bench.disk.appendBeside = async (name, text) => {
    await appendBeside.call(bench.disk, name, text.slice(0, 20));
    throw new Error('ENOSPC');
  };
  bench.clock.advance(CHECKPOINT_INTERVAL_MS);
  await settle();
  bench.disk.appendBeside = appendBeside;
  assert.ok(bench.log.healthy);
  await record(bench, 3, 3);
  await bench.log.close();
  const result = await verify(bench.disk);
  assert.equal(result.problems, []);
  assert.is(result.checkpoints.covered, 8);
});

// ---- proofs from a log

checkpoints('any record is proven from the log, and the proof is checked without it', async () => {
  const disk = await sample();
  const { records } = await verify(disk);
  for (const seq of [1, 2, 7, records]) {
    const verdict = verifyProof(await proveRecord('unused', seq, disk), signer.key);
    assert.ok(verdict.ok);
    assert.is(JSON.parse(Buffer.from(verdict.line).toString()).seq, seq);
  }
  assert.is(await codeOf(() => proveRecord('unused', records + 1, disk)), 'ERR_AUDIT_UNPROVEN');
  assert.is(await codeOf(() => proveRecord('unused', 1, new MemoryDisk())), 'ERR_AUDIT_UNPROVEN');
  assert.is((await proveConsistency('unused', 3, disk)).checkpoint, await latestCheckpoint('unused', disk));
  assert.is(await codeOf(() => proveConsistency('unused', records + 1, disk)), 'ERR_AUDIT_UNPROVEN');
});

// ---- the fast check and the slow one

checkpoints('the fast look finds what the slow one finds, in any tampered log', async () => {
  const disk = await sample();
  const segments = [...disk.files.keys()];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...segments),
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      fc.constantFrom('flip', 'insert', 'delete', 'drop line', 'repeat line', 'none'),
      async (segment, where, kind) => {
        const tampered = disk.crashed();
        const bytes = tampered.bytes(segment);
        const at = Math.floor(where * bytes.length);
        const line = [bytes.lastIndexOf(10, at - 1) + 1, bytes.indexOf(10, at) + 1] as const;
        const edits: Readonly<Record<typeof kind, readonly Uint8Array[]>> = {
          flip: [bytes.subarray(0, at), Buffer.from([(bytes[at] ?? 0) ^ 4]), bytes.subarray(at + 1)],
          insert: [bytes.subarray(0, at), Buffer.from('7'), bytes.subarray(at)],
          delete: [bytes.subarray(0, at), bytes.subarray(at + 1)],
          'drop line': [bytes.subarray(0, line[0]), bytes.subarray(line[1])],
          'repeat line': [bytes.subarray(0, line[1]), bytes.subarray(line[0])],
          none: [bytes],
        };
        tampered.files.set(segment, Buffer.concat(edits[kind]));
        const fast = await verify(tampered);
        // With a `judge` the slow check reads every line.
        const slow = await verify(tampered, { keys: [signer.key], judge: () => null });
        assert.equal(fast, slow);
        assert.is(fast.ok, kind === 'none');
      },
    ),
    seeded({ numRuns: 400 }),
  );
});

checkpoints.run();
