/** A domain that does not read is delivered a bounded number of bytes after a revocation, and not a byte more. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CARRIER_HIGH_WATER_BYTES } from '../../broker/process/index.ts';
import { DATA_FRAME_HEADER_BYTES, MAX_RECORD_PLAINTEXT_BYTES, Op } from '../../broker/wire/index.ts';
import { OPEN, PORT } from '../support/core/harness.ts';
import { PeerHarness, turns } from '../support/peer/harness.ts';

/** docs/policy.md states it. */
const BOUND_BYTES = CARRIER_HIGH_WATER_BYTES + MAX_RECORD_PLAINTEXT_BYTES;
const RING_BYTES = 8 * 1024 * 1024;
const MESSAGE_BYTES = 1_000;
const FRAME_BYTES = MESSAGE_BYTES + DATA_FRAME_HEADER_BYTES;
const MESSAGES_A_RECORD = 70;
/** More than two full flushes. */
const BURST_RECORDS = 10;

const bound = suite('what a revocation cannot reach');

bound('the bound is the number of the docs', () => assert.is(BOUND_BYTES, 359_640));

bound('many small writes before a burst come to the bound and do not pass it', async () => {
  const harness = await PeerHarness.open('a', 'b');
  const receiver = await harness.listen('b', RING_BYTES);
  const sender = await harness.connect('a');
  const to = harness.domid('b');
  const message = { to, payload: new Uint8Array(MESSAGE_BYTES) };
  receiver.carrier.isFull = true;
  const send = (count: number): void => sender.send(...Array.from({ length: count }, () => message));
  // Records become smaller, until the next one would make the carrier say that it is full.
  let accepted = 0;
  for (const count of [MESSAGES_A_RECORD, 1]) {
    while (receiver.carrier.unsentBytes + (count + 1) * FRAME_BYTES < CARRIER_HIGH_WATER_BYTES) {
      send(count);
      accepted += count;
      await harness.settled();
    }
  }
  for (let record = 0; record < BURST_RECORDS; record++) send(MESSAGES_A_RECORD);
  accepted += BURST_RECORDS * MESSAGES_A_RECORD;
  await harness.settled();
  assert.is(sender.read().of(Op.revoked).length, 0);

  await harness.adopt({ domains: ['a', 'b'], rows: [...OPEN, 'p, a, b, argo, send, deny'] });
  await turns();
  const [revoked] = sender.read().of(Op.revoked);
  receiver.read();
  const delivered = receiver.messages.length;
  receiver.carrier.drain();
  await harness.settled();
  receiver.read();
  assert.is(receiver.messages.length, delivered, 'nothing follows what was written');
  assert.equal([revoked?.port, (revoked?.messages ?? 0) + delivered], [PORT, accepted], 'each is delivered or revoked');
  const bytes = delivered * FRAME_BYTES;
  assert.ok(bytes <= BOUND_BYTES, `${bytes} bytes`);
  assert.ok(bytes > BOUND_BYTES - 5 * FRAME_BYTES, `${bytes} bytes: the bound is reached`);
});

bound.run();
