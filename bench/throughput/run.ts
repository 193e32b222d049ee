/** A whole run: find out who can take part, start everybody, warm up, take turns, collect samples. */
import { join } from 'node:path';
import type { ArmName } from '../arms/arm.ts';
import { loadArm } from '../arms/registry.ts';
import { type FindProgram, findProgram } from '../arms/server-process.ts';
import type { Cleanup } from '../cleanup.ts';
import { buildReport, describeHost, type FailedCell, type MissingArm, type Report } from '../figures/report.ts';
import { thousands } from '../figures/table.ts';
import { findVersions } from '../figures/versions.ts';
import { measure, type Sample } from './measure.ts';
import { type Pace, turns } from './plan.ts';
import { startWorkers, type WorkerSet } from './worker-set.ts';

export interface RunRequest {
  readonly arms: readonly ArmName[];
  readonly sizes: readonly number[];
  readonly pace: Pace;
  /** An empty folder that the caller removes. */
  readonly folder: string;
  readonly cleanup: Cleanup;
  readonly progress: (line: string) => void;
}

export async function run(request: RunRequest): Promise<Report> {
  const { arms, sizes, pace, progress } = request;
  const missing = await findMissing(arms);
  const present = arms.filter((arm) => !missing.some((one) => one.arm === arm));
  const failed: FailedCell[] = [];
  const workersByArm = await startAll(request, present, failed);
  await warmUp(workersByArm, sizes, pace, failed);
  const samples: Sample[] = [];
  for (const turn of turns(present, sizes, pace.rounds)) {
    const workers = workersByArm.get(turn.arm);
    if (workers === undefined) continue;
    try {
      const sample = await measure(workers, turn.size, turn.round, pace);
      samples.push(sample);
      progress(describe(sample, pace));
    } catch (error) {
      // left out from here on: its messages under way would disturb its next cell
      workersByArm.delete(turn.arm);
      failed.push({ arm: turn.arm, size: turn.size, round: turn.round, reason: reasonOf(error) });
      progress(`${turn.arm} failed: ${reasonOf(error)}`);
    }
  }
  return buildReport(samples, missing, failed, describeHost(await findVersions()));
}

export async function findMissing(arms: readonly ArmName[], find: FindProgram = findProgram): Promise<MissingArm[]> {
  const packages = await Promise.all(arms.map(async (arm) => (await loadArm(arm)).missing(find)));
  return arms.flatMap((arm, i) => {
    const name = packages[i] ?? null;
    return name === null ? [] : [{ arm, package: name }];
  });
}

/** All at once: starting is not measured, and one after the other it would take longer than a quick run may. */
async function startAll(
  { folder, cleanup, progress }: RunRequest,
  arms: readonly ArmName[],
  failed: FailedCell[],
): Promise<Map<ArmName, WorkerSet>> {
  progress(`starting ${arms.join(', ')}`);
  const workersByArm = new Map<ArmName, WorkerSet>();
  await Promise.all(
    arms.map(async (arm) => {
      try {
        workersByArm.set(arm, await startWorkers(arm, await loadArm(arm), join(folder, arm), cleanup));
      } catch (error) {
        failed.push({ arm, size: null, round: null, reason: reasonOf(error) });
        progress(`${arm} did not start: ${reasonOf(error)}`);
      }
    }),
  );
  return workersByArm;
}

/** The code of both clients and of brokers in Node is compiled while it runs; without this the first cells would measure that. */
async function warmUp(
  workersByArm: Map<ArmName, WorkerSet>,
  sizes: readonly number[],
  pace: Pace,
  failed: FailedCell[],
): Promise<void> {
  const half = { ...pace, throughputMs: pace.warmupMs * 0.7, latencyMs: pace.warmupMs * 0.3 };
  for (const [arm, workers] of workersByArm) {
    for (const size of sizes) {
      try {
        await measure(workers, size, -1, half);
      } catch (error) {
        workersByArm.delete(arm);
        failed.push({ arm, size, round: null, reason: reasonOf(error) });
        break;
      }
    }
  }
}

function describe(sample: Sample, pace: Pace): string {
  const cell = `${sample.arm.padEnd(13)} ${String(sample.size).padStart(5)} B`;
  const figures = `${thousands(sample.messagesPerSecond).padStart(10)} msg/s  p50 ${Math.round(sample.p50Micros)} µs`;
  return `round ${sample.round + 1}/${pace.rounds}  ${cell}  ${figures}`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
