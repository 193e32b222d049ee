/** What a remote broker can say, and what it cannot: it speaks for the domains at home there, and for no others. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UNDECIDED } from '../../broker/core/index.ts';
import type { BridgeFault } from '../../broker/federation/bridge.ts';
import { encodeFederationFrame, FederationOp } from '../../broker/federation/frames.ts';
import { MAX_GATES_PER_SESSION, UNDECIDED_HELD_BYTES } from '../../broker/federation/limits.ts';
import {
  type BrokerFrame,
  DataField,
  decodeBrokerFrame,
  decodeDataFrame,
  encodeBrokerFrame,
  MAX_RECORD_PLAINTEXT_BYTES,
  Op,
  SendFlag,
  Status,
} from '../../broker/wire/index.ts';
import { PORT } from '../support/core/harness.ts';
import { BridgeHarness } from '../support/federation/harness.ts';

/** No class claims it, so nobody may send to it. */
const UNCLAIMED_PORT = 60_000;

const bridges = suite('bridge');

function answersOf(harness: BridgeHarness): (BrokerFrame | null)[] {
  return harness.queued.map((frame) => decodeBrokerFrame(frame, 0, frame.length));
}

bridges('a domain at home there, once announced, reaches a ring here, and its home hears of it', async () => {
  const harness = await BridgeHarness.start();
  harness.listen('local');
  harness.queued.length = 0;
  assert.is(harness.hear(harness.up('far'), harness.sendv('far', 'local')), null);
  assert.equal(harness.sink('local').payloads, ['hey!']);
  assert.equal(answersOf(harness), [{ op: Op.ack, through: 1 }]);
});

bridges('a refusal waits for its audit record, and the acknowledgement behind it too', async () => {
  const harness = await BridgeHarness.start();
  harness.queued.length = 0;
  // Nothing is registered: ECONNREFUSED is no denial and waits for nothing.
  assert.is(harness.hear(harness.up('far'), harness.sendv('far', 'local')), null);
  assert.equal(answersOf(harness), [
    { op: Op.refused, id: 1, status: Status.ECONNREFUSED, maxMessageSize: 0 },
    { op: Op.ack, through: 1 },
  ]);
});

/** Each frame speaks for a domain that is not the remote broker's to speak for, or that it has not announced. */
const FORGED: readonly [label: string, frames: (harness: BridgeHarness) => Uint8Array[]][] = [
  ['sends as a local domain', (of) => [of.up('far'), of.sendv('local', 'neighbour')]],
  ['sends as a domain of its own that it has not announced', (of) => [of.up('far'), of.sendv('farther', 'local')]],
  ['sends as a domid that nobody has', (of) => [encodeWithSource(of.sendv('far', 'local'), 999)]],
  ['announces a local domain', (of) => [of.up('local')]],
  ['announces a domid that nobody has', () => [encodeFederationFrame(FederationOp.up, 999)]],
  ['asks in the name of a local domain', (of) => [of.up('far'), of.asked('local', [])]],
  ['asks in the name of a domain that it has not announced', (of) => [of.up('far'), of.asked('farther', [])]],
  ['tells a local domain of space in a local ring', (of) => [of.event('local', space(of.domid('neighbour')))]],
  ['tells a local domain that a local domain is gone', (of) => [of.event('local', gone(of.domid('neighbour')))]],
  ['tells a local domain that a local domain was revoked', (of) => [of.event('local', revoked(of.domid('neighbour')))]],
  [
    'tells a domain of its own about a domain of its own',
    (of) => [of.up('far'), of.event('far', space(of.domid('farther')))],
  ],
  [
    'tells a domid that nobody has',
    (of) => [encodeFederationFrame(FederationOp.event, 999, encodeBrokerFrame(space(of.domid('far'))))],
  ],
];

for (const [label, frames] of FORGED) {
  bridges(`a remote broker that ${label} loses its session, and nobody here hears of it`, async () => {
    const harness = await BridgeHarness.start();
    harness.listen('local');
    harness.listen('neighbour');
    harness.queued.length = 0;
    const eventsBefore = ['local', 'neighbour'].map((name) => harness.sink(name).events.length);
    assert.is(harness.hear(...frames(harness)), 'FOREIGN_HOME' satisfies BridgeFault);
    assert.equal(harness.sink('local').messages, []);
    assert.equal(harness.sink('neighbour').messages, []);
    assert.equal(
      ['local', 'neighbour'].map((name) => harness.sink(name).events.length),
      eventsBefore,
    );
  });
}

bridges('an event about a domain at home there reaches the domain here that it names', async () => {
  const harness = await BridgeHarness.start();
  assert.is(harness.hear(harness.event('local', space(harness.domid('far')))), null);
  assert.equal(harness.sink('local').of(Op.space), [space(harness.domid('far'))]);
});

bridges('an event that is none of the three for remote domains is a fault', async () => {
  const harness = await BridgeHarness.start();
  const frame = harness.event('local', { op: Op.revision, revision: 9 });
  assert.is(harness.hear(frame), 'BAD_FRAME');
});

bridges('a question about a ring here is answered to the home of the domain that asks', async () => {
  const harness = await BridgeHarness.start();
  harness.listen('local');
  harness.queued.length = 0;
  const query = { domid: harness.domid('local'), pad: 0, port: PORT, spaceRequired: 0 };
  assert.is(harness.hear(harness.up('far'), harness.asked('far', [query])), null);
  assert.is(harness.queued.length, 1);
});

for (const [label, ids] of [
  ['that begin at 0', [0]],
  ['that begin at 2', [2]],
  ['that repeat', [1, 1]],
  ['that leave a gap', [1, 3]],
  ['that go back', [1, 2, 1]],
] as const) {
  bridges(`send ids ${label} end the session, because acknowledgements rest on their order`, async () => {
    const harness = await BridgeHarness.start();
    harness.listen('local');
    const sends = ids.map((id) => harness.sendv('far', 'local', id));
    assert.is(harness.hear(harness.up('far'), ...sends), 'BAD_SEND_ID');
    assert.is(harness.sink('local').messages.length, ids.length - 1);
  });
}

bridges('a decision about what was never sent there ends the session', async () => {
  for (const frame of [
    { op: Op.ack, through: 1 },
    { op: Op.refused, id: 1, status: Status.EACCES, maxMessageSize: 0 },
  ] as const) {
    const harness = await BridgeHarness.start();
    assert.is(harness.hear(encodeBrokerFrame(frame)), 'BAD_ANSWER');
  }
});

bridges('a large record holds one frame: 600 000 small ones are refused before any of them is worked on', async () => {
  const harness = await BridgeHarness.start();
  harness.listen('local');
  const [up, send] = [harness.up('far'), harness.sendv('far', 'local')];
  const many = Math.ceil(MAX_RECORD_PLAINTEXT_BYTES / up.length) + 1;
  assert.is(harness.hear(...Array.from({ length: many }, () => up)), 'BAD_FRAME');
  assert.is(harness.state('far').sink, null);
  assert.is(harness.hear(send), 'FOREIGN_HOME');
});

bridges('when the session ends, domains there are gone and what was sent there is unknown', async () => {
  const harness = await BridgeHarness.start();
  harness.hear(harness.up('far'));
  assert.is.not(harness.state('far').sink, null);
  harness.bridge.down();
  assert.is(harness.state('far').sink, null);
});

bridges(
  'what waits for the remote broker is charged to its sender, until it is decided or the session ends',
  async () => {
    for (const decide of [
      (harness: BridgeHarness) => void harness.hear(encodeBrokerFrame({ op: Op.ack, through: 1 })),
      (harness: BridgeHarness) =>
        void harness.hear(encodeBrokerFrame({ op: Op.refused, id: 1, status: Status.EAGAIN, maxMessageSize: 0 })),
      (harness: BridgeHarness) => harness.bridge.down(),
    ]) {
      const harness = await BridgeHarness.start();
      const sessions = harness.argo.accounts.ofSessions('local');
      assert.is(harness.forward('local', 'far'), UNDECIDED);
      assert.ok(sessions.held > UNDECIDED_HELD_BYTES);
      decide(harness);
      assert.is(sessions.held, 0);
    }
  },
);

bridges('a frame is copied before the memory of its record is used again', async () => {
  const harness = await BridgeHarness.start();
  harness.queued.length = 0;
  assert.is(harness.forward('local', 'far'), UNDECIDED);
  assert.is(harness.forward('local', 'far'), UNDECIDED);
  assert.equal(
    harness.queued.map((frame) => decodeDataFrame(frame)).map((frame) => [frame?.id, frame?.source, frame?.payload]),
    [1, 2].map((id) => [id, harness.domid('local'), new Uint8Array(Buffer.from('hey!'))]),
  );
});

bridges('a sender without room for what would wait gets EBUSY, and others send on', async () => {
  const harness = await BridgeHarness.start(10_000);
  let sent = 0;
  while (harness.forward('local', 'far') === UNDECIDED) sent++;
  assert.ok(sent > 5 && sent < 10_000 / UNDECIDED_HELD_BYTES);
  assert.is(harness.forward('local', 'far'), Status.EBUSY);
  assert.is(harness.forward('neighbour', 'far'), UNDECIDED);
});

bridges(
  'ordered sends that were refused are remembered for a bounded number of rings; past it all of them wait',
  async () => {
    const harness = await BridgeHarness.start(10_000);
    while (harness.forward('local', 'far') === UNDECIDED);
    for (let port = 1; port <= MAX_GATES_PER_SESSION; port++)
      assert.is(harness.forward('local', 'far', { port, flags: SendFlag.ordered }), Status.EBUSY);
    harness.bridge.down();
    harness.upAgain();
    // A new session of the bridge remembers nothing.
    assert.is(harness.forward('local', 'far', { port: 1, flags: SendFlag.ordered }), UNDECIDED);
    while (harness.forward('local', 'far') === UNDECIDED);
    for (let port = 1; port <= MAX_GATES_PER_SESSION; port++)
      harness.forward('local', 'far', { port, flags: SendFlag.ordered });
    harness.hear(encodeBrokerFrame({ op: Op.ack, through: 3 }));
    const late = { port: MAX_GATES_PER_SESSION + 1, flags: SendFlag.ordered };
    assert.is(harness.forward('local', 'far', late), Status.EBUSY);
    assert.is(harness.forward('local', 'far', { port: 1, flags: SendFlag.ordered | SendFlag.resume }), UNDECIDED);
    assert.is(harness.forward('local', 'far', late), UNDECIDED);
  },
);

bridges('answers that wait for the log are counted until they go out', async () => {
  const harness = await BridgeHarness.start();
  harness.listen('local');
  const denied = harness.sendv('far', 'local');
  new DataView(denied.buffer).setUint32(DataField.destinationPort, UNCLAIMED_PORT, true);
  assert.is(harness.hear(harness.up('far'), denied), null);
  assert.ok(harness.bridge.heldBytes > 0);
  harness.becomeDurable();
  assert.is(harness.bridge.heldBytes, 0);
});

function space(domid: number): Extract<BrokerFrame, { op: typeof Op.space }> {
  return { op: Op.space, domid, port: PORT };
}

function gone(domid: number): BrokerFrame {
  return { op: Op.peerGone, domid, port: PORT, messages: 1, bytes: 1 };
}

function revoked(domid: number): BrokerFrame {
  return { op: Op.revoked, domid, port: PORT, messages: 1, bytes: 1 };
}

function encodeWithSource(frame: Uint8Array, domid: number): Uint8Array {
  new DataView(frame.buffer, frame.byteOffset).setUint16(12, domid, true);
  return frame;
}

bridges.run();
