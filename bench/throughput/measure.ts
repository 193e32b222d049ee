/** One cell: throughput and then latency of one arm at one size, in one round. */
import type { ArmName } from '../arms/arm.ts';
import { type Pace, windowOf } from './plan.ts';
import type { WorkerSet } from './worker-set.ts';

const DRAIN_TIMEOUT_MS = 10_000;
/** From this share of CPU time on the client process limits the figure, not the broker. */
export const CLIENT_BOUND_SHARE = 0.95;

export interface Sample {
  readonly arm: ArmName;
  readonly size: number;
  readonly round: number;
  readonly messagesPerSecond: number;
  readonly brokerMicrosPerMessage: number;
  /** Resident, of every process on the way. */
  readonly memoryBytes: number;
  /** Share of one core, 0 … 1 and above for clients with threads. */
  readonly senderCpu: number;
  readonly receiverCpu: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  readonly p999Micros: number;
  readonly latencySamples: number;
}

export async function measure(workers: WorkerSet, size: number, round: number, pace: Pace): Promise<Sample> {
  const window = windowOf(size);
  await workers.receiver.begin({ size, quantum: window.quantum });
  await workers.sender.stream({ size, window: window.messages });
  const throughput = await workers.receiver.sample({ warmupMs: pace.settleMs, durationMs: pace.throughputMs });
  const { sent, cpu: senderCpu } = await workers.sender.halt();
  const received = await workers.receiver.drain({ expected: sent, timeoutMs: DRAIN_TIMEOUT_MS });
  // a figure of an arm that loses messages compares a promise kept with one broken
  if (received !== sent) throw new Error(`${workers.arm}: ${sent} messages sent, ${received} delivered`);
  if (throughput.messages === 0) throw new Error(`${workers.arm}: nothing was delivered while measuring`);
  const latency = await workers.sender.pingPong({
    size,
    warmupMs: pace.settleMs / 2,
    durationMs: pace.latencyMs,
  });
  return {
    arm: workers.arm,
    size,
    round,
    messagesPerSecond: throughput.messages / (throughput.micros / 1e6),
    brokerMicrosPerMessage: throughput.brokerMicros / throughput.messages,
    memoryBytes: throughput.memoryBytes,
    senderCpu,
    receiverCpu: throughput.cpu,
    p50Micros: latency.p50Micros,
    p99Micros: latency.p99Micros,
    p999Micros: latency.p999Micros,
    latencySamples: latency.count,
  };
}

/** Messages sent at a rate that leaves the cores free time, and the latency of requests next to them. */
export async function measurePaced(
  workers: WorkerSet,
  size: number,
  perSecond: number,
  pace: Pace,
): Promise<{ readonly messagesPerSecond: number; readonly p50Micros: number; readonly p99Micros: number }> {
  const window = windowOf(size);
  await workers.receiver.begin({ size, quantum: window.quantum });
  await workers.sender.stream({ size, window: window.messages, perSecond });
  const [delivered, latency] = await Promise.all([
    workers.receiver.sample({ warmupMs: pace.settleMs, durationMs: pace.throughputMs }),
    workers.sender.pingPong({ size, warmupMs: pace.settleMs, durationMs: pace.throughputMs }),
  ]);
  const { sent } = await workers.sender.halt();
  const received = await workers.receiver.drain({ expected: sent, timeoutMs: DRAIN_TIMEOUT_MS });
  if (received !== sent) throw new Error(`${workers.arm}: ${sent} messages sent, ${received} delivered`);
  const messagesPerSecond = delivered.messages / (delivered.micros / 1e6);
  return { messagesPerSecond, p50Micros: latency.p50Micros, p99Micros: latency.p99Micros };
}
