/** Cursors: the reader fails once and stays failed, the writer grows. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Reader, Writer } from '../../broker/wire/cursor.ts';

const cursors = suite('cursor');

cursors('what was written is read', () => {
  const bytes = new Writer()
    .u32(0)
    .u8(255)
    .u16(0xffff)
    .u32(0xffff_ffff)
    .text('é')
    .bytes(Uint8Array.of(1, 2))
    .finish()
    .copy();
  const reader = new Reader(bytes);
  assert.equal(
    [reader.u32(), reader.u8(), reader.u16(), reader.u32(), reader.text(2)],
    [bytes.length, 255, 0xffff, 0xffff_ffff, 'é'],
  );
  assert.equal([...reader.bytes(2)], [1, 2]);
  assert.ok(reader.finish());
});

cursors('the writer grows past its first buffer', () => {
  const bytes = new Writer().u32(0).bytes(new Uint8Array(1_000).fill(7)).u8(9).finish().copy();
  assert.is(bytes.length, 1_005);
  assert.is(bytes[1_004], 9);
});

cursors('a lent frame is copied to its place, short or long, and the next frame begins without it', () => {
  const writer = new Writer();
  for (const length of [1_000, 3, 64, 65]) {
    writer.restart().u32(0).bytes(new Uint8Array(length).fill(length)).finish();
    const target = new Uint8Array(writer.length + 2).fill(0xee);
    writer.copyTo(target, 1);
    assert.equal(target.subarray(1, -1), writer.copy());
    assert.equal([target[0], target.at(-1), target[1]], [0xee, 0xee, (length + 4) & 0xff]);
  }
  const kept = writer.copy();
  writer.restart().u32(0).finish();
  assert.is(kept.length, 69, 'a copy has memory of its own');
  assert.is(kept[68], 65);
});

for (const [label, read] of [
  ['u8', (reader: Reader) => reader.u8()],
  ['u16', (reader: Reader) => reader.u16()],
  ['u32', (reader: Reader) => reader.u32()],
  ['bytes', (reader: Reader) => reader.bytes(5).length],
] as const) {
  cursors(`${label} past the end is 0 and a fault, even when more would follow in the buffer`, () => {
    const reader = new Reader(new Uint8Array(64).fill(1), 2, 2);
    assert.is(read(reader), 0);
    assert.not(reader.finish());
    assert.is(reader.remaining, 0);
  });
}

cursors('after a fault nothing is read any more', () => {
  const reader = new Reader(Uint8Array.of(1, 2, 3));
  reader.u32();
  assert.is(reader.u8(), 0);
  assert.not(reader.finish());
});

cursors('what is left over is a fault', () => {
  const reader = new Reader(Uint8Array.of(1, 2));
  reader.u8();
  assert.is(reader.remaining, 1);
  assert.not(reader.finish());
});

cursors('an end behind the buffer is the end of the buffer', () => {
  const reader = new Reader(Uint8Array.of(1), 0, 100);
  reader.u16();
  assert.not(reader.finish());
});

cursors('a text longer than allowed is a fault, also when it is there', () => {
  const reader = new Reader(new Writer().text('abcd').u32(0).finish().copy(), 0, 5);
  reader.text(3);
  assert.not(reader.finish());
});

cursors.run();
