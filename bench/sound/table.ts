/** The figures of sound as a table. */
import Table from 'cli-table3';
import { TABLE_STYLE } from '../figures/table.ts';
import { PAUSE_MS } from './heard.ts';
import type { Clicks, SoundReport } from './run.ts';

export function renderSound({ minutes, audioVm, alone, guests }: SoundReport): string {
  const head = [
    'guest',
    'sounds',
    'seconds',
    'gaps',
    'gaps, ms',
    'late',
    'breaks',
    'click p50',
    'click max',
    'lead',
    'slipped',
  ];
  const table = new Table({ head, style: TABLE_STYLE });
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  const clicksOf = ({ heard, played, p50, max }: Clicks): string[] => [
    ms(p50),
    `${ms(max)}${heard === played ? '' : `, ${heard} of ${played}`}`,
  ];
  if (alone !== null) table.push([`${audioVm} alone`, '', '', '', '', '', '', ...clicksOf(alone), '', '']);
  for (const { guest, plays, heard, seconds, secondsHeard, gaps, breaks, clicks, service } of guests) {
    const lost = gaps.reduce((sum, gap) => sum + gap.ms, 0);
    table.push([
      guest,
      heard === plays ? `${plays}` : `${heard} of ${plays}`,
      `${secondsHeard.toFixed(2)} of ${seconds.toFixed(2)}`,
      `${gaps.length}`,
      lost.toFixed(0),
      service === null ? '' : `${service.played.underruns}`,
      `${breaks.length}`,
      ...clicksOf(clicks),
      service === null ? '' : ms(service.timing.leadMs),
      service === null ? '' : `${service.played.slipped}`,
    ]);
  }
  const places = guests.flatMap(({ guest, gaps, breaks }) => [
    ...gaps.map(({ at, ms: length }) => `${guest}: a gap of ${length.toFixed(1)} ms at ${at.toFixed(2)} s`),
    ...breaks.map((at) => `${guest}: a break at ${at.toFixed(2)} s`),
  ]);
  const note = `${minutes} min of sounds with pauses from each guest, the AudioVM has ${audioVm}; more than ${PAUSE_MS} ms of silence ends a sound`;
  return [note, table.toString(), ...places].join('\n');
}
