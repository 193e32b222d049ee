/** The figures of devices as a table. */
import Table from 'cli-table3';
import { TABLE_STYLE } from '../figures/table.ts';
import type { DeviceFigure } from './run.ts';

export function renderDevices(figures: readonly DeviceFigure[]): string {
  const table = new Table({ head: ['median, µs', 'Argus', 'unprotected', 'times as long'], style: TABLE_STYLE });
  for (const { what, argusMicros, plainMicros, times } of figures)
    table.push([what, argusMicros.toFixed(0), plainMicros.toFixed(0), times.toFixed(1)]);
  return table.toString();
}
