/** The fast look at a part of the log: clean chains are summed up, anything else is left to the slow look. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeLine, hashLine } from '../../../broker/audit/chain.ts';
import { CompactRange } from '../../../broker/audit/evidence/index.ts';
import type { AuditReader } from '../../../broker/audit/files/files.ts';
import { VERIFY_WORKERS_BYTES } from '../../../broker/audit/limits.ts';
import { type Part, scanOf } from '../../../broker/audit/verify/parts.ts';
import { openScanner } from '../../../broker/audit/verify/pool.ts';
import { scanPart } from '../../../broker/audit/verify/scan.ts';
import { seeded } from '../../support/seed.ts';

const scan = suite('audit scan');

const BODY = '"time":"2026-11-28T10:00:00.000Z","event":"session.open","src":"a-vm"';
const ZERO = '0'.repeat(64);

/** Lines with right links and checksums whatever their numbers are: what a forger with the file can write. */
function chainOf(numbers: readonly number[]): string[] {
  let prev = ZERO;
  return numbers.map((seq) => {
    const line = encodeLine(seq, BODY, prev);
    prev = hashLine(line);
    return line;
  });
}

/** As scanPart wants it: a byte to spare, then whole lines. */
function partOf(lines: readonly string[]): Buffer {
  return Buffer.from(` ${lines.map((line) => `${line}\n`).join('')}`);
}

scan('a clean chain is summed up, and its bytes are as before', () => {
  const lines = chainOf([5, 6, 7, 8]);
  const bytes = partOf(lines);
  const found = scanPart(bytes, [6, 8]);
  assert.ok(found);
  assert.is(found.lines, 4);
  assert.is(found.firstSeq, 5);
  assert.is(found.firstPrev, ZERO);
  assert.is(found.firstLeaf, hashLine(lines[0] ?? ''));
  assert.is(found.lastHash, hashLine(lines[3] ?? ''));
  assert.equal(
    found.heads.map(({ size }) => size),
    [6, 8],
  );
  assert.equal(bytes, partOf(lines));
});

for (const numbers of [
  [5, 7],
  [5, 5],
  [5, 4],
  [5, 6, 8],
  [0, 1],
]) {
  scan(`records numbered ${numbers.join(', ')} are no clean chain, whatever links and checksums say`, () => {
    assert.is(scanPart(partOf(chainOf(numbers)), []), null);
  });
}

scan('wherever a part begins and ends, its subtrees are those of the tree', () => {
  for (let from = 1; from <= 18; from++) {
    const lines = chainOf(Array.from({ length: 35 }, (_, at) => from + at));
    const sizes = lines.map((_, at) => from + at);
    const found = scanPart(partOf(lines), sizes);
    const range = new CompactRange(from - 1);
    for (const [at, line] of lines.entries()) {
      range.appendLeaf(hashLine(line));
      assert.equal(found?.heads[at], { size: from + at, nodes: range.nodes });
    }
    assert.equal(found?.nodes, range.nodes);
  }
});

scan('only its checksum covers the last line: it is looked at', () => {
  const [line = ''] = chainOf([5]);
  const edited = line.replace('a-vm', 'b-vm');
  assert.is.not(scanPart(partOf([line]), []), null);
  assert.is(scanPart(partOf([edited]), []), null);
});

scan('no byte can change unseen', () => {
  const bytes = partOf(chainOf([98, 99, 100, 101]));
  const anyByte = fc.tuple(fc.integer({ min: 1, max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(anyByte, ([at, mask]) => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ mask;
      return scanPart(changed, []) === null;
    }),
    seeded({ numRuns: 500 }),
  );
});

/** A segment in memory. */
function segmentOf(bytes: Buffer): AuditReader {
  return {
    segments: async () => [{ number: 1, bytes: bytes.length }],
    read: async (_, offset, length) => bytes.subarray(offset, offset + length),
    hasWriter: async () => false,
    readBeside: async () => null,
  };
}

/** One line is longer than what is read ahead of a part. */
const LENGTHS = [10, 9_000, 30, 5_000, 20] as const;

scan('wherever a segment is cut, its two parts are all of its lines', async () => {
  let prev = ZERO;
  const lines = LENGTHS.map((length, at) => {
    const line = encodeLine(at + 1, `${BODY},"detail":{"text":"${'x'.repeat(length)}"}`, prev);
    prev = hashLine(line);
    return line;
  });
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  const [reader, size] = [segmentOf(bytes), bytes.length];
  for (let cut = 1; cut < size; cut += 7) {
    const first = await scanOf(reader, { segment: 1, from: 0, to: cut, size }, []);
    const second = await scanOf(reader, { segment: 1, from: cut, to: size, size }, []);
    assert.is(first?.start, 0);
    assert.is((first?.summary.lines ?? 0) + (second?.summary.lines ?? 0), LENGTHS.length, `cut at ${cut}`);
    if (second !== null) assert.is(second.start, first?.end);
  }
  const torn = { segment: 1, from: 0, to: size - 1, size: size - 1 };
  assert.is(await scanOf(reader, torn, []), null, 'the last line does not end');
});

/** A segment of a hundred lines, and its three parts. */
function threeParts(): { readonly bytes: Buffer; readonly parts: readonly Part[] } {
  const bytes = partOf(chainOf(Array.from({ length: 100 }, (_, at) => at + 1))).subarray(1);
  const size = bytes.length;
  const cuts = [0, Math.floor(size / 3), Math.floor((2 * size) / 3), size];
  const parts = cuts.slice(1).map((to, at) => ({ segment: 1, from: cuts[at] ?? 0, to, size }));
  return { bytes, parts };
}

scan('parts that are asked for at once do not share their memory', async () => {
  const { bytes, parts } = threeParts();
  const reader: AuditReader = {
    ...segmentOf(bytes),
    read: async (_, offset, length, into) => {
      const read = bytes.copy(into as Uint8Array, 0, offset, offset + length);
      await new Promise((resolve) => setImmediate(resolve));
      return (into as Uint8Array).subarray(0, read);
    },
  };
  const scanner = openScanner(null, reader, [], bytes.length);
  const scanned = await Promise.all(parts.map((part) => scanner.scan(part)));
  assert.equal(
    scanned.map((part) => part?.summary.lines),
    (await Promise.all(parts.map((part) => scanOf(segmentOf(bytes), part, [])))).map((part) => part?.summary.lines),
  );
});

scan('worker threads start in a process that was started with a script on its command line', async () => {
  const { bytes, parts } = threeParts();
  const directory = mkdtempSync(join(tmpdir(), 'argus-scan-'));
  try {
    writeFileSync(join(directory, '00000001.jsonl'), bytes);
    const code = `
      import { openScanner } from ${JSON.stringify(new URL('../../../broker/audit/verify/pool.js', import.meta.url).href)};
      const scanner = openScanner(${JSON.stringify(directory)}, null, [], ${VERIFY_WORKERS_BYTES});
      const scanned = await Promise.all(${JSON.stringify(parts)}.map((part) => scanner.scan(part)));
      console.log(scanned.reduce((lines, part) => lines + (part?.summary.lines ?? 0), 0));
      await scanner.close();`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code]);
    assert.is(stdout.trim(), '100');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

scan('a milestone is found, and a text that only looks like one is not', () => {
  const bodies = [
    BODY.replace('session.open', 'broker.start'),
    `${BODY},"detail":{"text":"broker. audit. torn"}`,
    BODY.replace('session.open', 'audit.gap'),
  ];
  let prev = ZERO;
  const lines = bodies.map((body, at) => {
    const line = encodeLine(at + 1, body, prev);
    prev = hashLine(line);
    return line;
  });
  assert.equal(
    scanPart(partOf(lines), [])?.milestones.map(({ seq, event }) => [seq, event]),
    [
      [1, 'broker.start'],
      [3, 'audit.gap'],
    ],
  );
});

scan.run();
