/** The comparison of tools for people. */
import Table from 'cli-table3';
import { TABLE_STYLE, thousands } from '../../figures/table.ts';
import type { ToolReport } from './run.ts';

export function renderTools({ rows, figures, missing, notCompared }: ToolReport): string {
  const head = [`one process, ${thousands(rows)} rows`, 'tool', 'wall ms', 'CPU ms'];
  const table = new Table({ head, style: TABLE_STYLE });
  for (const { question, tool, wallMs, cpuMs } of figures)
    table.push([question, tool, wallMs.toFixed(0), cpuMs === null ? '-' : cpuMs.toFixed(0)]);
  return [
    table.toString(),
    ...missing.map((one) => `${one.tool} is missing: install the package ${one.package}`),
    ...notCompared,
  ].join('\n');
}
