/** A permissive domain in the core: what the rows deny passes and is recorded, and everything else is refused as before. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Op, Status } from '../../broker/wire/index.ts';
import { CoreHarness, PORT, type PolicyText } from '../support/core/harness.ts';

const permissive = suite('permissive domains');

const ENABLED = 'p, @any, broker, argo, *, allow';
/** A policy without rows is refused; this one says nothing about a. */
const NOTHING = 'p, b, b, audited, send, deny';
const TO_B = 'p, a, b, argo, send, allow';
const CLOSED: PolicyText = { domains: ['a', 'b'], rows: [ENABLED] };
const LOOSE: PolicyText = { ...CLOSED, permissive: ['a'] };

/** Records that say "permissive", in words. */
function noted({ audit }: CoreHarness): string[] {
  return audit.records
    .filter((record) => record.permissive === true)
    .map(({ event, decision, reason, rule, class: name, permission, messages }) =>
      [event, decision, reason, rule?.line, `${name}:${permission}`, messages].filter((each) => each != null).join(' '),
    );
}

permissive('a request that the rows deny passes, is recorded once, and its flow is counted exactly', async () => {
  const harness = await CoreHarness.of({ ...LOOSE, rows: [ENABLED, TO_B, 'p, a, b, data, send, deny'] });
  harness.register('b', 'ANY');
  for (let i = 0; i < 3; i++) assert.is(harness.send('a', 'b'), Status.OK);
  assert.equal(noted(harness), ['send.denied deny EXPLICIT_DENY 3 data:send']);
  harness.unregister('b', 'ANY');
  assert.equal(noted(harness).slice(1), ['flow allow EXPLICIT_DENY 3 data:send 3']);
  assert.is(harness.at('b').messages.length, 3);
});

permissive('what the rows allow is recorded as ever', async () => {
  const harness = await CoreHarness.of({ ...LOOSE, rows: [ENABLED, TO_B, 'p, a, b, data, send, allow'] });
  harness.register('b', 'ANY');
  harness.send('a', 'b');
  harness.unregister('b', 'ANY');
  assert.equal(noted(harness), []);
});

permissive('only the requests of the domain itself pass, not those to it', async () => {
  const harness = await CoreHarness.of(LOOSE);
  harness.register('a', 'ANY');
  assert.is(harness.send('b', 'a'), Status.EACCES);
});

permissive('a session and a ring that the rows deny are recorded too', async () => {
  const harness = await CoreHarness.of({ ...LOOSE, rows: [NOTHING] });
  assert.is(harness.register('a', 'b').status, Status.ECONNREFUSED, 'b itself may not use the broker');
  assert.is(harness.register('a', 'ANY').status, Status.OK);
  assert.equal(noted(harness), [
    'session.refused deny NO_RULE argo:enable',
    'ring.denied deny NO_RULE argo:register_single_source',
    'ring.denied deny NO_RULE argo:register_any_source',
    'ring.register allow NO_RULE argo:register_any_source',
  ]);
});

permissive('a name that is resolved and a ring that is asked about are recorded', async () => {
  const harness = await CoreHarness.of(LOOSE);
  assert.is(harness.argo.resolve(harness.state('a'), 'b').status, Status.OK);
  assert.equal(noted(harness), ['send.denied deny NO_RULE argo:send']);
  const again = await CoreHarness.of(LOOSE);
  assert.is(again.notify('a', [{ domid: again.domid('b') }]).status, Status.OK);
  assert.equal(noted(again), ['send.denied deny NO_RULE argo:send']);
});

permissive('what a message is, and who sent it, is enforced', async () => {
  const harness = await CoreHarness.of(LOOSE);
  harness.register('b', 'ANY', { port: 4713 });
  assert.is(harness.send('a', 'b', { port: 4713, payload: 'xyz' }), Status.EINVAL);
  assert.is(harness.send('a', 'b', { source: harness.domid('b') }), Status.EPERM);
  assert.is(harness.send('a', 'b', { destination: 77 }), Status.EACCES);
});

permissive('when it ends, rings close and messages are refused at once', async () => {
  const harness = await CoreHarness.of({ ...LOOSE, rows: [NOTHING] });
  harness.register('a', 'ANY');
  harness.register('b', 'ANY', { port: PORT });
  await harness.adopt({ ...CLOSED, rows: [NOTHING] });
  assert.is(harness.send('a', 'b'), Status.EACCES);
  assert.equal(
    harness
      .at('a')
      .of(Op.ringClosed)
      .map(({ status }) => status),
    [Status.EACCES],
  );
});

permissive('a ring that only permissive mode keeps open is recorded at each revision', async () => {
  const open = { ...LOOSE, rows: [ENABLED] };
  const harness = await CoreHarness.of(open);
  harness.register('a', 'ANY');
  assert.equal(noted(harness), []);
  await harness.adopt({ ...open, rows: ['p, @any, broker, argo, enable, allow'] });
  assert.equal(noted(harness), ['ring.denied deny NO_RULE argo:register_any_source']);
});

permissive.run();
