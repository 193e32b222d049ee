/** Does the length of the policy slow the broker down? The same cells under 10 and under 10 000 rows, in turns. */
import { join } from 'node:path';
import Table from 'cli-table3';
import { argusWithPolicy } from '../arms/argus.ts';
import { findProgram } from '../arms/server-process.ts';
import type { MissingArm } from '../figures/report.ts';
import { median, ratio } from '../figures/stats.ts';
import { TABLE_STYLE, thousands } from '../figures/table.ts';
import { measure, type Sample } from '../throughput/measure.ts';
import type { RunRequest } from '../throughput/run.ts';
import { startWorkers } from '../throughput/worker-set.ts';

const FEW_ROWS = 10;
const MANY_ROWS = 10_000;

export interface PolicySizeReport {
  readonly policyRows: readonly {
    readonly size: number;
    /** Delivered messages/s, medians. */
    readonly fewRows: number;
    readonly manyRows: number;
    /** manyRows / fewRows: 1 = the length of the policy costs nothing. */
    readonly ratio: number | null;
  }[];
  readonly rows: readonly [few: number, many: number];
  readonly missing: readonly MissingArm[];
}

export async function runPolicySizes(request: Omit<RunRequest, 'arms'>): Promise<PolicySizeReport> {
  const { folder, cleanup, sizes, pace, progress } = request;
  const rows = [FEW_ROWS, MANY_ROWS] as const;
  const name = await argusWithPolicy(FEW_ROWS).missing(findProgram);
  if (name !== null) return { policyRows: [], rows, missing: [{ arm: 'argus-unix', package: name }] };
  const start = (count: number) =>
    startWorkers('argus-unix', argusWithPolicy(count), join(folder, `rows-${count}`), cleanup);
  const few = { workers: await start(FEW_ROWS), samples: [] as Sample[] };
  const many = { workers: await start(MANY_ROWS), samples: [] as Sample[] };
  for (let round = -1; round < pace.rounds; round++) {
    for (const size of sizes) {
      for (const side of round % 2 === 0 ? [few, many] : [many, few]) {
        const sample = await measure(side.workers, size, round, pace);
        // round -1 warms up
        if (round >= 0) side.samples.push(sample);
      }
      progress(`round ${round + 1}/${pace.rounds}  ${size} B`);
    }
  }
  const policyRows = sizes.map((size) => {
    const [fewRows, manyRows] = [medianRate(few.samples, size), medianRate(many.samples, size)];
    return { size, fewRows, manyRows, ratio: ratio(manyRows, fewRows) };
  });
  return { policyRows, rows, missing: [] };
}

function medianRate(samples: readonly Sample[], size: number): number {
  return median(samples.filter((sample) => sample.size === size).map((sample) => sample.messagesPerSecond));
}

export function renderPolicySizes(report: PolicySizeReport): string {
  const head = ['bytes', ...report.rows.map((count) => `msg/s, ${thousands(count)} rows`), 'ratio'];
  const table = new Table({ head, style: TABLE_STYLE, colAligns: ['right', 'right', 'right', 'right'] });
  for (const { size, fewRows, manyRows, ratio: factor } of report.policyRows) {
    table.push([thousands(size), thousands(fewRows), thousands(manyRows), factor?.toFixed(3) ?? '-']);
  }
  const missing = report.missing.map((one) => `${one.arm} is missing: install the package ${one.package}`);
  return [...(missing.length > 0 ? [] : [table.toString()]), ...missing].join('\n');
}
