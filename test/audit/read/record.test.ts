/** A record by its number: read from its own segment, and found wherever an altered log has it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeLine } from '../../../broker/audit/chain.ts';
import { readRecord } from '../../../broker/audit/index.ts';
import { ZERO_HASH } from '../../../broker/audit/limits.ts';
import { MemoryDisk } from '../fixtures.ts';

const byNumber = suite('audit record by number');

/** A log of these segments, each a list of numbers; 0 is a line that is no record. */
function logOf(segments: readonly (readonly number[])[]): MemoryDisk {
  const disk = new MemoryDisk();
  for (const [index, numbers] of segments.entries()) {
    const lines = numbers.map((seq) =>
      seq === 0 ? 'damaged' : encodeLine(seq, `"event":"broker.start","detail":{"n":${seq}}`, ZERO_HASH),
    );
    disk.files.set(index + 1, Buffer.from(lines.map((line) => `${line}\n`).join('')));
  }
  return disk;
}

async function find(disk: MemoryDisk, seq: number): Promise<number | null> {
  return (await readRecord('', seq, disk))?.parsed.seq ?? null;
}

const LOGS: readonly (readonly [name: string, segments: readonly (readonly number[])[]])[] = [
  ['one segment', [[1, 2, 3]]],
  ['many segments', [[1, 2], [3], [4, 5, 6], [7, 8], [9]]],
  ['the oldest segments pruned', [[], [], [7, 8], [9, 10]]],
  ['empty segments, and damaged first lines', [[1, 2], [], [0, 3, 4], [0], [5, 6]]],
  ['segments in another order', [[7, 8], [1, 2], [5], [3, 4]]],
  ['a first line with a false number', [[1, 2], [900, 3, 4], [5]]],
];
for (const [name, segments] of LOGS)
  byNumber(`every record is found, and no other: ${name}`, async () => {
    const disk = logOf(segments);
    const numbers = segments.flat().filter((seq) => seq > 0);
    for (const seq of numbers) assert.is(await find(disk, seq), seq);
    for (const seq of [0, 11, 1_000]) assert.is(await find(disk, seq), null);
  });

byNumber('of a hundred segments, eight are looked into', async () => {
  const disk = logOf(Array.from({ length: 100 }, (_, index) => [2 * index + 1, 2 * index + 2]));
  const read = disk.read.bind(disk);
  let looks = 0;
  disk.read = (segment, offset, length) => {
    looks++;
    return read(segment, offset, length);
  };
  for (const seq of [1, 64, 150, 200]) {
    looks = 0;
    assert.is(await find(disk, seq), seq);
    assert.ok(looks <= 8, `${looks} for record ${seq}`);
  }
});

byNumber.run();
