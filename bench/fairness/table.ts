/** The fairness report for people. */
import Table from 'cli-table3';
import { TABLE_STYLE, thousands } from '../figures/table.ts';
import { ATTACKS, IDLE_SESSIONS } from './kinds.ts';
import type { AttackFigures } from './run.ts';

const HEAD = ['attack', 'attackers', 'p50 ×', 'p99 ×', 'cat p50 ×', 'cat p99 ×', 'lost', 'broker MiB', 'log kB/s'];
const MIB = 1024 * 1024;

export function renderFairness(attacks: readonly AttackFigures[]): string {
  const table = new Table({
    head: HEAD,
    style: TABLE_STYLE,
    colAligns: ['left', ...HEAD.slice(1).map(() => 'right' as const)],
  });
  for (const one of attacks)
    table.push([
      one.kind,
      one.attackers,
      times(one.p50Ratio),
      times(one.p99Ratio),
      times(one.catP50Ratio),
      times(one.catP99Ratio),
      one.lost,
      one.brokerBytes === null ? '-' : Math.round(one.brokerBytes / MIB),
      thousands(one.logBytesPerSecond / 1000),
    ]);
  const kinds = [...new Set(attacks.map(({ kind }) => kind))].filter((kind) => kind !== IDLE_SESSIONS);
  return [
    table.toString(),
    '× = the round trip of the pair with the attack, in units of the one without (less is better)',
    'cat × = the same of a round trip through cat, which has no part in it: what the scheduler makes of so many processes',
    ...kinds.map((kind) => `${kind}: ${ATTACKS[kind]}`),
  ].join('\n');
}

function times(value: number | null): string {
  return value?.toFixed(2) ?? '-';
}
