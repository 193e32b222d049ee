/**
 * `npm run test:otlp`: `argus audit stream` to a real OpenTelemetry Collector. Needs root, mmdebstrap and Debian's registry
 * (build.ts), and some three minutes when it builds; `--rebuild` takes today's packages.
 *
 * `npm test` leaves it out: the releases of Debian that have a Collector, sid and testing, change each day.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hashLine, openAuditLog } from '../../../../broker/audit/index.ts';
import { type CliRun, runCli } from '../../../support/processes/run-cli.ts';
import { CLI, nodeArguments, ROOT } from '../../../support/program.ts';
import { temporaryDirectory } from '../../../support/temp.ts';
import { writeDay } from '../../day/day.ts';
import { certificates } from '../receivers.ts';
import { buildCollector, forgetCollector } from './build.ts';
import { type CollectedRecord, collected, startCollector, stopCollectors, versionOf } from './collector.ts';

const POLL_MS = 50;
const MANY_RECORDS = 20_000;
/** Requests of at most 1 000 records, so the log of many has twenty. */
const KILLS = 4;
const NANOSECONDS_PER_MILLISECOND = 1_000_000n;
const SEVERITIES: Readonly<Record<string, readonly [number: number, text: string]>> = {
  I: [9, 'INFO'],
  W: [13, 'WARN'],
  E: [17, 'ERROR'],
};

if (process.argv.includes('--rebuild')) forgetCollector();
const program = buildCollector();
process.stdout.write(`${versionOf(program)}\n`);

const collector = suite('audit stream to an OpenTelemetry Collector');
collector.after.each(async () => {
  for (const child of followers) child.kill('SIGKILL');
  await stopCollectors();
});
const followers = new Set<ChildProcess>();

interface Log {
  readonly directory: string;
  readonly lines: readonly string[];
}

function linesOf(directory: string): readonly string[] {
  const segments = readdirSync(directory).filter((name) => name.endsWith('.jsonl'));
  return segments.sort().flatMap((name) => readFileSync(join(directory, name), 'utf8').trimEnd().split('\n'));
}

/** What a host writes in a day. */
async function dayLog(): Promise<Log> {
  const directory = temporaryDirectory();
  await writeDay(directory);
  return { directory: join(directory, 'audit'), lines: linesOf(join(directory, 'audit')) };
}

async function longLog(count: number): Promise<Log> {
  const directory = join(temporaryDirectory(), 'audit');
  mkdirSync(directory, { mode: 0o700 });
  const log = await openAuditLog({ directory, broker: 'host-1' });
  for (let made = 0; made < count; made++) {
    log.record({ event: 'admin.request', reason: 'DONE', detail: { why: `für später ☃ \u0001 ${made}` } });
    if (made % 1_000 === 999) await new Promise((resolve) => log.whenWritten(resolve));
  }
  await log.close();
  return { directory, lines: linesOf(directory) };
}

/** What a receiver must have of a line, from the line alone. */
function expected(line: string): Omit<CollectedRecord, 'observedTimeUnixNano'> {
  const fields = JSON.parse(line) as Record<string, string> & Record<'src' | 'dst', { domain?: string } | undefined>;
  const [severityNumber, severityText] = SEVERITIES[fields.code?.at(-1) ?? ''] ?? [0, ''];
  const named = {
    'argus.code': fields.code,
    'argus.decision': fields.decision,
    'argus.reason': fields.reason,
    'argus.src': fields.src?.domain,
    'argus.dst': fields.dst?.domain,
    'argus.class': fields.class,
    'argus.permission': fields.permission,
  };
  return {
    resource: { 'service.name': 'argus-broker', 'service.instance.id': String(fields.broker) },
    scope: 'argus.audit',
    timeUnixNano: String(BigInt(Date.parse(String(fields.time))) * NANOSECONDS_PER_MILLISECOND),
    severityNumber,
    severityText,
    eventName: String(fields.event),
    body: line,
    attributes: {
      'argus.seq': String(fields.seq),
      'log.record.uid': hashLine(line),
      ...Object.fromEntries(
        Object.entries(named).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
      ),
    },
  };
}

function withoutObserved({
  observedTimeUnixNano,
  ...record
}: CollectedRecord): Omit<CollectedRecord, 'observedTimeUnixNano'> {
  assert.ok(Math.abs(Number(BigInt(observedTimeUnixNano) / NANOSECONDS_PER_MILLISECOND) - Date.now()) < 300_000);
  return record;
}

/** Every field of every record, in the order of the log. */
function sameRecords(out: string, lines: readonly string[]): void {
  const records = collected(out).map(withoutObserved);
  assert.is(records.length, lines.length);
  for (const [at, record] of records.entries()) assert.equal(record, expected(lines[at] ?? ''));
}

function streamWords({ directory }: Log, address: string, more: readonly string[] = []): string[] {
  return ['audit', 'stream', directory, '--to', address, '--cursor', join(directory, '..', 'cursor'), ...more];
}

const streamOnce = (log: Log, address: string, more: readonly string[] = []): Promise<CliRun> =>
  runCli(streamWords(log, address, ['--once', '--json', ...more]));

interface Follower {
  /** Ends it, as a service manager would. @returns what it said on standard error */
  stop(): Promise<string>;
}

/** The command as a service runs it: it does not end with the log. */
function follow(log: Log, address: string): Follower {
  const child = spawn(process.execPath, nodeArguments(CLI, ...streamWords(log, address)), {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  followers.add(child);
  const ended = once(child, 'close');
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  return {
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      followers.delete(child);
      return said;
    },
  };
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

collector('the Collector has every field of every record of a day', async () => {
  const log = await dayLog();
  const { port, out, stop } = await startCollector({ program });
  const run = await streamOnce(log, `otlp+http://127.0.0.1:${port}`);
  assert.equal([run.stderr, run.code], ['', 0]);
  assert.is(JSON.parse(run.stdout).delivered, log.lines.length);
  await stop();
  sameRecords(out, log.lines);
  const kinds = new Set(collected(out).map(({ eventName }) => eventName));
  process.stdout.write(`\n  ${log.lines.length} records of ${kinds.size} events\n`);
});

collector('over TLS it takes the token, and refuses another one for good', async () => {
  const { ca, cert, key } = await certificates();
  const log = await longLog(2_500);
  const { port, out, stop } = await startCollector({ program, tls: { cert, key }, token: 'open sesame' });
  const address = `otlp+https://127.0.0.1:${port}`;
  const headers = join(log.directory, '..', 'headers');
  writeFileSync(headers, 'Authorization: Bearer something else\n', { mode: 0o600 });
  const stranger = await streamOnce(log, address, ['--ca', ca]);
  assert.is(stranger.code, 1);
  assert.match(stranger.stderr, /it answered 401 .*ERR_STREAM_REFUSED/s);
  const unknownCa = await streamOnce(log, address, ['--headers', headers]);
  assert.match(unknownCa.stderr, /certificate was not accepted.*ERR_STREAM_UNREACHABLE/s);
  const wrong = await streamOnce(log, address, ['--ca', ca, '--headers', headers]);
  assert.match(wrong.stderr, /it answered 401 .*ERR_STREAM_REFUSED/s);
  assert.equal(collected(out), []);
  writeFileSync(headers, 'Authorization: Bearer open sesame\n');
  const right = await streamOnce(log, address, ['--ca', ca, '--headers', headers]);
  assert.equal([right.stderr, right.code], ['', 0]);
  await stop();
  sameRecords(out, log.lines);
});

collector('it asks for a certificate, and gets it', async () => {
  const { ca, cert, key } = await certificates();
  const log = await longLog(10);
  const own = join(log.directory, '..');
  const [ownCert, ownKey] = [join(own, 'own.pem'), join(own, 'own-key.pem')];
  const request = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=argus -addext';
  execFileSync('openssl', [...request.split(' '), 'extendedKeyUsage=clientAuth', '-keyout', ownKey, '-out', ownCert], {
    stdio: 'ignore',
  });
  const { port, out, stop } = await startCollector({ program, tls: { cert, key, clientCa: ownCert } });
  const address = `otlp+https://127.0.0.1:${port}`;
  const without = await streamOnce(log, address, ['--ca', ca]);
  assert.match(without.stderr, 'ERR_STREAM_UNREACHABLE');
  const run = await streamOnce(log, address, ['--ca', ca, '--cert', ownCert, '--key', ownKey]);
  assert.equal([run.stderr, run.code], ['', 0]);
  await stop();
  sameRecords(out, log.lines);
});

collector('what stands behind it is away, then full: the same records come again, and arrive once', async () => {
  const log = await longLog(2_500);
  const { port, out, stop } = await startCollector({ program, refuse: ['retry', 'throttle', 'throttle'] });
  const follower = follow(log, `otlp+http://127.0.0.1:${port}`);
  await until(() => collected(out).length === log.lines.length);
  const said = await follower.stop();
  assert.match(
    said,
    /it answered 503 .*the backend is away.*it answered 429 .*the backend is full.*takes records again/s,
  );
  await stop();
  sameRecords(out, log.lines);
});

collector('it refuses a batch for good: the command ends, and its cursor stays before the batch', async () => {
  const log = await longLog(2_500);
  const { port, out, stop } = await startCollector({ program, refuse: ['permanent'] });
  const address = `otlp+http://127.0.0.1:${port}`;
  const refused = await streamOnce(log, address);
  assert.is(refused.code, 1);
  assert.match(refused.stderr, /it answered 500 .*does not take it.*ERR_STREAM_REFUSED/s);
  const again = await streamOnce(log, address);
  assert.equal([again.stderr, again.code], ['', 0]);
  await stop();
  sameRecords(out, log.lines);
});

collector('its own limit of memory is a refusal for now', async () => {
  const log = await longLog(10);
  const full = await startCollector({ program, memoryLimit: 1 });
  const address = `otlp+http://127.0.0.1:${full.port}`;
  const run = await streamOnce(log, address);
  assert.is(run.code, 1);
  assert.match(run.stderr, /it answered 503 .*memory.*ERR_STREAM_UNREACHABLE/s);
  await full.stop();
  const { out, stop } = await startCollector({ program, port: full.port });
  const again = await streamOnce(log, address);
  assert.equal([again.stderr, again.code], ['', 0]);
  await stop();
  sameRecords(out, log.lines);
});

collector(
  'it is killed in the middle and started again: no record is lost, and one that came twice has the same uid',
  async () => {
    const log = await longLog(MANY_RECORDS);
    const first = await startCollector({ program, refuse: ['lost'] });
    const { port, out } = first;
    const follower = follow(log, `otlp+http://127.0.0.1:${port}`);
    let current = first;
    for (let kill = 1; kill <= KILLS; kill++) {
      const before = collected(out).length;
      await until(() => collected(out).length > before || collected(out).length >= log.lines.length);
      await current.kill();
      current = await startCollector({ program, port, out });
    }
    await until(() => new Set(collected(out).map(({ body }) => body)).size === log.lines.length);
    const said = await follower.stop();
    await current.stop();
    assert.match(said, 'takes records again');
    const records = collected(out).map(withoutObserved);
    const byUid = new Map(records.map((record) => [record.attributes['log.record.uid'], record]));
    assert.equal([...byUid.values()], log.lines.map(expected));
    assert.ok(records.length > log.lines.length, 'at least one batch came twice');
    process.stdout.write(`\n  ${records.length} deliveries of ${log.lines.length} records\n`);
  },
);

collector.run();
