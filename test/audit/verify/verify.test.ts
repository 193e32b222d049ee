import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeLine, hashLine } from '../../../broker/audit/chain.ts';
import { type ProblemCode, verifyAudit } from '../../../broker/audit/index.ts';
import { MAX_LINE_BYTES, MAX_PROBLEMS } from '../../../broker/audit/limits.ts';
import { seeded } from '../../support/seed.ts';
import { denialOf, durable, MemoryDisk, named, openOn } from '../fixtures.ts';

const verify = suite('audit verify');

/** Three segments of some records each, closed cleanly. */
async function sample(): Promise<MemoryDisk> {
  const { log, disk } = await openOn(undefined, { segmentBytes: 1200 });
  for (let index = 0; index < 9; index++) {
    log.record({ event: 'session.open', src: named('audio-vm'), session: `s${index}` });
    log.denied(denialOf(), index, 0);
    await durable(log);
  }
  await log.close();
  assert.ok(disk.files.size >= 3);
  return disk;
}

/** The log as lines, put back with the same borders; a tamperer edits the flat list. */
function linesOf(disk: MemoryDisk, segment: number): string[] {
  return disk.bytes(segment).toString().trimEnd().split('\n');
}

function rewrite(disk: MemoryDisk, segment: number, edit: (lines: string[]) => string[]): void {
  const lines = edit(linesOf(disk, segment));
  disk.files.set(segment, Buffer.from(lines.map((line) => `${line}\n`).join('')));
}

const TAMPERINGS: readonly (readonly [string, ProblemCode, (disk: MemoryDisk) => void])[] = [
  [
    'a word is edited',
    'BAD_SUM',
    (d) => rewrite(d, 1, (l) => l.map((line, i) => (i === 1 ? line.replace('s0', 's9') : line))),
  ],
  ['a line is deleted', 'SEQ_GAP', (d) => rewrite(d, 1, (l) => l.toSpliced(1, 1))],
  ['the first line is deleted', 'SEQ_GAP', (d) => rewrite(d, 1, (l) => l.slice(1))],
  ['a line is repeated', 'SEQ_REPEATED', (d) => rewrite(d, 1, (l) => l.toSpliced(1, 0, l[1] ?? ''))],
  ['two lines are swapped', 'SEQ_REPEATED', (d) => rewrite(d, 1, ([a = '', b = '', c = '', ...l]) => [a, c, b, ...l])],
  ['an empty line is inserted', 'BAD_JSON', (d) => rewrite(d, 1, (l) => l.toSpliced(1, 0, ''))],
  ['an object that is no record is inserted', 'BAD_FIELDS', (d) => rewrite(d, 1, (l) => l.toSpliced(1, 0, '{}'))],
  [
    'a line without an end is inserted',
    'LINE_TOO_LONG',
    (d) => rewrite(d, 1, (l) => l.toSpliced(1, 0, 'x'.repeat(MAX_LINE_BYTES + 1))),
  ],
  [
    'a line is edited and its checksum mended',
    'PREV_MISMATCH',
    (d) => rewrite(d, 1, (l) => l.map((line, i) => (i === 1 ? reseal(line.replace('"s0"', '"s9"')) : line))),
  ],
  ['a segment is deleted', 'SEGMENT_MISSING', (d) => d.files.delete(2)],
  ['the first segment is deleted', 'SEGMENT_MISSING', (d) => d.files.delete(1)],
  ['a segment is emptied', 'SEQ_GAP', (d) => d.files.set(2, Buffer.alloc(0))],
  [
    'a segment is copied to the end',
    'SEQ_REPEATED',
    (d) => d.files.set(d.files.size + 1, Buffer.from(d.bytes(d.files.size))),
  ],
  [
    'two segments are swapped',
    'SEQ_GAP',
    (d) => {
      const [first, second] = [d.bytes(1), d.bytes(2)];
      d.files.set(1, second).set(2, first);
    },
  ],
  [
    'bytes are left behind a line within the log',
    'TORN_UNACCOUNTED',
    (d) => d.files.set(1, Buffer.concat([d.bytes(1), Buffer.from('{"se')])),
  ],
  [
    'the newest line is cut in the middle',
    'TORN_TAIL',
    (d) => d.files.set(d.files.size, d.bytes(d.files.size).subarray(0, -10)),
  ],
  ['everything is deleted', 'EMPTY', (d) => d.files.clear()],
  ['everything is emptied', 'EMPTY', (d) => [...d.files.keys()].map((n) => d.files.set(n, Buffer.alloc(0)))],
];

function reseal(line: string): string {
  const { seq, prev } = JSON.parse(line);
  const body = line.slice(line.indexOf(',') + 1, line.lastIndexOf(',"prev"'));
  return encodeLine(seq, body, prev);
}

verify('an untouched log passes, with its totals', async () => {
  const disk = await sample();
  const result = await disk.verify();
  const last = linesOf(disk, disk.files.size).at(-1) ?? '';
  assert.equal(result.problems, []);
  assert.is(result.records, 20);
  assert.equal([result.firstSeq, result.lastSeq, result.segments], [1, 20, disk.files.size]);
  assert.is(result.head, hashLine(last));
  assert.not.ok(result.live);
});

for (const [label, code, tamper] of TAMPERINGS) {
  verify(`${label}: ${code}`, async () => {
    const disk = await sample();
    tamper(disk);
    const result = await disk.verify();
    assert.not.ok(result.ok);
    assert.ok(
      result.problems.some((one) => one.code === code),
      JSON.stringify(result.problems),
    );
  });
}

verify('any byte of a log, flipped, inserted or deleted, fails', async () => {
  const disk = await sample();
  const segments = [...disk.files.keys()];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...segments),
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      fc.integer({ min: 1, max: 255 }),
      fc.constantFrom('flip', 'insert', 'delete'),
      async (segment, where, byte, kind) => {
        const tampered = disk.crashed();
        const bytes = tampered.bytes(segment);
        const at = Math.floor(where * bytes.length);
        const middle = kind === 'flip' ? [(bytes[at] ?? 0) ^ byte] : kind === 'insert' ? [byte, bytes[at] ?? 0] : [];
        tampered.files.set(
          segment,
          Buffer.concat([bytes.subarray(0, at), Buffer.from(middle), bytes.subarray(at + 1)]),
        );
        assert.not.ok((await tampered.verify()).ok);
      },
    ),
    seeded({ numRuns: 1500 }),
  );
});

verify('any line deleted, repeated, moved or taken from another log fails, but for the cut-off end', async () => {
  const disk = await sample();
  const foreign = (await sample()).text().split('\n');
  const lines = disk.text().trimEnd().split('\n');
  await fc.assert(
    fc.asyncProperty(
      fc.nat(lines.length - 1),
      fc.nat(lines.length - 1),
      fc.constantFrom('delete', 'repeat', 'move', 'foreign'),
      async (from, to, kind) => {
        const line = lines[from] ?? '';
        const without = lines.toSpliced(from, 1);
        const edited = {
          delete: without,
          repeat: lines.toSpliced(to, 0, line),
          move: without.toSpliced(to, 0, line),
          foreign: lines.toSpliced(to, 0, foreign[from] ?? ''),
        }[kind];
        const isCutOff = kind === 'delete' && from === lines.length - 1;
        if (edited.join() === lines.join()) return;
        const tampered = new MemoryDisk();
        tampered.files.set(1, Buffer.from(edited.map((one) => `${one}\n`).join('')));
        assert.is((await tampered.verify()).ok, isCutOff);
      },
    ),
    seeded({ numRuns: 500 }),
  );
});

verify('a remembered head shows the cut-off end and the log rewritten', async () => {
  const disk = await sample();
  const { head: hash } = await disk.verify();
  const since = { seq: 20, hash };
  const codes = async (options: object): Promise<ProblemCode[]> =>
    (await verifyAudit('unused', { reader: disk, ...options })).problems.map(({ code }) => code);
  assert.equal(await codes({ since, expectHead: hash }), []);
  assert.equal(await codes({ expectHead: '0'.repeat(64) }), ['HEAD_MISMATCH']);
  assert.equal(await codes({ since: { seq: 3, hash } }), ['SINCE_MISMATCH']);
  const { log } = await openOn(disk.crashed());
  await log.close();
  rewrite(disk, disk.files.size, (lines) => lines.slice(0, -1));
  assert.equal(await codes({}), [], 'the bare chain does not show it');
  assert.equal(await codes({ since }), ['SINCE_MISSING']);
  assert.equal(await codes({ expectHead: hash }), ['HEAD_MISMATCH']);
});

verify('a live log is a verified prefix; its unfinished record is no problem', async () => {
  const disk = await sample();
  const last = disk.files.size;
  disk.files.set(last, Buffer.concat([disk.bytes(last), Buffer.from('{"seq":21,"ti')]));
  disk.locked = true;
  const result = await disk.verify();
  assert.ok(result.ok);
  assert.ok(result.live);
  assert.is(result.unfinishedBytes, 13);
  disk.locked = false;
  assert.not.ok((await disk.verify()).ok, 'nobody is going to finish it');
});

verify('problems are counted beyond those that are listed', async () => {
  const disk = new MemoryDisk();
  disk.files.set(1, Buffer.from('x\n'.repeat(MAX_PROBLEMS + 10)));
  const result = await disk.verify();
  assert.is(result.problems.length, MAX_PROBLEMS);
  assert.is(result.problemCount, MAX_PROBLEMS + 11);
});

verify('bytes without any newline are refused in constant memory, and progress is told', async () => {
  const disk = new MemoryDisk();
  disk.files.set(1, Buffer.alloc(5 * 1024 * 1024, 0x20));
  const progress: number[] = [];
  const result = await verifyAudit('unused', { reader: disk, onProgress: (bytes) => progress.push(bytes) });
  assert.not.ok(result.ok);
  assert.is(progress.at(-1), 5 * 1024 * 1024);
});

verify('a directory that is not there is an error, not a result', async () => {
  await verifyAudit('/nonexistent/audit').then(
    () => assert.unreachable(),
    (error: unknown) => assert.is(Reflect.get(Object(error), 'code'), 'ERR_AUDIT_DIRECTORY'),
  );
});

verify.run();
