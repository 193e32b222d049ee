/** The receiving client's process: counts delivered messages, and reads every clock at the same two moments. */
import { hrtime } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreditGiver } from '../throughput/credit.ts';
import { processCpuMicros } from '../throughput/process-cpu.ts';
import { residentBytes } from '../throughput/process-memory.ts';
import { answerCalls, type ReceiverCalls } from './calls.ts';
import { startRole } from './role.ts';

/** From here on an arm counts as one that delivers nothing. */
const MAX_WAIT_FOR_FIRST_MS = 10_000;

const { setup, arm } = await startRole();
const credit = await CreditGiver.listen(setup.creditPath);
let expectedSize = 0;
let received = 0;
let unexpectedSize: number | undefined;
let onArrival: () => void = () => {};

const calls: ReceiverCalls = {
  async open() {
    await arm.openReceiver(setup.endpoint, onMessage);
  },
  async begin({ size, quantum }) {
    expectedSize = size;
    received = 0;
    unexpectedSize = undefined;
    credit.start(quantum);
  },
  async sample({ warmupMs, durationMs }) {
    await sleep(warmupMs);
    const start = clocks();
    await sleep(durationMs);
    // A rate needs an arrival: on a busy machine the first message may come after the planned time.
    await arrivals(start.received + 1, MAX_WAIT_FOR_FIRST_MS);
    const end = clocks();
    refuseWrongSize();
    const micros = Number(end.at - start.at) / 1e3;
    return {
      messages: end.received - start.received,
      micros,
      brokerMicros: end.brokerMicros - start.brokerMicros,
      memoryBytes: setup.serverPids.reduce((sum, pid) => sum + residentBytes(pid), 0),
      cpu: (end.ownMicros - start.ownMicros) / micros,
    };
  },
  async drain({ expected, timeoutMs }) {
    await arrivals(expected, timeoutMs);
    refuseWrongSize();
    return received;
  },
};
answerCalls(calls);

/** Waits until `count` messages have arrived since `begin`, or until the time is over. */
async function arrivals(count: number, timeoutMs: number): Promise<void> {
  const until = performance.now() + timeoutMs;
  while (received < count && performance.now() < until) {
    await Promise.race([
      sleep(100),
      new Promise<void>((resolve) => {
        onArrival = resolve;
      }),
    ]);
  }
  onArrival = () => {};
}

function onMessage(payload: Uint8Array): void {
  if (payload.length !== expectedSize) unexpectedSize = payload.length;
  received += 1;
  credit.delivered();
  onArrival();
}

function refuseWrongSize(): void {
  if (unexpectedSize !== undefined) throw new Error(`got ${unexpectedSize} bytes, ${expectedSize} were sent`);
}

function clocks(): { at: bigint; received: number; brokerMicros: number; ownMicros: number } {
  const { user, system } = process.cpuUsage();
  return {
    at: hrtime.bigint(),
    received,
    brokerMicros: setup.serverPids.reduce((sum, pid) => sum + processCpuMicros(pid), 0),
    ownMicros: user + system,
  };
}
