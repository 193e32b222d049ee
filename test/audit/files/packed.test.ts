/** Compressed segments: the same bytes at the same places, whatever is done to the files. */
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeFiles } from '../../../broker/audit/files/node-files.ts';
import { MEMBER_CONTENT_BYTES, packMember, readMember, readMembers } from '../../../broker/audit/files/packed.ts';
import { AuditError, openAuditLog, tailAudit, verifyAudit } from '../../../broker/audit/index.ts';
import { HOUR_MS } from '../../../broker/audit/limits.ts';
import { seededRandom } from '../../support/seed.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { durable, MemoryDisk, named, openOn, settle } from '../fixtures.ts';

const packed = suite('audit compressed segments');

/** A log of several segments in a real directory. */
async function sample(): Promise<string> {
  const directory = join(temporaryDirectory(), 'log');
  const log = await openAuditLog({ directory, broker: 'test', segmentBytes: 2_000 });
  for (let index = 0; index < 20; index++) {
    log.record({ event: 'session.open', src: named('audio-vm'), session: `s${index}` });
    await durable(log);
  }
  await log.close();
  return directory;
}

/** All but the newest segment, as the broker does it. */
async function compressed(): Promise<string> {
  const directory = await sample();
  const files = nodeFiles(directory);
  for (const { number } of (await files.segments()).slice(0, -1)) await files.compress(number);
  return directory;
}

async function codesOf(directory: string): Promise<readonly string[]> {
  return (await verifyAudit(directory)).problems.map(({ code }) => code);
}

async function errorOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
    return 'none';
  } catch (error) {
    return error instanceof AuditError ? error.code : String(error);
  }
}

packed('every range of a compressed file is the range of the plain one, and zcat reads it', async () => {
  const random = seededRandom();
  const lines = Array.from(
    { length: 60_000 },
    (_, seq) => `{"seq":${seq},"value":${random.below(2 ** 30)}}
`,
  );
  const plain = Buffer.from(lines.join(''));
  assert.ok(plain.length > 1.5 * MEMBER_CONTENT_BYTES);
  const directory = join(temporaryDirectory(), 'log');
  const files = nodeFiles(directory);
  await files.prepare();
  const file = await files.create(1);
  await file.append(plain);
  await file.close();
  await files.compress(1);
  assert.equal(readdirSync(directory), ['00000001.jsonl.gz']);
  const raw = readFileSync(join(directory, '00000001.jsonl.gz'));
  assert.is(Buffer.compare(gunzipSync(raw), plain), 0);
  assert.equal(await files.segments(), [{ number: 1, bytes: plain.length, stored: raw.length }]);
  for (let turn = 0; turn < 30; turn++) {
    const from = random.below(plain.length);
    const length = random.below(plain.length);
    const read = await files.read(1, from, length);
    assert.is(Buffer.compare(read, plain.subarray(from, from + length)), 0, `${length} from ${from}`);
  }
  assert.is((await files.read(1, plain.length, 10)).length, 0);
});

packed('a compressed log is verified, read and continued like a plain one', async () => {
  const directory = await sample();
  const before = await verifyAudit(directory);
  const files = nodeFiles(directory);
  for (const { number } of (await files.segments()).slice(0, -1)) await files.compress(number);
  assert.equal(await verifyAudit(directory), before);
  const seqs: number[] = [];
  for await (const { parsed } of tailAudit(directory, { lines: 1_000 }))
    if (typeof parsed !== 'string') seqs.push(parsed.seq);
  assert.equal(
    seqs,
    Array.from({ length: before.records }, (_, index) => index + 1),
  );
  const again = await openAuditLog({ directory, broker: 'test', segmentBytes: 2_000 });
  await again.close();
  assert.is((await verifyAudit(directory)).records, before.records + 2);
});

packed('after a compression that was interrupted the plain file counts', async () => {
  const directory = await compressed();
  const plain = await sample();
  const text = gunzipSync(readFileSync(join(directory, '00000001.jsonl.gz')));
  writeFileSync(join(directory, '00000001.jsonl'), text, { mode: 0o600 });
  writeFileSync(join(directory, '00000001.jsonl.gz'), 'half a file');
  writeFileSync(join(directory, '.00000002.jsonl.gz.new'), 'a quarter');
  assert.equal(await codesOf(directory), []);
  await nodeFiles(directory).compress(1);
  assert.equal([await codesOf(directory), existsSync(join(directory, '00000001.jsonl'))], [[], false]);
  assert.equal(await codesOf(plain), []);
});

packed('damage anywhere in a compressed file is a finding, or leaves the records as they were', async () => {
  const directory = await compressed();
  const path = join(directory, '00000002.jsonl.gz');
  const good = readFileSync(path);
  const text = gunzipSync(good).toString();
  for (let at = 0; at < good.length; at += 19) {
    const bad = Buffer.from(good);
    bad[at] = (bad[at] ?? 0) ^ 0x21;
    writeFileSync(path, bad);
    const codes = await codesOf(directory);
    const same = Buffer.from(await nodeFiles(directory).read(2, 0, 10_000)).toString() === text;
    assert.is(codes.length === 0, same, `byte ${at}: ${codes}`);
  }
  for (let length = 0; length < good.length; length += 211) {
    writeFileSync(path, good.subarray(0, length));
    assert.ok((await codesOf(directory)).length > 0, `${length} bytes`);
  }
});

packed('lengths in a header are bounded before anything is read or allocated', async () => {
  const member = await packMember(Buffer.from('record\n'));
  const cases: readonly [string, number, number][] = [
    ['a member beyond the file', 16, member.length + 1],
    ['a member shorter than its header', 16, 31],
    ['no content', 20, 0],
    ['more content than a member may have', 20, MEMBER_CONTENT_BYTES + 1],
  ];
  const membersOf = (bytes: Buffer) => readMembers(async (at, length) => bytes.subarray(at, at + length), bytes.length);
  assert.equal(await membersOf(member), [{ at: 0, length: member.length, from: 0, bytes: 7 }]);
  for (const [label, at, value] of cases) {
    const bad = Buffer.from(member);
    bad.writeUInt32LE(value, at);
    assert.is(await membersOf(bad), null, label);
  }
  const longer = Buffer.from(member);
  longer.writeUInt32LE(6, 20);
  const [one] = (await membersOf(longer)) ?? [];
  assert.ok(one);
  if (one !== undefined)
    assert.equal(
      [...(await readMember(async (at, length) => longer.subarray(at, at + length), one))],
      [0, 0, 0, 0, 0, 0],
      'content that is longer than it says',
    );
});

packed('a damaged old segment does not keep the broker from starting, a readable one of others does', async () => {
  const directory = await compressed();
  const path = join(directory, '00000001.jsonl.gz');
  chmodSync(path, 0o644);
  assert.is(await errorOf(() => openAuditLog({ directory, broker: 'test' })), 'ERR_AUDIT_MODE');
  chmodSync(path, 0o600);
  writeFileSync(path, 'not compressed');
  await (await openAuditLog({ directory, broker: 'test' })).close();
  assert.ok((await codesOf(directory)).includes('SEGMENT_NOT_FILE'));
});

packed('a segment that goes while it is read is said so', async () => {
  const directory = await compressed();
  rmSync(join(directory, '00000001.jsonl.gz'));
  assert.is(await errorOf(() => nodeFiles(directory).read(1, 0, 1)), 'ERR_AUDIT_DIRECTORY');
});

packed('the broker compresses closed segments only, and the total counts what is on the disk', async () => {
  const disk = new MemoryDisk();
  const { log, clock } = await openOn(disk, { segmentBytes: 2_000, retention: { compress: true } });
  for (let index = 0; index < 20; index++) {
    log.record({ event: 'session.open', src: named('audio-vm'), session: `s${index}` });
    await durable(log);
  }
  await settle();
  const newest = Math.max(...disk.files.keys());
  assert.ok(newest >= 3);
  assert.equal(
    [...disk.compressed],
    Array.from({ length: newest - 1 }, (_, index) => index + 1),
  );
  disk.compressed.delete(1);
  clock.advance(HOUR_MS);
  await settle();
  assert.ok(disk.compressed.has(1), 'what failed or was interrupted is done later');
  await log.close();
});

packed.run();
