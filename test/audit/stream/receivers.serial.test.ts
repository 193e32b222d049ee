/** `argus audit stream` to real receivers, with the commands of docs/audit.md. */

import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { auditReader, hashLine, openAuditLog } from '../../../broker/audit/index.ts';
import { nodeClock } from '../../../broker/base/index.ts';
import { makeNkey } from '../../../broker/carrier/index.ts';
import { cursorFile, openTarget, parseAddress, streamLog, type TargetFiles } from '../../../clients/audit/index.ts';
import type { StreamError } from '../../../clients/audit/stream/errors.ts';
import { BEGINNING, readBatch, type StreamRecord } from '../../../clients/audit/stream/records.ts';
import { findBinary, needs, needsThat } from '../../support/needs.ts';
import { runCli } from '../../support/processes/run-cli.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { certificates, otlpBodies, startJetStream, startOtlp, startRsyslog, stopReceivers } from './receivers.ts';
import { parseSyslog } from './syslog-parser.ts';

const receivers = suite('audit stream to real receivers');
const withRsyslog = needsThat(
  () => findBinary('rsyslogd') !== null,
  'rsyslogd with TLS (apt-get install rsyslog rsyslog-gnutls)',
);
const withProtoc = needsThat(
  () => findBinary('protoc') !== null,
  'protoc and its Python module (apt-get install protobuf-compiler python3-protobuf)',
);
const withNats = needs('nats-server', 'nats-server');
receivers.after.each(stopReceivers);
const NEVER = new AbortController().signal;

const PAGE = readFileSync(new URL('../../../docs/audit.md', import.meta.url), 'utf8');

/** A command of the page, with the places of this test instead of the page's. */
function typed(scheme: string, places: Readonly<Record<string, string>>): readonly string[] {
  const [command = ''] = new RegExp(`^argus audit stream .*${scheme.replace('+', '\\+')}.*$`, 'm').exec(PAGE) ?? [];
  const words = command.split(' ').slice(1);
  assert.ok(words.length > 4, `the page has a command for ${scheme}`);
  return words.map((word) => Object.entries(places).reduce((text, [from, to]) => text.replace(from, to), word));
}

/** A log of four records; one has letters outside ASCII. */
async function makeLog(): Promise<{ directory: string; lines: readonly string[] }> {
  const directory = join(temporaryDirectory(), 'audit');
  const log = await openAuditLog({ directory, broker: 'host-1' });
  log.record({ event: 'admin.request', reason: 'DONE', detail: { why: 'für später' } });
  log.record({ event: 'admin.refused', reason: 'ERR_X' });
  await log.close();
  return { directory, lines: readFileSync(join(directory, '00000001.jsonl'), 'utf8').trimEnd().split('\n') };
}

async function recordsOf(directory: string): Promise<readonly StreamRecord[]> {
  return (await readBatch(auditReader(directory), BEGINNING, () => true)).records;
}

const codeOf = (running: Promise<unknown>): Promise<string> =>
  running.then(
    () => 'delivered',
    ({ code }: StreamError) => code,
  );

withRsyslog(receivers, 'rsyslog takes every record over TLS, and the next run sends only what is new', async () => {
  const { directory, lines } = await makeLog();
  const rsyslog = await startRsyslog();
  const command = typed('syslog+tls', {
    '/var/log/argus': directory,
    'siem.example:6514': `127.0.0.1:${rsyslog.port}`,
    '/var/lib/argus-stream/siem': join(directory, '..', 'cursor'),
    'siem-ca.pem': (await certificates()).ca,
  });
  const first = await runCli([...command, '--once', '--json']);
  assert.equal([first.stderr, first.code], ['', 0]);
  assert.equal(JSON.parse(first.stdout), { delivered: 4, rejected: 0, seq: 4, findings: 0 });
  const again = await runCli([...command, '--once']);
  assert.is(again.stdout, 'delivered 0 records, rejected 0, up to record 4\n');
  const written = await rsyslog.stop();
  assert.equal(
    written.map((line) => line.slice(line.indexOf('{')).replace(/\uFEFF/, '')),
    lines,
  );
  assert.match(
    written[1] ?? '',
    /^110 \S+ host-1 argus admin.request \[origin software="argus-broker"\]\[meta sequenceId="2"\] /,
  );
});

/** A TLS receiver in this process, which handles each connection as the test says. */
async function tlsReceiver(handle: (socket: TLSSocket) => void): Promise<{ port: number; close: () => void }> {
  const { cert, key } = await certificates();
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (socket) => {
    socket.on('error', () => undefined);
    handle(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

receivers('a receiver that goes away in the middle has not got the batch', async () => {
  const { ca } = await certificates();
  const records = await recordsOf((await makeLog()).directory);
  const got: Buffer[] = [];
  const deaths: ((socket: TLSSocket) => void)[] = [
    (socket) => socket.destroy(),
    (socket) => socket.once('data', () => socket.destroy()),
    (socket) => socket.on('data', (bytes: Buffer) => got.push(bytes)),
  ];
  const receiver = await tlsReceiver((socket) => deaths.shift()?.(socket));
  const target = openTarget(parseAddress(`syslog+tls://127.0.0.1:${receiver.port}`), { ca }, Date.now);
  const large = Array.from({ length: 20_000 }, (_, at) => records[at % records.length] as StreamRecord);
  assert.is(await codeOf(target.deliver(large, null, NEVER)), 'ERR_STREAM_UNREACHABLE');
  assert.is(await codeOf(target.deliver(large, null, NEVER)), 'ERR_STREAM_UNREACHABLE');
  assert.is(await codeOf(target.deliver(records, null, NEVER)), 'delivered');
  let rest = Buffer.concat(got);
  const texts: string[] = [];
  while (rest.length > 0) {
    const space = rest.indexOf(' ');
    const end = space + 1 + Number(rest.toString('latin1', 0, space));
    texts.push(parseSyslog(rest.subarray(space + 1, end)).text);
    rest = rest.subarray(end);
  }
  assert.equal(
    texts,
    records.map(({ line }) => line),
  );
  receiver.close();
});

receivers('a receiver with a certificate of another CA, or of another host, gets nothing', async () => {
  const { ca } = await certificates();
  const records = await recordsOf((await makeLog()).directory);
  let bytes = 0;
  const receiver = await tlsReceiver((socket) => socket.on('data', (chunk) => (bytes += chunk.length)));
  for (const [host, files] of [
    ['127.0.0.1', {}],
    ['localhost', { ca }],
  ] as [string, TargetFiles][]) {
    const target = openTarget(parseAddress(`syslog+tls://${host}:${receiver.port}`), files, Date.now);
    const failure = await target.deliver(records, null, NEVER).catch((error: StreamError) => error.message);
    assert.match(String(failure), 'its certificate was not accepted');
  }
  assert.is(bytes, 0);
  receiver.close();
});

withProtoc(receivers, "what an OTLP receiver gets is a request by OpenTelemetry's own definitions", async () => {
  const { directory, lines } = await makeLog();
  const server = await startOtlp();
  const headers = join(directory, '..', 'headers');
  writeFileSync(headers, 'authorization: Bearer abc\n', { mode: 0o600 });
  const command = typed('otlp+https', {
    '/var/log/argus': directory,
    'collector.example': `127.0.0.1:${server.port}`,
    '/var/lib/argus-stream/otlp': join(directory, '..', 'cursor'),
    'collector-ca.pem': (await certificates()).ca,
    '/etc/argus/otlp-headers': headers,
  });
  const run = await runCli([...command, '--once', '--json']);
  assert.equal([run.stderr, run.code], ['', 0]);
  const [request] = server.requests;
  assert.is(request?.path, '/v1/logs');
  assert.equal([request?.headers.authorization, request?.headers['content-type']], ['Bearer abc', 'application/json']);
  assert.equal(otlpBodies(request?.body ?? ''), lines);
  await server.stop();
});

receivers('an OTLP receiver is asked again exactly when the protocol says so', async () => {
  const server = await startOtlp();
  const records = await recordsOf((await makeLog()).directory);
  const address = parseAddress(`otlp+https://127.0.0.1:${server.port}`);
  const target = openTarget(address, { ca: (await certificates()).ca }, Date.now);
  for (const [status, code] of [
    [429, 'ERR_STREAM_UNREACHABLE'],
    [503, 'ERR_STREAM_UNREACHABLE'],
    [200, 'delivered'],
    [400, 'ERR_STREAM_REFUSED'],
    [401, 'ERR_STREAM_REFUSED'],
    [302, 'ERR_STREAM_REFUSED'],
    [500, 'ERR_STREAM_REFUSED'],
  ] as const) {
    server.answer = { status };
    assert.is(await codeOf(target.deliver(records, null, NEVER)), code, String(status));
  }
  server.answer = { status: 503, headers: { 'retry-after': '7' } };
  const wish = await target.deliver(records, null, NEVER).catch((error: StreamError) => error.retryAfterMs);
  assert.is(wish, 7_000);
  server.answer = { status: 200, body: '{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"old\\u001b[2J"}}' };
  assert.equal(await target.deliver(records, null, NEVER), { rejected: 1, note: 'old\\u001b[2J', receiver: null });
  await target.close();
  await server.stop();
});

withNats(receivers, 'JetStream has every record exactly once, also after a crash behind its window', async () => {
  const { directory, lines } = await makeLog();
  const keys = temporaryDirectory();
  const server = await startJetStream((await makeNkey(keys, 'unsealed')).publicKey);
  const { ca } = await certificates();
  const cursor = join(keys, 'cursor');
  const seed = join(keys, 'nats.seed');
  const address = parseAddress(`nats+tls://127.0.0.1:${server.port}/argus.audit.host-1`);
  const open = (): ReturnType<typeof openTarget> => openTarget(address, { ca, natsSeed: seed }, Date.now);
  const records = await recordsOf(directory);
  const early = open();
  const absent = await early.deliver(records, null, NEVER).catch((error: StreamError) => error.message);
  assert.match(String(absent), 'no stream takes "argus.audit.host-1"');
  await early.close();

  const { connect, nkeyAuthenticator, nanos } = await import('nats');
  const connection = await connect({
    servers: `127.0.0.1:${server.port}`,
    authenticator: nkeyAuthenticator(Buffer.from(readFileSync(seed, 'utf8').trim())),
    // The library compares the certificate with "localhost", unless it is told otherwise.
    tls: { caFile: ca, ...({ checkServerIdentity: () => undefined } as object) },
  });
  const { streams } = await connection.jetstreamManager();
  // The shortest window that the server takes: it is over before the next process has started.
  await streams.add({ name: 'AUDIT', subjects: ['argus.audit.*'], duplicate_window: nanos(100) });

  // A part of the first batch arrives, and the process dies before its cursor is written.
  const killed = open();
  await killed.deliver(records.slice(0, 3), null, NEVER);
  await killed.close();
  const command = typed('nats+tls', {
    '/var/log/argus': directory,
    'nats.example': `127.0.0.1:${server.port}`,
    '/var/lib/argus-stream/nats': cursor,
    'nats-ca.pem': ca,
    '/etc/argus/stream.seed': seed,
  });
  const run = await runCli([...command, '--once', '--json']);
  assert.equal([run.stderr, run.code], ['', 0]);
  assert.is((await streams.info('AUDIT')).state.messages, 4);
  // The cursor of an earlier moment is put back.
  const parts = { reader: auditReader(directory), wants: () => true, clock: nodeClock, random: () => 0, isOnce: true };
  const old = { ...BEGINNING, receiver: '1' };
  await cursorFile(cursor, address.name).replace(old);
  const target = open();
  await streamLog({ ...parts, target, cursor: cursorFile(cursor, address.name), report: assert.unreachable }, NEVER);
  await target.close();
  const kept = await Promise.all([1, 2, 3, 4].map((seq) => streams.getMessage('AUDIT', { seq })));
  assert.equal(
    kept.map((message) => message.string()),
    lines,
  );
  assert.equal(
    kept.map(({ header }) => header.get('Nats-Msg-Id')),
    lines.map(hashLine),
  );
  await connection.close();
  await server.stop();
});

receivers.run();
