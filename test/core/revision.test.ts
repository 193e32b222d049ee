/** What a new revision takes back, on the real core: the right to use the broker, rings, and messages that wait in them. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DATA_FRAME_HEADER_BYTES, DOMID_ANY, encodeDataFrame, Op, Status } from '../../broker/wire/index.ts';
import { CoreHarness, compile, OPEN, PORT } from '../support/core/harness.ts';

const revision = suite('a new revision');

const PAIR = { domains: ['sender', 'receiver'], rows: OPEN };

/** The frame that waits in the receiver's queue, as the core wrote it. */
function queued(source: number, handle: number): Uint8Array {
  const frame = new Uint8Array(DATA_FRAME_HEADER_BYTES + 4);
  encodeDataFrame(new DataView(frame.buffer), 0, {
    op: Op.deliver,
    flags: 0,
    id: handle,
    source,
    destination: DOMID_ANY,
    sourcePort: 0,
    destinationPort: PORT,
    messageType: 0,
    payload: Uint8Array.of(1, 2, 3, 4),
  });
  return frame;
}

async function withMessage(): Promise<{ core: CoreHarness; frame: Uint8Array }> {
  const core = await CoreHarness.of(PAIR);
  const { value: handle } = core.register('receiver', 'ANY');
  assert.is(core.send('sender', 'receiver', { payload: 'four' }), Status.OK);
  return { core, frame: queued(core.domid('sender'), handle) };
}

revision('a domain that may no longer use the broker sends nothing, although its other rows stay', async () => {
  const { core } = await withMessage();
  await core.adopt({ ...PAIR, rows: [...OPEN, 'p, sender, broker, argo, enable, deny'] });
  assert.is(core.send('sender', 'receiver'), Status.EACCES);
  await core.adopt(PAIR);
  assert.is(core.send('sender', 'receiver'), Status.OK);
});

revision('a message that waits for a ring which the revision closed is dropped', async () => {
  const { core, frame } = await withMessage();
  const rows = [...OPEN, 'p, receiver, broker, argo, register_any_source, deny'];
  const { withdrawals } = core.argo.adopt(await compile({ ...PAIR, rows }, 2));
  assert.is(withdrawals.keeps(core.state('receiver'), frame, 0, frame.length), false);
});

revision('a message that waits stays where every right stays', async () => {
  const { core, frame } = await withMessage();
  const { withdrawals } = core.argo.adopt(await compile(PAIR, 2));
  assert.is(withdrawals.keeps(core.state('receiver'), frame, 0, frame.length), true);
});

revision('a message from a domid that no domain has is dropped', async () => {
  const { core } = await withMessage();
  const { withdrawals } = core.argo.adopt(await compile(PAIR, 2));
  const stray = queued(4_000, 1);
  assert.is(withdrawals.keeps(core.state('receiver'), stray, 0, stray.length), false);
});

const UNREAD: readonly (readonly [label: string, unread: number, status: number])[] = [
  ['nothing', 0, Status.OK],
  ['all but one slot', 4096 - 16, Status.OK],
  ['more than all but one slot', 4096, Status.EINVAL],
  ['half a slot', 8, Status.EINVAL],
];
for (const [label, unread, status] of UNREAD) {
  revision(`a ring registered again with unread ${label}`, async () => {
    const core = await CoreHarness.of(PAIR);
    assert.is(core.register('receiver', 'ANY', { unread }).status, status);
  });
}

revision('a registration is recorded with the row that allows it', async () => {
  const core = await CoreHarness.of(PAIR);
  core.register('receiver', 'ANY');
  const records = core.audit.records.filter(({ event }) => event === 'ring.register');
  assert.is(records.length, 1);
});

revision('while a sender that was told of room has not sent yet, another does not take the room', async () => {
  const core = await CoreHarness.open('receiver', 'greedy', 'patient');
  const { value: handle } = core.register('receiver', 'ANY', { length: 4096 });
  const kilobyte = 'x'.repeat(1_000);
  let sent = 0;
  while (core.send('greedy', 'receiver', { payload: kilobyte }) === Status.OK) sent++;
  assert.is(core.send('patient', 'receiver', { payload: 'y'.repeat(2_000) }), Status.EAGAIN);
  assert.ok(sent >= 3);
  assert.ok(core.consume('receiver', handle, ...Array(sent - 1).fill(1_000)));
  assert.is(core.at('patient').of(Op.space).length, 1, 'the patient sender is told that there is room');
  let more = 0;
  while (core.send('greedy', 'receiver', { payload: kilobyte }) === Status.OK) more++;
  assert.ok(more <= 1, `the greedy sender has ${more + 1} messages in a ring for two`);
  assert.is(core.send('patient', 'receiver', { payload: 'y'.repeat(2_000) }), Status.OK);
});

revision.run();
