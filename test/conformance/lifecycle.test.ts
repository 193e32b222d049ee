/** A63 … A68: domains that come and go. */
import * as assert from 'uvu/assert';
import { Op, RingFlag, Status } from '../../broker/wire/index.ts';
import { CoreHarness, OPEN, PORT } from '../support/core/harness.ts';
import { statement } from './harness.ts';

const bytes = (length: number): Uint8Array => new Uint8Array(length);

statement('A63', undefined, async () => {
  const rows = OPEN.slice(1);
  const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: [...rows, 'p, b, broker, argo, *, allow'] });
  assert.is(harness.domid('a'), 1);
  assert.is(harness.register('a', 'ANY').status, Status.EACCES);
  assert.is(harness.register('b', 'a').status, Status.ECONNREFUSED);
  await harness.adopt({ domains: ['a', 'b'], rows: OPEN });
  assert.is(harness.register('a', 'ANY').status, Status.OK, 'it was there all the time');
});

statement(
  'A64',
  {
    deviation:
      'a domain whose session ended is ECONNREFUSED as long as it is in the inventory; one that left it is EACCES, like any unknown one',
  },
  async () => {
    const harness = await CoreHarness.open('a', 'b');
    harness.register('b', 'ANY');
    harness.disconnect('b');
    assert.is(harness.send('a', 'b'), Status.ECONNREFUSED);
    harness.connect('b');
    assert.is(harness.send('a', 'b'), Status.ECONNREFUSED, 'its rings went with the session');
    harness.register('b', 'ANY');
    assert.is(harness.send('a', 'b'), Status.OK);
    const destination = harness.domid('b');
    assert.equal(await harness.adopt({ domains: ['a'], rows: OPEN }), ['b']);
    assert.is(harness.send('a', 'a', { destination }), Status.EACCES);
  },
);

statement('A65', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b', 'c');
  for (let port = 1; port <= 127; port++) harness.register('a', 'c', { port });
  const { value } = harness.register('a', 'b', { port: 200 });
  assert.is(harness.register('a', 'b', { port: 201 }).status, Status.ENOSPC);
  await harness.adopt({ domains: ['a', 'c:3'], rows: OPEN });
  assert.is(harness.register('a', 'c', { port: 201 }).status, Status.OK);
  assert.equal(
    harness.at('a').of(Op.ringClosed),
    [{ op: Op.ringClosed, ring: value, status: Status.ECONNREFUSED }],
    'unlike in Xen its owner is told',
  );
});

statement('A66', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  harness.register('a', 'b');
  const partner = harness.domid('b');
  await harness.adopt({ domains: ['a'], rows: OPEN });
  assert.is(harness.unregister('a', partner), Status.ENOENT);
});

for (const [how, leave] of [
  ['its session ends', async (harness: CoreHarness) => harness.disconnect('b')],
  ['it leaves the inventory', (harness: CoreHarness) => harness.adopt({ domains: ['a', 'c:3'], rows: OPEN })],
] as const) {
  statement('A67', undefined, async () => {
    const harness = await CoreHarness.open('a', 'b', 'c');
    const { value } = harness.register('a', 'ANY', { length: 48 });
    harness.send('c', 'a', { payload: bytes(16) });
    assert.is(harness.send('b', 'a'), Status.EAGAIN);
    const [ring] = harness.state('a').ringsByHandle.values();
    assert.is(ring?.pendingCount, 1);
    await leave(harness);
    assert.is(ring?.pendingCount, 0, how);
    assert.is(harness.consume('a', value, 16), true);
  });
}

statement('A68', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  harness.register('a', 'b');
  await harness.adopt({ domains: ['a', 'new:2'], rows: OPEN });
  harness.connect('new');
  assert.is(harness.send('new', 'a'), Status.ECONNREFUSED);
  assert.is(harness.unregister('a', 2), Status.ENOENT);
  harness.register('a', 'new');
  assert.is(harness.send('new', 'a'), Status.OK);
  assert.is((harness.notify('new', [{ domid: 1, port: PORT }]).answers[0]?.flags ?? 0) & RingFlag.shared, 0);
});

statement.run();
