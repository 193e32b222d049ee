/** The figures of sound as a table. */
import Table from 'cli-table3';
import { TABLE_STYLE } from '../figures/table.ts';
import { PAUSE_MS, type Place } from './heard.ts';
import type { Clicks, PlayedFigures, SoundReport } from './run.ts';
import type { Around, Attributed } from './whose.ts';

export function renderSound({ minutes, audioVm, alone, control, guests, stolenMs, stalls }: SoundReport): string {
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
  const playedOf = ({ plays, heard, seconds, secondsHeard, gaps }: PlayedFigures): string[] => [
    heard === plays ? `${plays}` : `${heard} of ${plays}`,
    `${secondsHeard.toFixed(2)} of ${seconds.toFixed(2)}`,
    `${gaps.length}`,
    gaps.reduce((sum, gap) => sum + gap.ms, 0).toFixed(0),
  ];
  const clicksAlone = alone === null ? ['', ''] : clicksOf(alone);
  table.push(['control', ...playedOf(control), '', `${control.breaks.length}`, ...clicksAlone, '', '']);
  for (const { guest, late, clicks, service, ...played } of guests)
    table.push([
      guest,
      ...playedOf(played),
      `${late}`,
      `${played.breaks.length}`,
      ...clicksOf(clicks),
      service === null ? '' : ms(service.timing.leadMs),
      service === null ? '' : `${service.played.slipped}`,
    ]);
  const places = [{ guest: 'control', ...control }, ...guests].flatMap(({ guest, gaps, breaks }) => [
    ...gaps.map((gap) => `${guest}: a gap of ${ms(gap.ms)} ${describe(gap)}`),
    ...breaks.map((place) => `${guest}: a break ${describe(place)}`),
  ]);
  const stolen = stolenMs === null ? [] : [`the host of this machine took ${stolenMs} ms of its processors`];
  const stood =
    stalls === null ? [] : [`processors stood still ${stalls.count} times, for ${ms(stalls.longestMs)} at the longest`];
  const note = `${minutes} min of sounds with pauses from each guest, the AudioVM has ${audioVm}; more than ${PAUSE_MS} ms of silence ends a sound`;
  return [note, table.toString(), ...places, ...stolen, ...stood].join('\n');
}

/** Where it was, and who else had it. */
function describe({ at, sound, intoMs, alsoIn, around, stalledMs }: Place & Attributed): string {
  const others = alsoIn.length === 0 ? 'only here' : `at the same moment as in ${alsoIn.join(' and ')}`;
  const still = stalledMs === null || stalledMs === 0 ? [] : [`a processor stood still for ${stalledMs.toFixed(1)} ms`];
  const counted = around === null ? [] : [`counted in these ${around.seconds.toFixed(1)} s: ${countsOf(around)}`];
  return [`at ${at.toFixed(2)} s, ${intoMs.toFixed(0)} ms into sound ${sound}`, others, ...still, ...counted].join(
    '; ',
  );
}

function countsOf({ service, stolenMs }: Around): string {
  return [
    ...(service === null
      ? []
      : [`${service.underruns} late`, `${service.slipped} slipped`, `${service.reopened} opened again`]),
    ...(stolenMs === null ? [] : [`${stolenMs} ms taken by the host`]),
  ].join(', ');
}
