/** The frames of a record are found, or the record is refused; a record can cause only so much work. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  FrameWalker,
  MAX_DATA_FRAME_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_RECORD_PLAINTEXT_BYTES,
  Op,
} from '../../broker/wire/index.ts';
import { seeded } from '../support/seed.ts';

const walks = suite('frame walker');

function frame(length: number, op: number = Op.ping, bytes = length): Uint8Array {
  const frame = new Uint8Array(bytes);
  const view = new DataView(frame.buffer);
  if (bytes >= 4) view.setUint32(0, length, true);
  if (bytes >= 5) view.setUint8(4, op);
  return frame;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** `op:length` of each frame, then how the walk ended. */
function walk(plaintext: Uint8Array): string[] {
  const walker = new FrameWalker();
  walker.begin(plaintext);
  const seen: string[] = [];
  for (;;) {
    const step = walker.next();
    if (step !== 'frame') return [...seen, step];
    assert.is(walker.view.getUint32(walker.at, true), walker.length);
    seen.push(`${walker.op}:${walker.length}`);
  }
}

walks('every frame is found, in order, and then the end', () => {
  assert.equal(walk(joined(frame(12), frame(40, Op.sendv), frame(13))), ['22:12', '18:40', '22:13', 'end']);
  assert.equal(walk(new Uint8Array(0)), ['end']);
});

for (const [label, plaintext, expected] of [
  ['a header cut short', frame(12, Op.ping, 11), ['fault']],
  ['a length of 0', frame(0, Op.ping, 12), ['fault']],
  ['a length below the header', frame(11, Op.ping, 12), ['fault']],
  ['a length beyond the record', frame(13, Op.ping, 12), ['fault']],
  ['the largest length', frame(0xffff_ffff, Op.ping, 12), ['fault']],
  ['a trailing byte', joined(frame(12), new Uint8Array(1)), ['22:12', 'fault']],
  ['a send below its header', joined(frame(27, Op.sendv), frame(12)), ['fault']],
  ['a delivery below its header', joined(frame(27, Op.deliver), frame(12)), ['fault']],
  ['a send of exactly its header', frame(28, Op.sendv), ['18:28', 'end']],
] as const) {
  walks(`${label}: ${expected.join(', ')}`, () => {
    assert.equal(walk(plaintext), [...expected]);
  });
}

walks('a record that is longer than the common length holds exactly one frame', () => {
  const length = MAX_RECORD_PLAINTEXT_BYTES + 12;
  assert.equal(walk(frame(length, Op.sendv)), [`18:${length}`, 'end']);
  assert.equal(walk(joined(frame(length - 12, Op.sendv), frame(12))), ['fault']);
  assert.equal(walk(joined(frame(12), frame(length - 12, Op.sendv))), ['fault']);
  assert.equal(walk(joined(frame(MAX_RECORD_PLAINTEXT_BYTES - 12, Op.sendv), frame(12))).at(-1), 'end');
});

walks('a frame holds at most the largest message', () => {
  assert.is(MAX_DATA_FRAME_BYTES, 28 + MAX_MESSAGE_BYTES);
  assert.equal(walk(frame(MAX_DATA_FRAME_BYTES, Op.sendv)).at(-1), 'end');
  assert.equal(walk(frame(MAX_DATA_FRAME_BYTES + 1, Op.sendv)), ['fault']);
});

walks('a fault ends the walk', () => {
  const walker = new FrameWalker();
  walker.begin(joined(frame(11, Op.ping, 12), frame(12)));
  assert.is(walker.next(), 'fault');
  assert.not.ok(walker.hasMore);
  assert.is(walker.next(), 'end');
});

walks('any bytes are walked over or refused, and no byte is part of two frames', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 20 }),
          fc.integer({ min: 12, max: 60 }).map((n) => frame(n)),
        ),
        {
          maxLength: 8,
        },
      ),
      (parts) => {
        const plaintext = joined(...parts);
        const walker = new FrameWalker();
        walker.begin(plaintext);
        let end = 0;
        for (let step = walker.next(); step === 'frame'; step = walker.next()) {
          assert.is(walker.at, end);
          end = walker.at + walker.length;
        }
        assert.ok(end <= plaintext.length);
      },
    ),
    seeded({ numRuns: 300 }),
  );
});

walks('what is left of record after record is copied to the same memory, until it is freed', () => {
  const walker = new FrameWalker();
  const pongs = joined(...[1, 2, 3].map(() => frame(12, Op.pong)));
  const kept = (): ArrayBufferLike => {
    const lent = new Uint8Array(pongs);
    walker.begin(lent);
    assert.is(walker.next(), 'frame');
    walker.keep();
    lent.fill(0xee);
    const { buffer } = walker.bytes;
    for (const left of [true, false])
      assert.equal([walker.next(), walker.op, walker.hasMore], ['frame', Op.pong, left]);
    assert.is(walker.next(), 'end');
    return buffer;
  };
  const first = kept();
  assert.is(kept(), first);
  walker.freeKept();
  assert.is.not(kept(), first);
});

walks.run();
