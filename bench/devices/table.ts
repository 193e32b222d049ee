/** The figures of devices as a table. */
import Table from 'cli-table3';
import { TABLE_STYLE } from '../figures/table.ts';
import type { DeviceFigure } from './run.ts';

export function renderDevices(figures: readonly DeviceFigure[]): string {
  const head = [
    'medians',
    'Argus',
    'relay',
    'no broker',
    'socket',
    'to relay',
    'to none',
    'to socket',
    'broker',
    'devices',
  ];
  const table = new Table({ head, style: TABLE_STYLE });
  for (const { what, unit, argus, relay, withoutBroker, socket, cpu } of figures) {
    const to = (other: number | null): string => (other === null ? '' : `${(argus / other).toFixed(2)} x`);
    table.push([
      what,
      `${argus.toFixed(0)} ${unit}`,
      ...[relay, withoutBroker, socket].map((figure) => figure?.toFixed(0) ?? ''),
      ...[relay, withoutBroker, socket].map(to),
      ...[cpu.broker, cpu.devices].map((micros) => `${micros.toFixed(0)} µs/${unit === 'µs' ? 'trip' : 'MiB'}`),
    ]);
  }
  return table.toString();
}
