/** Inspectors name a permission for whatever bytes there are, and read only their own. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INSPECTORS, MALFORMED, UNFIT_REASONS } from '../../broker/core/index.ts';
import { CoreHarness } from '../support/core/harness.ts';
import { fuzzUntil } from '../support/seed.ts';

const inspectors = suite('inspectors');
const { domain: SOURCE } = (await CoreHarness.open('a')).state('a');

function ask(name: string, bytes: Uint8Array): string {
  const inspector = INSPECTORS.get(name);
  if (inspector === undefined) throw new Error(`no inspector "${name}"`);
  // Neighbours in the same record must not matter.
  const record = new Uint8Array(bytes.length + 10).fill(0xff);
  record.set(bytes, 5);
  const index = inspector.inspect(record, 5, 5 + bytes.length, SOURCE);
  return index === MALFORMED ? 'malformed' : (inspector.permissions[index] ?? 'out of range');
}

const code = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
};

for (const [label, name, bytes, permission] of [
  ['any bytes', 'opaque', Uint8Array.of(1, 2, 3), 'send'],
  ['nothing', 'opaque', new Uint8Array(0), 'send'],
  ['no frame', 'pcm', new Uint8Array(0), 'send'],
  ['one frame', 'pcm', new Uint8Array(4), 'send'],
  ['ten milliseconds', 'pcm', new Uint8Array(1764), 'send'],
  ['half a frame', 'pcm', new Uint8Array(2), 'malformed'],
  ['an odd byte', 'pcm', new Uint8Array(1765), 'malformed'],
  ['0x00010001', 'audio-control', code(0x0001_0001), 'source-start'],
  ['0x00010000', 'audio-control', code(0x0001_0000), 'source-stop'],
  ['0x00020000', 'audio-control', code(0x0002_0000), 'sink-cork'],
  ['0x00020001', 'audio-control', code(0x0002_0001), 'sink-uncork'],
  ['a code without a name', 'audio-control', code(0x0003_0000), 'other'],
  ['the highest code', 'audio-control', code(0xffff_ffff), 'other'],
  ['a code in the other byte order', 'audio-control', Uint8Array.of(0, 1, 0, 1), 'other'],
  ['no code', 'audio-control', new Uint8Array(0), 'malformed'],
  ['three bytes', 'audio-control', new Uint8Array(3), 'malformed'],
  ['two codes in one message', 'audio-control', new Uint8Array(8), 'malformed'],
] as const) {
  inspectors(`${name}: ${label} is ${permission}`, () => assert.is(ask(name, bytes), permission));
}

inspectors('every inspector is total: an index of its own permissions, or malformed, never a throw', async () => {
  await fuzzUntil((random) => {
    for (const [name, inspector] of INSPECTORS) {
      const bytes = random.bytes(random.pick([0, 1, 4, 8, 14, 60, random.below(600)]));
      const start = random.below(bytes.length + 1);
      const end = start + random.below(bytes.length - start + 1);
      const index = inspector.inspect(bytes, start, end, SOURCE);
      assert.ok(
        Number.isInteger(index) && -index <= UNFIT_REASONS.length && index < inspector.permissions.length,
        name,
      );
    }
  });
});

inspectors.run();
