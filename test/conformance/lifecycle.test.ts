/** A63 … A68: domains that come and go. */
import * as assert from 'uvu/assert';
import { Op, RingFlag, Status } from '../../broker/wire/index.ts';
import { CoreHarness, OPEN, PORT } from '../support/core/harness.ts';
import { statement } from './harness.ts';

const bytes = (length: number): Uint8Array => new Uint8Array(length);

statement('A63', undefined, async () => {
  const rows = OPEN.slice(1);
  const stage = await CoreHarness.of({ domains: ['a', 'b'], rows: [...rows, 'p, b, broker, argo, *, allow'] });
  assert.is(stage.domid('a'), 1);
  assert.is(stage.register('a', 'ANY').status, Status.EACCES);
  assert.is(stage.register('b', 'a').status, Status.ECONNREFUSED);
  await stage.adopt({ domains: ['a', 'b'], rows: OPEN });
  assert.is(stage.register('a', 'ANY').status, Status.OK, 'it was there all the time');
});

statement(
  'A64',
  {
    deviation:
      'a domain whose session ended is ECONNREFUSED as long as it is in the inventory; one that left it is EACCES, like any unknown one',
  },
  async () => {
    const stage = await CoreHarness.open('a', 'b');
    stage.register('b', 'ANY');
    stage.disconnect('b');
    assert.is(stage.send('a', 'b'), Status.ECONNREFUSED);
    stage.connect('b');
    assert.is(stage.send('a', 'b'), Status.ECONNREFUSED, 'its rings went with the session');
    stage.register('b', 'ANY');
    assert.is(stage.send('a', 'b'), Status.OK);
    const destination = stage.domid('b');
    assert.equal(await stage.adopt({ domains: ['a'], rows: OPEN }), ['b']);
    assert.is(stage.send('a', 'a', { destination }), Status.EACCES);
  },
);

statement('A65', undefined, async () => {
  const stage = await CoreHarness.open('a', 'b', 'c');
  for (let port = 1; port <= 127; port++) stage.register('a', 'c', { port });
  const { value } = stage.register('a', 'b', { port: 200 });
  assert.is(stage.register('a', 'b', { port: 201 }).status, Status.ENOSPC);
  await stage.adopt({ domains: ['a', 'c:3'], rows: OPEN });
  assert.is(stage.register('a', 'c', { port: 201 }).status, Status.OK);
  assert.equal(
    stage.at('a').of(Op.ringClosed),
    [{ op: Op.ringClosed, ring: value, status: Status.ECONNREFUSED }],
    'unlike in Xen its owner is told',
  );
});

statement('A66', undefined, async () => {
  const stage = await CoreHarness.open('a', 'b');
  stage.register('a', 'b');
  const partner = stage.domid('b');
  await stage.adopt({ domains: ['a'], rows: OPEN });
  assert.is(stage.unregister('a', partner), Status.ENOENT);
});

for (const [how, leave] of [
  ['its session ends', async (stage: CoreHarness) => stage.disconnect('b')],
  ['it leaves the inventory', (stage: CoreHarness) => stage.adopt({ domains: ['a', 'c:3'], rows: OPEN })],
] as const) {
  statement('A67', undefined, async () => {
    const stage = await CoreHarness.open('a', 'b', 'c');
    const { value } = stage.register('a', 'ANY', { length: 48 });
    stage.send('c', 'a', { payload: bytes(16) });
    assert.is(stage.send('b', 'a'), Status.EAGAIN);
    const [ring] = stage.state('a').ringsByHandle.values();
    assert.is(ring?.pendingCount, 1);
    await leave(stage);
    assert.is(ring?.pendingCount, 0, how);
    assert.is(stage.consume('a', value, 16), true);
  });
}

statement('A68', undefined, async () => {
  const stage = await CoreHarness.open('a', 'b');
  stage.register('a', 'b');
  await stage.adopt({ domains: ['a', 'new:2'], rows: OPEN });
  stage.connect('new');
  assert.is(stage.send('new', 'a'), Status.ECONNREFUSED);
  assert.is(stage.unregister('a', 2), Status.ENOENT);
  stage.register('a', 'new');
  assert.is(stage.send('new', 'a'), Status.OK);
  assert.is((stage.notify('new', [{ domid: 1, port: PORT }]).answers[0]?.flags ?? 0) & RingFlag.shared, 0);
});

statement.run();
