/** The figures of devices as a table. */
import Table from 'cli-table3';
import { TABLE_STYLE } from '../figures/table.ts';
import type { DeviceFigure, DeviceReport } from './run.ts';
import type { SoundCardFigure } from './sound-card/sound-card.ts';

export function renderDevices({ devices, sound }: DeviceReport): string {
  return [...(devices.length === 0 ? [] : [ways(devices)]), ...(sound === null ? [] : [soundCard(sound)])].join('\n');
}

function soundCard({ minutes, periods, missed, latestMs, heard, wrong }: SoundCardFigure): string {
  const lost = wrong === 0 ? 'each in its order' : `${wrong} of them missing or out of order`;
  return `sound card, ${minutes} min: ${missed} of ${periods} periods missed, the latest came ${latestMs.toFixed(1)} ms after it was due; the AudioVM got ${heard} sample frames, ${lost}`;
}

function ways(figures: readonly DeviceFigure[]): string {
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
