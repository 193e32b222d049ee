/** What the sound bench takes for a gap, for a break and for the end of a sound. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Heard } from '../../bench/sound/heard.ts';
import { resample } from '../../clients/agents/audio/pcm/slip.ts';
import { tone } from '../support/audio/tones.ts';

const heard = suite('what a recording holds');

const HERTZ = 997;
const silence = (ms: number): Buffer => Buffer.alloc(Math.round(ms * 44.1) * 4);
const whole = tone(HERTZ, 2);
/** Both are whole sample frames. */
const [before, after] = [whole.subarray(0, 200_000), whole.subarray(200_000)];

/** In pieces that end anywhere. */
function listenTo(...parts: readonly Uint8Array[]): Heard {
  const all = Buffer.concat([silence(100), ...parts, silence(400)]);
  const result = new Heard(HERTZ);
  for (let at = 0; at < all.length; at += 3_001) result.push(all.subarray(at, at + 3_001));
  result.end();
  return result;
}

const ROWS: readonly (readonly [label: string, parts: readonly Uint8Array[], found: readonly number[]])[] = [
  ['a sine', [whole], [1, 0, 0]],
  ['two of them with a pause', [whole, silence(300), whole], [2, 0, 0]],
  ['a gap of 2 ms', [before, silence(2), after], [1, 1, 0]],
  ['a gap of 200 ms', [before, silence(200), after], [1, 1, 0]],
  ['5 ms left out', [before, after.subarray(220 * 4)], [1, 0, 1]],
  ['5 ms twice', [before, before.subarray(-220 * 4), after], [1, 0, 1]],
  [
    'left out shortly after a gap: one fault',
    [before, silence(2), after.subarray(0, 400), after.subarray(880)],
    [1, 1, 0],
  ],
  [
    'a slip of the service, which is no fault',
    [before, resample(after.subarray(0, 1_764), after.subarray(1_764, 1_768), 432), after.subarray(1_764)],
    [1, 0, 0],
  ],
];

for (const [label, parts, found] of ROWS)
  heard(`${label}: ${found.join(', ')} sounds, gaps, breaks`, () => {
    const { onsets, gaps, breaks } = listenTo(...parts);
    assert.equal([onsets.length, gaps.length, breaks.length], found);
  });

heard('it says where and how long', () => {
  const { onsets, gaps, breaks, soundFrames } = listenTo(before, silence(20), after.subarray(0, 80_000), before);
  assert.equal(onsets, [4_411]);
  assert.equal(
    gaps.map(({ ms }) => Math.round(ms)),
    [20],
  );
  assert.is(breaks.length, 1);
  // In the first sound, which began after 100 ms.
  assert.equal([gaps[0]?.sound, Math.round(gaps[0]?.intoMs ?? 0)], [1, 1_134]);
  assert.equal([breaks[0]?.sound, Math.round(breaks[0]?.intoMs ?? 0)], [1, 1_607]);
  assert.ok(Math.abs((gaps[0]?.at ?? 0) - 1.234) < 0.001);
  assert.ok(Math.abs(soundFrames - 120_000) < 10, `${soundFrames}`);
});

heard('it says in which sound, also after a gap in it', () => {
  const { gaps } = listenTo(before, silence(20), after, silence(300), before, silence(2), after, silence(3), before);
  assert.equal(
    gaps.map(({ sound, intoMs }) => [sound, Math.round(intoMs)]),
    [
      [1, 1_134],
      [2, 1_134],
      [2, 2_002],
    ],
  );
});

heard.run();
