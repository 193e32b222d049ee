/** `npm run bench -- --policy`: the cost of a policy change, and the time until it is in force. */
import { loadavg } from 'node:os';
import Table from 'cli-table3';
import type { Cleanup } from '../cleanup.ts';
import { describeHost, type Host } from '../figures/report.ts';
import { TABLE_STYLE } from '../figures/table.ts';
import { findVersions, type VersionQuestion } from '../figures/versions.ts';
import { type CompileFigure, manyLabels, manyRows, measureCompile } from './compile.ts';
import { GRANTS, type GrantsReloadFigures, measureGrantsReload } from './grants-reload.ts';
import { type InForceFigures, measureInForce } from './in-force.ts';
import { type RevocationReport, runRevocations } from './revocation/run.ts';
import { renderRevocations } from './revocation/table.ts';
import { openPolicySite } from './site.ts';
import { renderTargets, type Target, targetsOf } from './targets.ts';
import { runTools, type ToolReport } from './tools/run.ts';
import { renderTools } from './tools/table.ts';

const ROWS = 10_000;
const TOOL_VERSIONS: readonly VersionQuestion[] = [['sesearch', ['--version']]];

export interface PolicyReport {
  readonly targets: readonly Target[];
  readonly compile: readonly CompileFigure[];
  readonly inForce: InForceFigures;
  readonly grantsReload: GrantsReloadFigures;
  readonly revocations: RevocationReport;
  readonly tools: ToolReport;
  /** `load`: how many processes wanted a core in the last minute. On a busy machine only CPU times and ratios mean something. */
  readonly host: Host & { readonly load: number };
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
  progress('revocations at Argus and its peers');
  const rounds = isQuick ? 5 : 100;
  const revocations = await runRevocations({ folder, cleanup, rounds, rows: ROWS, argus: site, progress });
  progress(`reloads under ${GRANTS} grants`);
  const grantsReload = await measureGrantsReload(site, isQuick ? 5 : 15);
  progress('tools that SELinux admins know');
  const tools = await runTools({ folder, rows: ROWS, rounds: isQuick ? 3 : 9, progress });
  const measured = { compile, inForce, grantsReload };
  const host = { ...describeHost(await findVersions(TOOL_VERSIONS)), load: loadavg()[0] ?? 0 };
  return { targets: targetsOf(measured), ...measured, revocations, tools, host };
}

export function renderPolicyChanges({
  targets,
  compile,
  inForce,
  grantsReload,
  revocations,
  tools,
  host,
}: PolicyReport): string {
  const versions = Object.entries(host.versions).map(([name, version]) => `${name} ${version}`);
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
    `delivered after the answer to a revocation: at most ${deliveredAfterAnswer} messages, ${inForce.bytesAfterAnswer} bytes`,
    `longest gap of a stream that no change concerns: ${gapMs.quiet.toFixed(1)} ms in quiet, ${gapMs.changing.toFixed(1)} ms under changes`,
    `a reload under ${GRANTS} grants and ${ROWS} rows: ${grantsReload.keepsAllMs.toFixed(0)} ms when it keeps all, ${grantsReload.dropsOneMs.toFixed(0)} ms when it drops one`,
    renderRevocations(revocations),
    renderTools(tools),
    renderTargets(targets),
    `${host.cpu}, ${host.cores} cores, load ${host.load.toFixed(1)}; node ${host.node}; ${versions.join(', ')}`,
  ].join('\n');
}
