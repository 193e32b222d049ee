import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DATA_FRAME_HEADER_BYTES, DOMID_ANY, encodeDataFrame, Op } from '../../broker/wire/index.ts';
import { SendBuffer } from '../../clients/sdk/engine/sending/send-buffer.ts';
import { writeSendFrame } from '../../clients/sdk/engine/sending/send-frame.ts';
import { Random } from '../support/random.ts';

const test = suite('sdk: sendv frames');

test('the frame written in place equals the one of the readable encoder', () => {
  const random = new Random(11);
  for (let round = 0; round < 500; round++) {
    const payload = random.bytes(random.below(200));
    const length = DATA_FRAME_HEADER_BYTES + payload.length;
    const at = random.below(50);
    const id = random.uint32();
    const destination = random.below(0x10000);
    const [sourcePort, destinationPort, messageType] = [random.uint32(), random.uint32(), random.uint32()];
    const expected = new Uint8Array(length);
    encodeDataFrame(new DataView(expected.buffer), 0, {
      op: Op.sendv,
      flags: 0,
      id,
      source: DOMID_ANY,
      destination,
      sourcePort,
      destinationPort,
      messageType,
      payload,
    });
    const cut = random.below(payload.length + 1);
    const iov = random.oneIn(2) ? payload : [payload.subarray(0, cut), payload.subarray(cut)];
    const chunk = new SendBuffer(400);
    chunk.bytes.fill(0xee);
    writeSendFrame(chunk, at, id, destination, sourcePort, destinationPort, messageType, iov, length);
    assert.equal(chunk.bytes.slice(at, at + length), expected);
    assert.ok(chunk.bytes.slice(at + length).every((byte) => byte === 0xee));
  }
});

test.run();
