/** The physical limit, and what bench/history keeps of a release. */
import { readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ArmName } from '../../bench/arms/arm.ts';
import { before, type Entry, entryOf, regressions, save } from '../../bench/figures/history.ts';
import { copySpeed, limitsOf, parseSpeed, recordBytes } from '../../bench/figures/limit.ts';
import { buildReport, type Host, type Report } from '../../bench/figures/report.ts';
import { renderLimits } from '../../bench/figures/table.ts';
import type { Sample } from '../../bench/throughput/measure.ts';
import { parseStatus } from '../../bench/throughput/process-memory.ts';
import { temporaryDirectory } from '../support/temp.ts';

const limit = suite('bench: limit');
const HOST: Host = { cpu: 'a cpu', cores: 2, platform: 'linux x64', node: 'v20.19.0', versions: {} };

function sample(arm: ArmName, brokerMicrosPerMessage: number, messagesPerSecond = 1000): Sample {
  return {
    ...{ arm, size: 1764, round: 0, messagesPerSecond, brokerMicrosPerMessage, senderCpu: 0.5, receiverCpu: 0.5 },
    ...{ p50Micros: 100, p99Micros: 300, p999Micros: 900, memoryBytes: 2 ** 26, latencySamples: 1000 },
  };
}

function report(): Report {
  return buildReport([sample('argus-unix', 3), sample('raw-relay', 0.5), sample('nats-tls', 4, 500)], [], [], HOST);
}

limit('the limit is the relay, two passes of the AEAD and one copy', async () => {
  const asked: number[] = [];
  const limits = await limitsOf(
    report(),
    async (bytes) => {
      asked.push(bytes);
      return 1_792e6; // 1 µs for a frame of 1 792 bytes
    },
    3_584e6,
  );
  assert.equal(limits, [
    {
      size: 1764,
      relayMicros: 0.5,
      aeadMicros: 2,
      copyMicros: 0.5,
      limitMicros: 3,
      brokerMicros: 3,
      ratio: 1,
    },
  ]);
  assert.equal(asked, [recordBytes(1764)]);
  assert.match(renderLimits(limits), /1 764 B.*1\.00/);
});

limit('without the relay there is no limit, and no figure is made up', async () => {
  const only = buildReport([sample('argus-unix', 3)], [], [], HOST);
  assert.equal(await limitsOf(only, async () => 1e9, 1e9), []);
});

limit('a record is as full as the wire allows, and at least one message', () => {
  assert.is(recordBytes(64), 92 * 1059);
  assert.is(recordBytes(65_536), 65_564);
  assert.is(recordBytes(1_000_000), 1_000_028);
});

limit('what openssl and the kernel print is read, and nothing else', () => {
  assert.is(parseSpeed('+H:97496\n+F:25:AES-256-GCM:4535571270.59\n'), 4_535_571_270.59);
  assert.throws(() => parseSpeed('+H:97496\n'), /no figure/);
  assert.is(parseStatus('Name:\tnode\nVmRSS:\t   12345 kB\nVmHWM:\t 99999 kB\n'), 12_345 * 1024);
  assert.throws(() => parseStatus('Name:\tnode\n'), /VmRSS/);
  assert.ok(copySpeed() > 0);
});

limit('history keeps the ratios of a release, and finds the one before', async () => {
  const folder = temporaryDirectory();
  assert.is(await before('0.2.0', folder), null);
  const entry = entryOf('0.2.0', report(), []);
  assert.equal(entry.cells, [
    { size: 1764, messagesPerSecond: 2, p50Micros: 1, p99Micros: 1, limitRatio: null, memoryBytes: 2 ** 26 },
  ]);
  for (const version of ['0.9.0', '0.10.0', '0.2.0']) await save({ ...entry, version }, folder);
  assert.equal(readdirSync(folder).sort(), ['0.10.0.json', '0.2.0.json', '0.9.0.json']);
  assert.is((await before('0.11.0', folder))?.version, '0.10.0');
  assert.is((await before('0.10.0', folder))?.version, '0.9.0', 'a release is not compared with itself');
});

limit('what is notably worse than before is said, and nothing else', () => {
  const entry = (messagesPerSecond: number | null, p99Micros: number, limitRatio: number | null): Entry => ({
    ...{ version: '1', host: HOST, baseline: 'nats-tls' },
    cells: [{ size: 64, messagesPerSecond, p50Micros: 1, p99Micros, limitRatio, memoryBytes: 1 }],
  });
  assert.equal(regressions(entry(1.7, 1.1, 2.3), entry(2, 1, 2)), []);
  assert.equal(regressions(entry(null, 1, null), entry(2, 1, 2)), []);
  assert.equal(regressions(entry(1.5, 1.3, 3), entry(2, 1, 2)), [
    '64 B: messages/s × 1.50, was 2.00 in 1',
    '64 B: p99 × 1.30, was 1.00 in 1',
    '64 B: CPU / limit 3.00, was 2.00 in 1',
  ]);
});

limit.run();
