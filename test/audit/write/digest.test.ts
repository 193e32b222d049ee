/** Classes with digests: the record says which payload it was, and does not tell it to a reader. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AuditError, isPayloadOf, openAuditLog, type ParsedLine, readAudit } from '../../../broker/audit/index.ts';
import { DOMID_ANY } from '../../../broker/wire/index.ts';
import { argusProgram } from '../../../clients/cli/program.ts';
import type { Permit } from '../../../policy/contract/index.ts';
import { runCommand } from '../../policy/run-policy.ts';
import { OPEN } from '../../support/core/harness.ts';
import { PeerHarness } from '../../support/peer/harness.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { durable, type MemoryDisk, openOn, permitOf, settle } from '../fixtures.ts';

const digests = suite('audit: digests');
const DIGEST_PORT = 1002;

async function recordsOf(disk: MemoryDisk): Promise<ParsedLine[]> {
  const found: ParsedLine[] = [];
  for await (const { parsed } of readAudit('', undefined, disk))
    if (typeof parsed !== 'string' && parsed.event === 'send.allowed') found.push(parsed);
  return found;
}

/** Sends these payloads through a broker whose log is on the disk. */
async function sent(...payloads: readonly string[]): Promise<MemoryDisk> {
  const fixture = await openOn();
  const text = { domains: ['sender', 'receiver'], rows: [...OPEN, 'p, @any, @any, digested, *, allow'] };
  const harness = await PeerHarness.of(text, undefined, null, undefined, undefined, fixture.log);
  const [sender, receiver] = [await harness.connect('sender'), await harness.connect('receiver')];
  receiver.register(DIGEST_PORT, DOMID_ANY);
  await settle();
  receiver.read();
  for (const payload of payloads) sender.send({ to: harness.domid('receiver'), port: DIGEST_PORT, payload });
  await settle();
  assert.equal(receiver.read().payloads, payloads);
  harness.close();
  return fixture.disk;
}

async function codeOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
    return 'none';
  } catch (error) {
    return error instanceof AuditError ? error.code : String(error);
  }
}

digests(
  'each message has a record with a digest of exactly its payload, and the log does not hold the payload',
  async () => {
    const disk = await sent('the first payload', 'another one');
    const [first, second] = await recordsOf(disk);
    assert.ok(first && second);
    const is = (record: ParsedLine, payload: string): Promise<boolean> =>
      isPayloadOf('', record, Buffer.from(payload), disk);
    assert.equal([await is(first, 'the first payload'), await is(second, 'another one')], [true, true]);
    assert.equal(
      [await is(first, 'another one'), await is(first, 'the first payload '), await is(first, '')],
      [false, false, false],
    );
    assert.not.match(disk.bytes(1).toString(), /the first payload|another one/);
  },
);

digests('the same payload twice has two digests, and no record tells the key', async () => {
  const disk = await sent('yes', 'yes');
  const [first, second] = (await recordsOf(disk)).map(({ fields }) => (fields.detail as { digest: string }).digest);
  assert.match(first ?? '', /^[0-9a-f]{64}$/);
  assert.is.not(first, second);
  const key = disk.beside.get('digest.key') ?? '';
  assert.match(key, /^[0-9a-f]{64}\n$/);
  assert.not.ok(disk.bytes(1).toString().includes(key.trimEnd()));
});

digests('without its key a digest cannot be checked, nor a record without one', async () => {
  const disk = await sent('yes');
  const [record] = await recordsOf(disk);
  assert.ok(record);
  disk.beside.set('digest.key', `${'0'.repeat(64)}\n`);
  assert.is(await isPayloadOf('', record, Buffer.from('yes'), disk), false, 'another key');
  disk.beside.delete('digest.key');
  assert.is(await codeOf(() => isPayloadOf('', record, Buffer.from('yes'), disk)), 'ERR_AUDIT_UNPROVEN');
  const plain = { ...record, fields: { ...record.fields, detail: { strict: true } } };
  assert.is(await codeOf(() => isPayloadOf('', plain, Buffer.from('yes'), disk)), 'ERR_AUDIT_UNPROVEN');
});

digests('the key stays over a restart, and a damaged one stops the start', async () => {
  const { log, disk } = await openOn();
  await log.close();
  const key = disk.beside.get('digest.key');
  await (await openOn(disk)).log.close();
  assert.is(disk.beside.get('digest.key'), key);
  disk.beside.set('digest.key', 'short\n');
  assert.is(await codeOf(() => openOn(disk)), 'ERR_AUDIT_CORRUPT');
});

digests('argus audit verify-payload: PASS, FAIL with exit code 1, and no record of that number', async () => {
  const directory = join(temporaryDirectory(), 'audit');
  const log = await openAuditLog({ directory, broker: 'b' });
  log.strict({ ...permitOf(), digest: true } as Permit, 7, 3, Buffer.from('yes'));
  await durable(log);
  await log.close();
  const file = join(directory, '..', 'payload');
  const run = async (seq: string, payload: string): Promise<string> => {
    writeFileSync(file, payload);
    const words = ['audit', 'verify-payload', directory, seq, file];
    const { output, exitCode, error } = await runCommand(await argusProgram('audit'), words);
    return error === null ? `${output.trimEnd()} ${exitCode}` : String((error as { code?: string }).code);
  };
  assert.match(await run('2', 'yes'), /^PASS .* 0$/);
  assert.match(await run('2', 'no'), /^FAIL .* 1$/);
  assert.is(await run('9', 'yes'), 'ERR_AUDIT_NO_RECORD');
});

digests.run();
