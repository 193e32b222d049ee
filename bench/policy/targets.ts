/** What is promised of policy changes, next to what this run measured. */
import Table from 'cli-table3';
import { TABLE_STYLE } from '../figures/table.ts';
import type { CompileFigure } from './compile.ts';
import type { GrantsReloadFigures } from './grants-reload.ts';
import type { InForceFigures } from './in-force.ts';

/** See docs/policy.md: bytes that a revocation cannot reach. */
export const UNREACHABLE_BYTES = 359_640;
const IN_FORCE_MS = 10;
const GAP_MS = 10;
const SENDS_PER_SECOND = 10_000;
/** Of two medians that are promised to be the same: less is the noise of a machine. */
const SAME = 1.25;

export interface Target {
  readonly what: string;
  readonly unit: string;
  readonly limit: number;
  readonly measured: number;
  readonly isMet: boolean;
}

interface Measured {
  readonly compile: readonly CompileFigure[];
  readonly inForce: InForceFigures;
  readonly grantsReload: GrantsReloadFigures;
}

export function targetsOf({ compile, inForce, grantsReload }: Measured): Target[] {
  const atMost = (what: string, unit: string, limit: number, measured: number): Target => {
    return { what, unit, limit, measured, isMet: measured <= limit };
  };
  const { messagesPerSecond } = inForce;
  return [
    ...compile.map(({ name, promisedMs, cpuMs }) => atMost(`compile ${name}, CPU`, 'ms', promisedMs, cpuMs)),
    ...compile.map(({ name, promisedMs, wallMs }) => atMost(`compile ${name}, wall`, 'ms', promisedMs, wallMs)),
    atMost('revoke in force, p99', 'ms', IN_FORCE_MS, inForce.revoke.p99),
    atMost('expiry in force, p99', 'ms', IN_FORCE_MS, inForce.expiry.p99),
    atMost('longest gap, more than without changes', 'ms', GAP_MS, inForce.gapMs.changing - inForce.gapMs.quiet),
    atMost('delivered after the answer', 'bytes', UNREACHABLE_BYTES, inForce.bytesAfterAnswer),
    atMost(
      'reload that drops a grant, to one that keeps all',
      '×',
      SAME,
      grantsReload.dropsOneMs / grantsReload.keepsAllMs,
    ),
    {
      ...{ what: 'load meanwhile, at least 95 % of', unit: 'messages/s', limit: SENDS_PER_SECOND },
      ...{ measured: messagesPerSecond, isMet: messagesPerSecond >= 0.95 * SENDS_PER_SECOND },
    },
  ];
}

export function renderTargets(targets: readonly Target[]): string {
  const table = new Table({ head: ['promised', 'limit', 'measured', ''], style: TABLE_STYLE });
  for (const { what, unit, limit, measured, isMet } of targets) {
    const figure = measured >= 1_000 ? measured.toFixed(0) : measured.toFixed(unit === '×' ? 2 : 1);
    table.push([what, `${limit} ${unit}`, figure, isMet ? 'met' : 'MISSED']);
  }
  return table.toString();
}
