import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { escapeUnsafe, hashLine, parseLine } from '../../../broker/audit/chain.ts';
import { MAX_LINE_BYTES, ZERO_HASH } from '../../../broker/audit/limits.ts';
import { seeded } from '../../support/seed.ts';
import { denialOf, durable, named, openOn, permitOf } from '../fixtures.ts';

const chain = suite('audit chain');

/** As a shell would: `printf %s "$line" | sha256sum`. */
function sha256sum(line: string): string {
  return createHash('sha256').update(Buffer.from(line, 'utf8')).digest('hex');
}

chain('each record holds the leaf hash of the line before, across segments and restarts', async () => {
  const { log, disk } = await openOn(undefined, { segmentBytes: 600 });
  for (let index = 0; index < 20; index++) {
    log.record({ event: 'session.open', src: named('audio-vm'), session: `s${index}` });
    await durable(log);
  }
  await log.close();
  const { log: again } = await openOn(disk, { segmentBytes: 600 });
  await again.close();
  assert.ok(disk.files.size > 3);
  let prev = '0'.repeat(64);
  for (const [index, line] of disk.text().trimEnd().split('\n').entries()) {
    const record = JSON.parse(line);
    assert.is(record.seq, index + 1);
    assert.is(record.prev, prev);
    assert.is(record.sum, sha256sum(line.slice(0, line.lastIndexOf(',"sum"'))).slice(0, 16));
    prev = sha256sum(`\0${line}`);
  }
  assert.equal(again.head, { seq: 24, hash: prev });
});

chain('keys stand in the documented order and what does not apply is absent', async () => {
  const { log, disk } = await openOn();
  log.record({ event: 'policy.load', revision: 1, policy: 'ab'.repeat(32) });
  log.denied(denialOf(), 7, 10, { session: 's1', permissive: true });
  log.record({ event: 'send.allowed', by: permitOf(), port: 9, bytes: 5, session: 's2', detail: { type: 1 } });
  await durable(log);
  const [, , denied = {}, allowed = {}] = disk.records();
  assert.is(
    Object.keys(denied).join(),
    'seq,time,mono,boot,broker,event,code,decision,reason,src,dst,port,class,permission,bytes,revision,policy,session,permissive,prev,sum',
  );
  assert.is(
    Object.keys(allowed).join(),
    'seq,time,mono,boot,broker,event,code,decision,rule,src,dst,port,class,permission,bytes,revision,policy,session,detail,prev,sum',
  );
  assert.is(Reflect.get(denied, 'policy'), 'ab'.repeat(8));
  assert.equal(Reflect.get(denied, 'src'), { domain: 'rogue-vm', domid: 3, labels: ['@app'] });
  await log.close();
});

chain('no text can break a line or reach a terminal as a control', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
      const { log, disk } = await openOn();
      const reason = `${text}\n\r\u2028\u009b31m\u202e\u{e0041}\ud800`;
      log.record({ event: 'policy.reject', reason });
      assert.ok(await durable(log));
      const line = disk.text().split('\n')[1] ?? '';
      assert.not.match(line, /[\p{Cc}\p{Cf}\u2028\u2029]/u);
      assert.is(JSON.parse(line).reason, reason);
      await log.close();
      assert.ok((await disk.verify()).ok);
    }),
    seeded({ numRuns: 50 }),
  );
});

chain('a record too long for a line loses its detail, and says so', async () => {
  const { log, disk } = await openOn();
  log.record({ event: 'policy.reject', reason: 'X', detail: { text: 'é'.repeat(MAX_LINE_BYTES) } });
  assert.ok(await durable(log));
  assert.equal(disk.records()[1]?.detail, { omittedBytes: 2 * MAX_LINE_BYTES + '{"text":""}'.length });
  await log.close();
});

chain('reading a line never throws, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.type(parseLine(bytes), 'string');
    }),
    seeded(),
  );
  const cases: readonly (readonly [string, string])[] = [
    ['', 'BAD_JSON'],
    ['null', 'BAD_FIELDS'],
    ['[]', 'BAD_FIELDS'],
    ['{"seq":1}', 'BAD_FIELDS'],
    [`{"seq":0,"event":"x","prev":"${ZERO_HASH}"}`, 'BAD_FIELDS'],
    [`{"seq":1e300,"event":"x","prev":"${ZERO_HASH}"}`, 'BAD_FIELDS'],
    [`{"seq":1,"event":"x","prev":"${ZERO_HASH}"}`, 'BAD_SUM'],
    [`\ufeff{"seq":1,"event":"x","prev":"${ZERO_HASH}"}`, 'BAD_JSON'],
  ];
  for (const [line, fault] of cases) assert.is(parseLine(Buffer.from(line)), fault, line);
  assert.is(parseLine(Buffer.from([0x22, 0xff, 0x22])), 'BAD_JSON', 'invalid UTF-8');
});

chain('escaping keeps plain text and hashing takes bytes and text alike', () => {
  assert.is(escapeUnsafe('a é 音\x1b[2J'), 'a é 音\\u001b[2J');
  assert.is(hashLine('é'), hashLine(Buffer.from('é')));
});

chain.run();
