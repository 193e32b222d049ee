/** A line that is longer than any record: every reader goes on after it, and knows where the next line stands. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeLine } from '../../../broker/audit/chain.ts';
import { parseLine, placeAfter, readAudit, readLineAt, type TailLine, tailAudit } from '../../../broker/audit/index.ts';
import { MAX_LINE_BYTES, READ_BYTES, ZERO_HASH } from '../../../broker/audit/limits.ts';
import { BEGINNING, readBatch } from '../../../clients/audit/stream/records.ts';
import { durable, MemoryDisk, named, openOn } from '../fixtures.ts';

const longLines = suite('audit long lines');

/** Within one chunk of reading, across the end of one, and longer than two. */
const LENGTHS = [MAX_LINE_BYTES + 1, READ_BYTES - 1_000, 2 * READ_BYTES + 17];

async function diskWithLongLines(): Promise<MemoryDisk> {
  const { log, disk } = await openOn();
  for (let index = 0; index < 3; index++) {
    log.record({ event: 'session.open', src: named('audio-vm'), session: `s${index}` });
    await durable(log);
  }
  await log.close();
  const records = disk.bytes(1).toString().trimEnd().split('\n');
  const lines = records.flatMap((record, at) => [
    record,
    ...(at < LENGTHS.length ? ['x'.repeat(LENGTHS[at] ?? 0)] : []),
  ]);
  disk.files.set(1, Buffer.from(lines.map((line) => `${line}\n`).join('')));
  return disk;
}

function seqOf({ parsed }: TailLine): number | string {
  return typeof parsed === 'string' ? parsed : parsed.seq;
}

const EXPECTED = [1, 'LINE_TOO_LONG', 2, 'LINE_TOO_LONG', 3, 'LINE_TOO_LONG', 4, 5];

longLines('the place of each line is where it stands in the segment', async () => {
  const disk = await diskWithLongLines();
  const seen: (number | string)[] = [];
  let end = { segment: 1, offset: 0 };
  for await (const line of readAudit('', undefined, disk)) {
    assert.equal(line.place, end);
    end = placeAfter(line);
    assert.is(disk.bytes(1)[end.offset - 1], 0x0a);
    assert.is(seqOf(await readLineAt('', line.place, line.length, disk)), seqOf(line));
    seen.push(seqOf(line));
  }
  assert.equal(seen, EXPECTED);
  assert.is(end.offset, disk.bytes(1).length);
});

longLines('a line that is too long is no record, even if it is well-formed', async () => {
  const line = encodeLine(1, `"event":"broker.start","detail":{"text":"${'x'.repeat(MAX_LINE_BYTES)}"}`, ZERO_HASH);
  assert.is(seqOf({ segment: 1, parsed: parseLine(Buffer.from(line)) }), 1);
  const disk = new MemoryDisk();
  disk.files.set(1, Buffer.from(`${line}\n`));
  for await (const read of readAudit('', undefined, disk)) assert.is(seqOf(read), 'LINE_TOO_LONG');
});

longLines('a stream goes on after it', async () => {
  const disk = await diskWithLongLines();
  const { records, findings, end } = await readBatch(disk, BEGINNING, () => true);
  assert.equal(
    records.map(({ seq }) => seq),
    [1, 2, 3, 4, 5],
  );
  assert.is(findings.filter((finding) => finding.includes('LINE_TOO_LONG')).length, LENGTHS.length);
  assert.is(end.place.offset, disk.bytes(1).length);
  assert.is((await readBatch(disk, end, () => true)).isEmpty, true);
});

longLines('following goes on after it', async () => {
  const disk = await diskWithLongLines();
  const whole = disk.bytes(1);
  disk.files.set(1, Buffer.alloc(0));
  const stop = new AbortController();
  const following = tailAudit('', { lines: 0, follow: stop.signal, reader: disk });
  const first = following.next();
  disk.files.set(1, whole);
  const seen = [seqOf((await first).value)];
  while (seen.length < EXPECTED.length) seen.push(seqOf((await following.next()).value));
  stop.abort();
  assert.equal(seen, EXPECTED);
});

longLines.run();
