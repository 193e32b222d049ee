/** One real, tiny run over three processes: everything but the peers' own servers. */
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { frameSplitter } from '../../bench/arms/relay-frames.ts';
import { findProgram } from '../../bench/arms/server-process.ts';
import { Cleanup } from '../../bench/cleanup.ts';
import { run } from '../../bench/throughput/run.ts';
import { temporaryDirectory } from '../support/temp.ts';

const test = suite('bench: raw relay');

const TINY_PACE = { rounds: 3, warmupMs: 20, settleMs: 10, throughputMs: 400, latencyMs: 100 };

test('every cell of a run has all figures, nothing fails and nothing stays behind', async () => {
  const folder = temporaryDirectory();
  const cleanup = new Cleanup();
  try {
    const report = await run({
      ...{ arms: ['raw-relay'], sizes: [1, 64, 70_000], pace: TINY_PACE, folder, cleanup },
      progress: () => {},
    });
    assert.equal(report.failed, []);
    assert.equal(
      report.arms.map(({ arm, size, rounds }) => [arm, size, rounds.length]),
      [
        ['raw-relay', 1, 3],
        ['raw-relay', 64, 3],
        ['raw-relay', 70_000, 3],
      ],
    );
    for (const { messagesPerSecond, brokerMicrosPerMessage, latency } of report.arms) {
      assert.ok(messagesPerSecond > 0 && brokerMicrosPerMessage >= 0);
      assert.ok(latency.p50Micros > 0 && latency.p99Micros >= latency.p50Micros);
    }
  } finally {
    await cleanup.run();
  }
  assert.is(await connectError(join(folder, 'raw-relay', 's.sock')), 'ECONNREFUSED', 'the relay has ended');
});

test('socat takes the place of the relay', async () => {
  if ((await findProgram('socat')) === null) return;
  const folder = temporaryDirectory();
  const cleanup = new Cleanup();
  try {
    const report = await run({
      ...{ arms: ['socat'], sizes: [64], pace: { ...TINY_PACE, throughputMs: 100 }, folder, cleanup },
      progress: () => {},
    });
    assert.equal(report.failed, []);
    assert.ok((report.arms[0]?.messagesPerSecond ?? 0) > 0);
    assert.ok((report.arms[0]?.memoryBytes ?? 0) > 0);
  } finally {
    await cleanup.run();
  }
});

test('frames are found again however the stream is cut', () => {
  const frames = [0, 1, 5, 300].map((length, kind) => {
    const frame = Buffer.alloc(5 + length, 0xab);
    frame.writeUInt32LE(length + 1, 0);
    frame[4] = kind;
    return frame;
  });
  const stream = Buffer.concat(frames);
  for (const step of [1, 2, 3, 7, 64, stream.length]) {
    const found: string[] = [];
    const feed = frameSplitter((kind, payload) => found.push(`${kind}:${payload.length}`));
    for (let at = 0; at < stream.length; at += step) feed(stream.subarray(at, at + step));
    assert.equal(found, ['0:0', '1:1', '2:5', '3:300'], `in steps of ${step}`);
  }
});

function connectError(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection(path, () => resolve(undefined));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
}

test.run();
