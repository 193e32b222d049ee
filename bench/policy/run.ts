/** `npm run bench -- --policy`: the cost of a policy change, and the time until it is in force. */
import Table from 'cli-table3';
import type { Cleanup } from '../cleanup.ts';
import { TABLE_STYLE } from '../figures/table.ts';
import { type CompileFigure, manyLabels, manyRows, measureCompile } from './compile.ts';
import { GRANTS, type GrantsReloadFigures, measureGrantsReload } from './grants-reload.ts';
import { type InForceFigures, measureInForce } from './in-force.ts';
import { openPolicySite } from './site.ts';

const ROWS = 10_000;

export interface PolicyReport {
  readonly compile: readonly CompileFigure[];
  readonly inForce: InForceFigures;
  readonly grantsReload: GrantsReloadFigures;
}

export interface PolicyRequest {
  readonly folder: string;
  readonly cleanup: Cleanup;
  readonly isQuick: boolean;
  progress(line: string): void;
}

export async function runPolicyChanges({ folder, cleanup, isQuick, progress }: PolicyRequest): Promise<PolicyReport> {
  const compile: CompileFigure[] = [];
  for (const shape of [manyRows(ROWS), manyLabels(200, 40)]) {
    progress(`compile ${shape.name}`);
    compile.push(await measureCompile(shape, isQuick ? 3 : 9));
  }
  progress(`changes under a policy of ${ROWS} rows`);
  const site = await openPolicySite(folder, ROWS);
  cleanup.add(() => site.stop());
  const inForce = await measureInForce(site, isQuick ? 5 : 100);
  progress(`reloads under ${GRANTS} grants`);
  return { compile, inForce, grantsReload: await measureGrantsReload(site, isQuick ? 5 : 15) };
}

export function renderPolicyChanges({ compile, inForce, grantsReload }: PolicyReport): string {
  const compiled = new Table({ head: ['compile', 'promised ms', 'wall ms', 'CPU ms'], style: TABLE_STYLE });
  for (const { name, promisedMs, wallMs, cpuMs } of compile)
    compiled.push([name, promisedMs, wallMs.toFixed(0), cpuMs.toFixed(0)]);
  const { revoke, answer, expiry, deliveredAfterAnswer, gapMs, messagesPerSecond } = inForce;
  const changed = new Table({
    head: [`in force, ${Math.round(messagesPerSecond)} messages/s meanwhile`, 'p50 ms', 'p99 ms'],
    style: TABLE_STYLE,
  });
  for (const [name, { p50, p99 }] of [
    ['revoke: last message under the grant', revoke],
    ['revoke: answer', answer],
    ['expiry: last message after the promised end', expiry],
  ] as const)
    changed.push([name, p50.toFixed(1), p99.toFixed(1)]);
  return [
    compiled.toString(),
    changed.toString(),
    `delivered after the answer to a revocation: at most ${deliveredAfterAnswer} messages`,
    `longest gap of a stream that no change concerns: ${gapMs.quiet.toFixed(1)} ms in quiet, ${gapMs.changing.toFixed(1)} ms under changes`,
    `a reload under ${GRANTS} grants and ${ROWS} rows: ${grantsReload.keepsAllMs.toFixed(0)} ms when it keeps all, ${grantsReload.dropsOneMs.toFixed(0)} ms when it drops one`,
  ].join('\n');
}
