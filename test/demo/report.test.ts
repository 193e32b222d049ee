/** The summary at the end of the demo: it says what held, and what did not. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { renderSummary, type Summary, tableStyle } from '../../clients/demo/output/report.ts';

const report = suite("the demo's report");

const GOOD: Summary = {
  ok: true,
  audioSeconds: 6,
  samples: { identical: true, sent: 'a'.repeat(64), heard: 'a'.repeat(64), count: 264_600 },
  frames: 600,
  lost: 0,
  carrier: 'unix',
  server: null,
  seconds: 6.2,
  latency: { p50Micros: 412, p99Micros: 3_140 },
  attacks: [{ name: 'send malformed frames', refused: true, how: 'closed: fault' }],
  audit: { verified: true, records: 41, denied: 8, head: 'b'.repeat(64) },
  heard: null,
};
const textOf = (change: Partial<Summary>): string => renderSummary({ ...GOOD, ...change });

report('names what was measured, what was refused, and that all of it held', () => {
  const text = textOf({});
  assert.match(text, '600 frames (6 s of audio) in 6.2 s, latency p50 0.4 ms, p99 3.1 ms');
  assert.match(text, `samples    identical: sent ${'a'.repeat(16)}…, heard ${'a'.repeat(16)}…`);
  assert.match(text, `audit log  verified: 41 records, 8 refusals among them, head ${'b'.repeat(16)}…`);
  assert.match(text, /send malformed frames +│ yes +│ closed: fault/);
  assert.match(text, /Everything held\.\n$/);
  assert.not.match(text, /lost|nats|heard {6}/);
});

const server = { version: '2.9.10', messages: 417, bytes: 2_200_000, found: 0, pieces: 52_702, sealed: true };
const CHANGES: readonly (readonly [what: string, change: Partial<Summary>, text: string])[] = [
  ['lost frames', { lost: 3 }, "lost       3 frames had to be dropped by chrome-vm's agent"],
  ['other samples', { samples: { ...GOOD.samples, identical: false } }, 'samples    DIFFERENT'],
  ['a broken log', { audit: { ...GOOD.audit, verified: false } }, 'audit log  BROKEN'],
  ['a server', { server }, 'nats       sealed: nats-server 2.9.10 saw 417 messages, 0 with any of it'],
  ['a server that saw more', { server: { ...server, sealed: false } }, 'nats       NOT PROVEN SEALED'],
  ['a kept recording', { heard: 'heard.wav' }, 'heard      heard.wav'],
  ['anything that did not hold', { ok: false }, 'Something did NOT hold.'],
];
for (const [what, change, text] of CHANGES) report(`names ${what}`, () => assert.match(textOf(change), text));

report('an attack that got through is not called refused', () => {
  const attacks = [{ name: 'replay', refused: false, how: 'it was let through' }];
  assert.match(textOf({ attacks }), /replay +│ NO +│ it was let through/);
});

report('tables are plain in a pipe', () => {
  assert.equal(tableStyle({ isTTY: false } as NodeJS.WriteStream), { style: { head: [], border: [] } });
  assert.equal(tableStyle({ isTTY: true } as NodeJS.WriteStream), {});
});

report.run();
