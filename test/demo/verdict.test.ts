import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assess, type Evidence } from '../../clients/demo/verdict.ts';
import { seededRandom } from '../support/seed.ts';

const judging = suite("the demo's verdict");

const PCM = seededRandom(3).bytes(4 * 44_100);
const REFUSED = { name: 'an attack', refused: true, how: 'EACCES' };
const GOOD: Evidence = {
  sent: PCM,
  heard: PCM.slice(),
  sentFrames: 100,
  heardFrames: 100,
  unansweredFrames: 0,
  attacks: [REFUSED, REFUSED],
  isAuditVerified: true,
};

judging('is good when the samples are identical, every attack was refused and the log verifies', () => {
  const { ok, samples, audioSeconds } = assess(GOOD);
  assert.is(ok, true);
  assert.is(samples.identical, true);
  assert.is(samples.sent, samples.heard);
  assert.is(samples.count, 44_100);
  assert.is(audioSeconds, 1);
});

judging('is good when an answer came too late for the sender, and all samples were heard', () => {
  const late = { sentFrames: 90, unansweredFrames: 10 };
  assert.is(assess({ ...GOOD, ...late }).ok, true);
  assert.is(assess({ ...GOOD, ...late, heardFrames: 89 }).ok, false);
  assert.is(assess({ ...GOOD, ...late, heardFrames: 101 }).ok, false);
});

const tampered = PCM.slice();
tampered[88_200] = (tampered[88_200] ?? 0) ^ 1;
const swapped = Uint8Array.from([...PCM.subarray(1_764, 3_528), ...PCM.subarray(0, 1_764), ...PCM.subarray(3_528)]);

const BAD: readonly (readonly [what: string, evidence: Partial<Evidence>])[] = [
  ['one bit of the stream was changed', { heard: tampered }],
  ['two frames changed places', { heard: swapped }],
  ['a frame is missing', { heard: PCM.subarray(1_764), heardFrames: 99 }],
  ['a frame came twice', { heard: Uint8Array.from([...PCM, ...PCM.subarray(0, 1_764)]), heardFrames: 101 }],
  ['nothing was heard', { heard: new Uint8Array(0), heardFrames: 0 }],
  ['the ends count differently', { heardFrames: 99 }],
  ['neither end has counted', { sentFrames: undefined, heardFrames: undefined }],
  ['an attack got through', { attacks: [REFUSED, { name: 'another', refused: false, how: 'it was let through' }] }],
  ['nothing was attacked', { attacks: [] }],
  ['the log does not verify', { isAuditVerified: false }],
];
for (const [what, evidence] of BAD) {
  judging(`is bad when ${what}`, () => assert.is(assess({ ...GOOD, ...evidence }).ok, false));
}

judging.run();
