/** The figures of devices as a table. */
import Table from 'cli-table3';
import { TABLE_STYLE } from '../figures/table.ts';
import type { DeviceFigure } from './run.ts';

export function renderDevices(figures: readonly DeviceFigure[]): string {
  const head = [
    'medians',
    'Argus',
    'without a broker',
    'bare socket',
    'of the former',
    'of the latter',
    'CPU broker',
    'devices',
  ];
  const table = new Table({ head, style: TABLE_STYLE });
  for (const { what, unit, argus, withoutBroker, socket, cpu } of figures) {
    const of = (other: number | null): string => (other === null ? '' : `${(argus / other).toFixed(2)} x`);
    table.push([
      what,
      `${argus.toFixed(0)} ${unit}`,
      withoutBroker.toFixed(0),
      socket?.toFixed(0) ?? '',
      of(withoutBroker),
      of(socket),
      ...[cpu.broker, cpu.devices].map((micros) => `${micros.toFixed(0)} µs/${unit === 'µs' ? 'trip' : 'MiB'}`),
    ]);
  }
  return table.toString();
}
