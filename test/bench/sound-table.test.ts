/** What the report of the sound bench says. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlayedFigures, SoundReport } from '../../bench/sound/run.ts';
import { renderSound } from '../../bench/sound/table.ts';

const report = suite('the report of the sound bench');

const whole: PlayedFigures = { plays: 4, heard: 4, seconds: 38.5, secondsHeard: 38.5, gaps: [], breaks: [] };
const clicks = { heard: 8, played: 8, p50: 33, max: 40 };
const place = { at: 12.5, sound: 2, intoMs: 4_200 };
const service = { underruns: 1, slipped: 9, reopened: 0 };

function textOf(changes: Partial<SoundReport>): string {
  return renderSound({
    minutes: 1,
    audioVm: 'pipewire',
    alone: clicks,
    control: whole,
    guests: [{ ...whole, guest: 'pulseaudio', clicks, late: 0, service: null }],
    stolenMs: null,
    stalls: null,
    ...changes,
  });
}

report('each gap and break has its place, whose it is, and what was counted around it', () => {
  const gap = {
    ...place,
    ms: 5,
    alsoIn: ['control'],
    around: { seconds: 0.5, service, stolenMs: 10 },
    stalledMs: 6.25,
  };
  const own = { ...place, alsoIn: [], around: null, stalledMs: 0 };
  const text = textOf({
    control: {
      ...whole,
      gaps: [{ ...gap, alsoIn: ['pulseaudio'], around: { seconds: 0.5, service: null, stolenMs: 10 } }],
    },
    guests: [{ ...whole, guest: 'pulseaudio', clicks, late: 1, service: null, gaps: [gap], breaks: [own] }],
  });
  const lines = text.split('\n');
  for (const line of [
    'control: a gap of 5.0 ms at 12.50 s, 4200 ms into sound 2; at the same moment as in pulseaudio; a processor stood still for 6.3 ms; counted in these 0.5 s: 10 ms taken by the host',
    'pulseaudio: a gap of 5.0 ms at 12.50 s, 4200 ms into sound 2; at the same moment as in control; a processor stood still for 6.3 ms; counted in these 0.5 s: 1 late, 9 slipped, 0 opened again, 10 ms taken by the host',
    'pulseaudio: a break at 12.50 s, 4200 ms into sound 2; only here',
  ])
    assert.ok(lines.includes(line), line);
});

report('the control has a row with its own clicks, where a server alone was measured', () => {
  const row = (text: string): string[] =>
    (text.split('\n').find((line) => line.includes('│ control')) ?? '').split('│').map((cell) => cell.trim());
  assert.equal(row(textOf({})).slice(1, 10), [
    'control',
    '4',
    '38.50 of 38.50',
    '0',
    '0',
    '',
    '0',
    '33.0 ms',
    '40.0 ms',
  ]);
  assert.equal(row(textOf({ alone: null })).slice(8, 10), ['', '']);
});

report('it says what the host of the machine took, where that is known', () => {
  assert.not.match(textOf({}), 'taken');
  assert.match(textOf({ stolenMs: 30 }), 'the host of this machine took 30 ms of its processors');
});

report('it says how often processors stood still, where somebody watched', () => {
  assert.not.match(textOf({}), 'stood still');
  assert.match(
    textOf({ stalls: { count: 4, longestMs: 6.04 } }),
    'processors stood still 4 times, for 6.0 ms at the longest',
  );
});

report.run();
