/** Chunks are sealed where they lie and written from there: when they serve another domain. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PeerHarness, turns } from '../support/peer/harness.ts';

const lent = suite('lent chunks');

lent('what a carrier has not written yet is not written over, whatever others are sent', async () => {
  const harness = await PeerHarness.open('a', 'b', 'c');
  const [b, c] = [await harness.listen('b'), await harness.listen('c')];
  const a = await harness.connect('a');
  b.carrier.written.length = 0;
  b.carrier.borrows = true;
  const to = { b: harness.domid('b'), c: harness.domid('c') };
  for (let i = 0; i < 5; i++) {
    a.send({ to: to.b, payload: `for b ${i}` });
    await turns();
  }
  assert.is(b.carrier.written.length, 5);
  const before = b.carrier.written.map((record) => Buffer.from(record).toString('hex'));
  for (let i = 0; i < 200; i++) {
    a.send({ to: to.c, payload: 'x'.repeat(100) });
    if (i % 20 === 0) await turns();
  }
  await turns();
  assert.equal(
    b.carrier.written.map((record) => Buffer.from(record).toString('hex')),
    before,
  );
  assert.equal(b.read().payloads, ['for b 0', 'for b 1', 'for b 2', 'for b 3', 'for b 4']);
  assert.is(c.read().payloads.length, 200);
  harness.close();
});

lent('a chunk that was written serves the next record', async () => {
  const harness = await PeerHarness.open('a', 'b');
  const b = await harness.listen('b');
  const a = await harness.connect('a');
  b.carrier.written.length = 0;
  b.carrier.borrows = true;
  const memories = new Set<ArrayBufferLike>();
  for (let i = 0; i < 20; i++) {
    a.send({ to: harness.domid('b'), payload: 'x' });
    await turns();
    for (const record of b.carrier.written.splice(0)) memories.add(record.buffer);
    for (const written of b.carrier.lent.splice(0)) written();
  }
  assert.ok(memories.size <= 2, `${memories.size}`);
  harness.close();
});

lent.run();
