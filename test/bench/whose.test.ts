/** Whose gap it is, by what else was heard and counted at the same moment. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Gap, Place } from '../../bench/sound/heard.ts';
import type { Stall } from '../../bench/sound/stalls.ts';
import { attribute, type Look, type Track } from '../../bench/sound/whose.ts';

const whose = suite('whose a gap is');

const gap = (at: number, ms: number): Gap => ({ at, ms, sound: 1, intoMs: at * 1_000 });
const place = (at: number): Place => ({ at, sound: 1, intoMs: at * 1_000 });
const track = (name: string, faults: Partial<Track>): Track => ({ name, gaps: [], breaks: [], looks: [], ...faults });
const look = (at: number, underruns: number, stolenMs: number | null): Look => ({
  at,
  stolenMs,
  service: { underruns, slipped: at * 10, reopened: 0 },
});

/** Of a guest with one gap of 5 ms at 10 s. */
const alsoIn = (control: Partial<Track>): readonly string[] | undefined =>
  attribute([track('control', control), track('guest', { gaps: [gap(10, 5)] })], null)[1]?.gaps[0]?.alsoIn;

for (const [label, control, expected] of [
  ['nothing in the control', {}, []],
  ['a gap at the same moment', { gaps: [gap(10.02, 5)] }, ['control']],
  ['a long gap that ends then', { gaps: [gap(9.8, 190)] }, ['control']],
  ['a break at the same moment', { breaks: [place(9.97)] }, ['control']],
  ['a gap shortly before', { gaps: [gap(9.9, 5)] }, []],
  ['a break shortly after', { breaks: [place(10.07)] }, []],
] as const)
  whose(`${label}: also in ${expected.length === 0 ? 'no other' : expected.join(', ')}`, () => {
    assert.equal(alsoIn(control), expected);
  });

whose('a fault is in no other recording because of itself, and in all others that have it', () => {
  const [, guest] = attribute(
    [
      track('control', { gaps: [gap(1, 5)] }),
      track('guest', { gaps: [gap(1, 5), gap(1.01, 5)], breaks: [place(3)] }),
      track('other', { gaps: [gap(1, 5)] }),
    ],
    null,
  );
  assert.equal(
    guest?.gaps.map((each) => each.alsoIn),
    [
      ['control', 'other'],
      ['control', 'other'],
    ],
  );
  assert.equal(guest?.breaks[0]?.alsoIn, []);
});

whose('what was counted is taken from the last look before to the first one after', () => {
  const looks = [look(1, 0, 0), look(2, 1, 10), look(3, 3, 30), look(4, 9, 90)];
  const [guest] = attribute([track('guest', { gaps: [gap(2.5, 5)], breaks: [place(0.5), place(5)], looks })], null);
  assert.equal(guest?.gaps[0]?.around, {
    seconds: 1,
    service: { underruns: 2, slipped: 10, reopened: 0 },
    stolenMs: 20,
  });
  assert.equal(
    guest?.breaks.map(({ around }) => around),
    [null, null],
    'before the first look, and after the last one',
  );
});

whose('a look at the same moment as a gap says nothing of it', () => {
  const looks = [look(1, 0, 0), look(2, 1, 10), look(3, 3, 30)];
  const [guest] = attribute([track('guest', { gaps: [gap(2.02, 5)], looks })], null);
  assert.is(guest?.gaps[0]?.around?.seconds, 2);
});

whose('the control has no service, and a machine may have no counter of what its host took', () => {
  const looks: Look[] = [1, 2].map((at) => ({ at, service: null, stolenMs: null }));
  const [control] = attribute([track('control', { gaps: [gap(1.5, 5)], looks })], null);
  assert.equal(control?.gaps[0]?.around, { seconds: 1, service: null, stolenMs: null });
});

whose('the longest stall while the sound was under way is told, where somebody watched', () => {
  const tracks = [track('guest', { gaps: [gap(10, 5)] })];
  const stalledMs = (...stalls: Stall[]): number | null | undefined => attribute(tracks, stalls)[0]?.gaps[0]?.stalledMs;
  assert.is(stalledMs(), 0);
  assert.is(stalledMs({ at: 9.9, ms: 4 }, { at: 10, ms: 6 }, { at: 10.01, ms: 5 }), 6);
  assert.is(stalledMs({ at: 9.7, ms: 4 }, { at: 10.1, ms: 6 }), 0, 'too early, and too late');
  assert.is(attribute(tracks, null)[0]?.gaps[0]?.stalledMs, null);
});

whose.run();
