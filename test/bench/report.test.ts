/** The shape of `--json`, the ratios in it and the table drawn from it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ARM_NAMES, type ArmName } from '../../bench/arms/arm.ts';
import { buildReport, type Host } from '../../bench/figures/report.ts';
import { renderReport } from '../../bench/figures/table.ts';
import type { Sample } from '../../bench/throughput/measure.ts';

const test = suite('bench: report');

const HOST: Host = { cpu: 'a cpu', cores: 2, platform: 'linux x64', node: 'v20.19.0', versions: { nats: '1.2.3' } };

function sample(arm: ArmName, round: number, messagesPerSecond: number, cpu = 0.5): Sample {
  return {
    ...{ arm, size: 64, round, messagesPerSecond, brokerMicrosPerMessage: 2, senderCpu: cpu, receiverCpu: 0.4 },
    ...{ p50Micros: 100, p99Micros: 300, p999Micros: 900, memoryBytes: 2 ** 26, latencySamples: 1000 },
  };
}

const SAMPLES = [
  ...[sample('argus-unix', 0, 900), sample('argus-unix', 1, 1200), sample('argus-unix', 2, 1000)],
  ...[sample('nats-tls', 0, 400, 0.97), sample('nats-tls', 1, 500, 0.99), sample('nats-tls', 2, 600, 0.98)],
];

test('a cell is the median of its rounds and keeps them', () => {
  const [argus] = buildReport(SAMPLES, [], [], HOST).arms;
  assert.is(argus?.arm, 'argus-unix');
  assert.is(argus?.size, 64);
  assert.is(argus?.messagesPerSecond, 1000);
  assert.is(argus?.brokerMicrosPerMessage, 2);
  assert.equal(argus?.latency, { p50Micros: 100, p99Micros: 300, p999Micros: 900 });
  assert.is(argus?.memoryBytes, 2 ** 26);
  assert.is(argus?.rounds.length, 3);
});

test('ratios are in units of nats-tls at the same size', () => {
  const { ratios } = buildReport(SAMPLES, [], [], HOST);
  assert.is(ratios.baseline, 'nats-tls');
  assert.equal(ratios.cells, [
    { arm: 'argus-unix', size: 64, messagesPerSecond: 2, brokerMicrosPerMessage: 1, p50Micros: 1, p99Micros: 1 },
    { arm: 'nats-tls', size: 64, messagesPerSecond: 1, brokerMicrosPerMessage: 1, p50Micros: 1, p99Micros: 1 },
  ]);
});

test('without the baseline there are figures but no ratios', () => {
  const { ratios } = buildReport([sample('nats', 0, 1)], [{ arm: 'nats-tls', package: 'nats-server' }], [], HOST);
  assert.is(ratios.cells[0]?.messagesPerSecond, null);
});

test('a client that used its whole core is named', () => {
  const { arms } = buildReport(SAMPLES, [], [], HOST);
  assert.equal(
    arms.map(({ clientBound }) => clientBound),
    [null, 'sender'],
  );
});

test('the report survives JSON unchanged', () => {
  const report = buildReport(SAMPLES, [{ arm: 'mosquitto-tls', package: 'mosquitto' }], [], HOST);
  assert.equal(JSON.parse(JSON.stringify(report)), report);
});

test('the table has a row for every arm, with what to install for the missing ones', () => {
  const failed = [{ arm: 'nats' as const, size: null, round: null, reason: 'no luck' }];
  const report = buildReport(SAMPLES, [{ arm: 'mosquitto-tls', package: 'mosquitto' }], failed, HOST);
  const text = renderReport(report, ARM_NAMES);
  assert.match(text, /argus-unix +│ +1 000 │ +2\.00 │/);
  assert.match(text, /nats-tls .*sender-bound/);
  assert.match(text, /mosquitto-tls .*missing: install mosquitto/);
  assert.match(text, /nats .*failed/);
  assert.match(text, /raw-relay .*not run/);
  assert.match(text, /nats failed: no luck/);
});

test('when nothing could be measured the missing arms are still named', () => {
  const report = buildReport([], [{ arm: 'nats', package: 'nats-server' }], [], HOST);
  assert.match(renderReport(report, ['nats']), /nats is missing: install the package nats-server/);
});

test.run();
