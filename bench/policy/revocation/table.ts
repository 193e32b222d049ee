/** The comparison of revocations for people. */
import Table from 'cli-table3';
import { TABLE_STYLE, thousands } from '../../figures/table.ts';
import type { RevocationReport } from './run.ts';

export function renderRevocations({ rows, figures, missing }: RevocationReport): string {
  const table = new Table({
    head: [`revocation under ${thousands(rows)} rows: last message`, 'p50 ms', 'p99 ms', 'answer p50 ms'],
    style: TABLE_STYLE,
  });
  for (const { arm, p50, p99, answerP50 } of figures)
    table.push([arm, p50.toFixed(1), p99.toFixed(1), answerP50 === null ? 'no answer' : answerP50.toFixed(1)]);
  return [table.toString(), ...missing.map((one) => `${one.arm} is missing: install the package ${one.package}`)].join(
    '\n',
  );
}
