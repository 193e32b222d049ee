/** A record as a syslog message and as an OTLP request, and the addresses of receivers. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hashLine, parseLine } from '../../../broker/audit/index.ts';
import type { StreamError } from '../../../clients/audit/stream/errors.ts';
import { unreachable } from '../../../clients/audit/stream/errors.ts';
import { parseHeaders } from '../../../clients/audit/stream/otlp.ts';
import { otlpRequest, partialSuccess } from '../../../clients/audit/stream/otlp-body.ts';
import type { StreamRecord } from '../../../clients/audit/stream/records.ts';
import { syslogFrames, syslogMessage } from '../../../clients/audit/stream/syslog-message.ts';
import { openTarget, parseAddress } from '../../../clients/audit/stream/targets.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { denialOf, durable, openOn } from '../fixtures.ts';
import { parseSyslog } from './syslog-parser.ts';

const formats = suite('audit stream formats');

/** A start, a denial and a change with letters outside ASCII. */
async function records(): Promise<StreamRecord[]> {
  const { log, disk } = await openOn();
  log.denied(denialOf(), 7, 5);
  log.record({ event: 'admin.request', reason: 'DONE', detail: { why: 'für später', evil: '"]\n<13>1 - ' } });
  await durable(log);
  return disk
    .text()
    .trim()
    .split('\n')
    .map((line) => {
      const parsed = parseLine(Buffer.from(line));
      if (typeof parsed === 'string') throw new Error(parsed);
      return { ...parsed, line, hash: hashLine(line) };
    });
}

formats('a syslog message is one of RFC 5424, and its text is the exact line of the log', async () => {
  const all = await records();
  for (const record of all) {
    const message = parseSyslog(Buffer.from(syslogMessage(record)));
    assert.is(message.text, record.line);
    assert.is(message.facility, 13);
    assert.is(message.timestamp, record.fields.time);
    assert.equal([message.host, message.app, message.id], ['test', 'argus', record.event]);
    assert.equal(message.data, {
      origin: { software: 'argus-broker' },
      meta: { sequenceId: String(record.seq) },
    });
    assert.is(hashLine(message.text), record.hash);
  }
  assert.equal(
    all.map((record) => parseSyslog(Buffer.from(syslogMessage(record))).severity),
    [6, 4, 6],
  );
  assert.equal(
    all.map((record) => syslogMessage(record).includes('\uFEFF')),
    [false, false, true],
    'a text that is not ASCII begins with the mark',
  );
});

formats('a hostile record cannot end a field of a syslog message', async () => {
  const [record] = await records();
  if (record === undefined) throw new Error('no record');
  const fields = { ...record.fields, broker: 'a b\n<0>1', boot: '', time: 'now ]' };
  const message = parseSyslog(Buffer.from(syslogMessage({ ...record, event: `x${'y'.repeat(99)}]`, fields })));
  assert.equal([message.host, message.process, message.timestamp], ['a?b?<0>1', '-', '-']);
  assert.is(message.id.length, 32);
});

formats('the sequence of RFC 5424 begins again after its largest number', async () => {
  const [record] = await records();
  if (record === undefined) throw new Error('no record');
  const idOf = (seq: number): unknown =>
    parseSyslog(Buffer.from(syslogMessage({ ...record, seq }))).data.meta?.sequenceId;
  assert.equal([1, 2_147_483_647, 2_147_483_648].map(idOf), ['1', '2147483647', '1']);
});

formats('frames count octets, and not characters', async () => {
  const all = await records();
  let rest = Buffer.from(syslogFrames(all));
  for (const { line } of all) {
    const space = rest.indexOf(' ');
    const length = Number(rest.toString('latin1', 0, space));
    assert.is(parseSyslog(rest.subarray(space + 1, space + 1 + length)).text, line);
    rest = rest.subarray(space + 1 + length);
  }
  assert.is(rest.length, 0);
});

formats('an OTLP request holds the exact lines, their times and their hashes', async () => {
  const all = await records();
  const request = JSON.parse(JSON.stringify(otlpRequest(all, 1_700_000_000_123)));
  const { logRecords } = request.resourceLogs[0].scopeLogs[0];
  assert.equal(
    logRecords.map((one: { body: { stringValue: string } }) => one.body.stringValue),
    all.map(({ line }) => line),
  );
  const [, denial] = logRecords;
  assert.is(denial.severityText, 'WARN');
  assert.is(denial.eventName, 'send.denied');
  assert.is(denial.observedTimeUnixNano, '1700000000123000000');
  assert.is(denial.timeUnixNano, `${Date.parse(String(all[1]?.fields.time))}000000`);
  const attributes = new Map(denial.attributes.map((one: { key: string; value: unknown }) => [one.key, one.value]));
  assert.equal(attributes.get('argus.seq'), { intValue: '2' });
  assert.equal(attributes.get('log.record.uid'), { stringValue: all[1]?.hash });
  assert.equal(attributes.get('argus.src'), { stringValue: 'rogue-vm' });
});

formats('an answer that rejects records says so, and every other answer does not', () => {
  assert.equal(partialSuccess('{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"late"}}'), {
    rejected: 3,
    note: 'late',
  });
  for (const text of [
    '',
    '{}',
    'null',
    '<html>',
    '{"partialSuccess":{}}',
    '{"partialSuccess":{"rejectedLogRecords":-1}}',
  ])
    assert.is(partialSuccess(text), null, text);
});

formats('an address names protocol, host, port and path', () => {
  const shown = (text: string): string => parseAddress(text).name;
  assert.is(shown('syslog+tls://siem.example'), 'syslog+tls://siem.example:6514');
  assert.is(shown('otlp+https://collector.example'), 'otlp+https://collector.example:4318/v1/logs');
  assert.is(
    shown('otlp+https://collector.example:443/otlp/v1/logs'),
    'otlp+https://collector.example:443/otlp/v1/logs',
  );
  assert.is(shown('otlp+http://127.0.0.1'), 'otlp+http://127.0.0.1:4318/v1/logs');
  assert.is(shown('nats+tls://[2001:db8::1]/argus.audit.host-1'), 'nats+tls://[2001:db8::1]:4222/argus.audit.host-1');
  assert.is(parseAddress('nats+tls://[2001:db8::1]/a').host, '2001:db8::1');
});

const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'fine';
  } catch (error) {
    return (error as StreamError).code;
  }
};

formats('an address that would leak a secret or send records in the clear is refused, and not repeated', () => {
  for (const text of [
    'siem.example',
    'https://collector.example',
    'syslog://siem.example',
    'syslog+tls://siem.example/path',
    'otlp+http://collector.example',
    'otlp+http://10.0.0.1',
    'nats://nats.example/argus',
    'nats+tls://nats.example',
    'nats+tls://nats.example/argus.*',
    'nats+tls://nats.example/argus.>',
  ])
    assert.is(
      codeOf(() => parseAddress(text)),
      'ERR_STREAM_OPTION',
      text,
    );
  for (const text of [
    'nats+tls://me:hunter2@nats.example/argus',
    'otlp+https://collector.example/?token=hunter2',
    'otlp+https://hunter2@collector.example',
  ])
    assert.throws(
      () => parseAddress(text),
      ({ code, message }: StreamError) => code === 'ERR_STREAM_OPTION' && !message.includes('hunter2'),
      text,
    );
});

formats('a secret that others can read is refused, and an option for another protocol too', () => {
  const file = join(temporaryDirectory(), 'secret');
  writeFileSync(file, 'authorization: Bearer abc\n', { mode: 0o600 });
  const otlp = parseAddress('otlp+https://collector.example');
  const nats = parseAddress('nats+tls://nats.example/argus');
  const plain = parseAddress('nats://127.0.0.1/argus');
  assert.is(
    codeOf(() => openTarget(otlp, { headers: file }, Date.now)),
    'fine',
  );
  assert.is(
    codeOf(() => openTarget(nats, { headers: file }, Date.now)),
    'ERR_STREAM_OPTION',
  );
  assert.is(
    codeOf(() => openTarget(otlp, { natsSeed: file }, Date.now)),
    'ERR_STREAM_OPTION',
  );
  assert.is(
    codeOf(() => openTarget(plain, { ca: file }, Date.now)),
    'ERR_STREAM_OPTION',
  );
  assert.is(
    codeOf(() => openTarget(otlp, { cert: file }, Date.now)),
    'ERR_STREAM_OPTION',
  );
  assert.is(
    codeOf(() => openTarget(nats, { natsSeed: file }, Date.now)),
    'ERR_STREAM_FILE',
    'not a seed',
  );
  chmodSync(file, 0o640);
  assert.is(
    codeOf(() => openTarget(otlp, { headers: file }, Date.now)),
    'ERR_STREAM_FILE',
  );
  assert.is(
    codeOf(() => openTarget(nats, { natsSeed: file }, Date.now)),
    'ERR_STREAM_FILE',
  );
  assert.is(
    codeOf(() => openTarget(otlp, { cert: file, key: file }, Date.now)),
    'ERR_STREAM_FILE',
  );
  assert.is(
    codeOf(() => openTarget(otlp, { ca: join(file, 'none') }, Date.now)),
    'ERR_STREAM_FILE',
  );
});

formats('a line that is not a header is refused with its number, and without its text', () => {
  assert.equal(parseHeaders('Authorization: Bearer abc\n\nx-scope: a\n', 'file'), {
    authorization: 'Bearer abc',
    'x-scope': 'a',
  });
  assert.throws(
    () => parseHeaders('a: b\nhunter2', 'file'),
    ({ code, message }: StreamError) =>
      code === 'ERR_STREAM_FILE' && message.includes('line 2') && !message.includes('hunter2'),
  );
});

formats('a certificate that is not accepted says what to do', () => {
  const cause = Object.assign(new Error('x'), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  assert.match(unreachable('siem', cause).message, 'name the CA that signed it with --ca');
  assert.match(unreachable('siem', Object.assign(new Error('x'), { code: 'ECONNREFUSED' })).message, 'ECONNREFUSED');
});

formats.run();
