/** From samples to the one object that `--json` prints and that the table is drawn from. */
import { cpus } from 'node:os';
import type { ArmName } from '../arms/arm.ts';
import { CLIENT_BOUND_SHARE, type Sample } from '../throughput/measure.ts';
import { median, ratio } from './stats.ts';

/** TLS, users and permissions: the system whose promises are closest to those of Argus. */
export const BASELINE: ArmName = 'nats-tls';

export interface Cell {
  readonly arm: ArmName;
  readonly size: number;
  /** Delivered, counted at the receiver; median of the rounds, as are the others. */
  readonly messagesPerSecond: number;
  readonly brokerMicrosPerMessage: number;
  /** Resident, of every process on the way. */
  readonly memoryBytes: number;
  readonly latency: { readonly p50Micros: number; readonly p99Micros: number; readonly p999Micros: number };
  /** The client process that had no CPU left in most rounds: the broker could do more than the figure says. */
  readonly clientBound: 'sender' | 'receiver' | null;
  readonly rounds: readonly Sample[];
}

/** An arm in units of `BASELINE` at the same size; null where the baseline was not measured. */
export interface CellRatio {
  readonly arm: ArmName;
  readonly size: number;
  readonly messagesPerSecond: number | null;
  readonly brokerMicrosPerMessage: number | null;
  readonly p50Micros: number | null;
  readonly p99Micros: number | null;
}

export interface MissingArm {
  readonly arm: ArmName;
  /** The package to install. */
  readonly package: string;
}

export interface FailedCell {
  readonly arm: ArmName;
  readonly size: number | null;
  readonly round: number | null;
  readonly reason: string;
}

export interface Host {
  readonly cpu: string;
  readonly cores: number;
  readonly platform: string;
  readonly node: string;
  readonly versions: Readonly<Record<string, string>>;
}

export interface Report {
  readonly arms: readonly Cell[];
  readonly missing: readonly MissingArm[];
  readonly failed: readonly FailedCell[];
  readonly ratios: { readonly baseline: ArmName; readonly cells: readonly CellRatio[] };
  readonly host: Host;
}

export function buildReport(
  samples: readonly Sample[],
  missing: readonly MissingArm[],
  failed: readonly FailedCell[],
  host: Host,
): Report {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = `${sample.size} ${sample.arm}`;
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  const arms = [...groups.values()].flatMap((rounds) => cellOf(rounds));
  const baselines = new Map(arms.filter(({ arm }) => arm === BASELINE).map((cell) => [cell.size, cell]));
  const cells = arms.map((cell) => ratioOf(cell, baselines.get(cell.size)));
  return { arms, missing, failed, ratios: { baseline: BASELINE, cells }, host };
}

function cellOf(rounds: readonly Sample[]): Cell[] {
  const [first] = rounds;
  if (first === undefined) return [];
  const middle = (pick: (sample: Sample) => number): number => median(rounds.map(pick));
  return [
    {
      arm: first.arm,
      size: first.size,
      messagesPerSecond: middle((sample) => sample.messagesPerSecond),
      brokerMicrosPerMessage: middle((sample) => sample.brokerMicrosPerMessage),
      memoryBytes: middle((sample) => sample.memoryBytes),
      latency: {
        p50Micros: middle((sample) => sample.p50Micros),
        p99Micros: middle((sample) => sample.p99Micros),
        p999Micros: middle((sample) => sample.p999Micros),
      },
      clientBound: boundBy(
        middle((sample) => sample.senderCpu),
        middle((sample) => sample.receiverCpu),
      ),
      rounds,
    },
  ];
}

function boundBy(senderCpu: number, receiverCpu: number): Cell['clientBound'] {
  if (Math.max(senderCpu, receiverCpu) < CLIENT_BOUND_SHARE) return null;
  return senderCpu > receiverCpu ? 'sender' : 'receiver';
}

function ratioOf(cell: Cell, baseline: Cell | undefined): CellRatio {
  return {
    arm: cell.arm,
    size: cell.size,
    messagesPerSecond: ratio(cell.messagesPerSecond, baseline?.messagesPerSecond),
    brokerMicrosPerMessage: ratio(cell.brokerMicrosPerMessage, baseline?.brokerMicrosPerMessage),
    p50Micros: ratio(cell.latency.p50Micros, baseline?.latency.p50Micros),
    p99Micros: ratio(cell.latency.p99Micros, baseline?.latency.p99Micros),
  };
}

export function describeHost(versions: Readonly<Record<string, string>>): Host {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    versions,
  };
}
