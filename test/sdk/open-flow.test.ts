/** Open flows: numbers, room, order, outcomes, and no object for a message. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Op, SendFlag, Status } from '../../broker/wire/index.ts';
import { FlowSend } from '../../clients/sdk/engine/sending/flow-send.ts';
import { ArgusError } from '../../clients/sdk/index.ts';
import { OpenFlow } from '../../clients/sdk/streams/open-flow.ts';
import type { Vm } from '../../clients/sdk/vm.ts';
import { BrokerDouble, PEER_DOMID, PEER_NAME, settle } from '../support/sdk/broker-double.ts';

const flows = suite('sdk: open flows');
const TO = { domain: PEER_NAME, port: 1 };
const BYTES = Uint8Array.of(1, 2, 3, 4);

async function opened(windowBytes?: number): Promise<{ broker: BrokerDouble; vm: Vm; flow: OpenFlow; told: string[] }> {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const flow = await vm.flow({ to: TO, from: 0, type: 5, ...(windowBytes === undefined ? {} : { windowBytes }) });
  const told: string[] = [];
  flow.on('refused', ({ number, error }) => told.push(`refused ${number} ${error.code} ${error.outcome}`));
  flow.on('decided', ({ number }) => told.push(`decided ${number}`));
  flow.on('drain', () => told.push('drain'));
  return { broker, vm, flow, told };
}

function codeOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error instanceof ArgusError ? error.code : error;
  }
  return null;
}

flows('messages go out in order and in one record; acknowledgements are cumulative', async () => {
  const { broker, vm, flow, told } = await opened();
  const payload = Uint8Array.from(BYTES);
  const room = flow.windowBytes;
  assert.is(flow.send(payload), room - 32);
  payload.fill(9);
  assert.is(flow.send(BYTES, 77), room - 64);
  assert.is(flow.sendMany([BYTES, BYTES]), 2);
  assert.is(flow.sent, 4);
  await broker.session.until(Op.sendv, 4);
  const sends = broker.session.sends();
  assert.is(broker.session.records.at(-1), 4);
  assert.equal(
    sends.map(({ messageType, destination }) => [messageType, destination]),
    [
      [5, PEER_DOMID],
      [77, PEER_DOMID],
      [5, PEER_DOMID],
      [5, PEER_DOMID],
    ],
  );
  assert.ok(sends.every(({ flags }) => (flags & SendFlag.ordered) !== 0));
  assert.equal([...(sends[0]?.payload ?? [])], [...BYTES]);
  broker.session.say({ op: Op.ack, through: 2 });
  await settle();
  assert.is(flow.decided, 2);
  assert.is(flow.room, room - 64);
  broker.session.say({ op: Op.ack, through: 4 });
  await flow.settled();
  assert.equal(told, ['decided 2', 'decided 4']);
  assert.is(vm.outstandingSends, 0);
  await vm.close();
});

flows('a refusal is an event with the number of its message, and of no other', async () => {
  const { broker, vm, flow, told } = await opened();
  flow.sendMany([BYTES, BYTES, BYTES]);
  await broker.session.until(Op.sendv, 3);
  broker.session.say({ op: Op.refused, id: 2, status: Status.EACCES, maxMessageSize: 0 }, { op: Op.ack, through: 3 });
  await flow.settled();
  assert.equal(told, ['refused 2 EACCES refused', 'decided 3']);
  await vm.close();
});

flows('while the ring is full messages wait, and arrive in their order', async () => {
  const { broker, vm, flow, told } = await opened();
  flow.sendMany([Uint8Array.of(1), Uint8Array.of(2)]);
  await broker.session.until(Op.sendv, 2);
  const full = { op: Op.refused, status: Status.EAGAIN, maxMessageSize: 0 } as const;
  broker.session.say({ ...full, id: 1 }, { ...full, id: 2 });
  await settle();
  flow.send(Uint8Array.of(3));
  assert.is(flow.decided, 0);
  broker.session.say({ op: Op.space, domid: PEER_DOMID, port: 1 });
  await broker.session.until(Op.sendv, 5);
  const again = broker.session.sends().slice(2);
  assert.equal(
    again.map(({ payload, flags }) => [payload[0], (flags & SendFlag.resume) !== 0]),
    [
      [1, true],
      [2, false],
      [3, false],
    ],
  );
  broker.session.say({ op: Op.ack, through: 5 });
  await flow.settled();
  assert.equal(told, ['decided 3']);
  await vm.close();
});

flows(
  'with a deadline a message that waits is refused when it passes; one that was written waits for its answer',
  async () => {
    const broker = await BrokerDouble.start();
    const vm = await broker.connect();
    const flow = await vm.flow({ to: TO, deadline: 150 });
    const told: string[] = [];
    flow.on('refused', ({ number, error }) => told.push(`refused ${number} ${error.code} ${error.outcome}`));
    flow.send(BYTES);
    await broker.session.until(Op.sendv, 1);
    broker.clock.advance(200);
    await settle();
    assert.equal([flow.decided, told], [0, []], 'only the broker knows whether it arrived');
    broker.session.say({ op: Op.ack, through: 1 });
    await flow.settled();
    const room = flow.windowBytes;
    assert.is(flow.room, room);

    flow.send(BYTES);
    await broker.session.until(Op.sendv, 2);
    broker.session.say({ op: Op.refused, status: Status.EAGAIN, maxMessageSize: 0, id: 2 });
    await settle();
    broker.clock.advance(149);
    await settle();
    assert.equal(told, []);
    broker.clock.advance(1);
    await flow.settled();
    assert.equal(told, ['refused 2 ETIMEDOUT not-sent']);
    assert.is(flow.room, room, 'its place is free once');
    flow.send(BYTES);
    await broker.session.until(Op.sendv, 3);
    broker.session.say({ op: Op.ack, through: 3 });
    await flow.settled();
    assert.equal([flow.decided, flow.room, vm.outstandingSends], [3, room, 0]);
    await vm.close();
  },
);

flows('the window: no room, then a drain event and `ready`', async () => {
  const { broker, vm, flow, told } = await opened(2_048);
  const kilobyte = new Uint8Array(1_000);
  assert.is(flow.sendMany([kilobyte, kilobyte, kilobyte, kilobyte]), 2, 'the second leaves no room');
  assert.ok(flow.room <= 0);
  let isReady = false;
  const ready = flow.ready().then(() => {
    isReady = true;
  });
  await broker.session.until(Op.sendv, 2);
  assert.not(isReady);
  broker.session.say({ op: Op.ack, through: 2 });
  await ready;
  assert.is(flow.room, 2_048);
  assert.equal(told, ['decided 2', 'drain']);
  await flow.ready();
  await vm.close();
});

flows('a session that ends leaves what was in flight unknown; what waited goes to the next session', async () => {
  const { broker, vm, flow, told } = await opened();
  flow.send(Uint8Array.of(1));
  await broker.session.until(Op.sendv);
  broker.session.end.cut();
  await settle();
  assert.equal(told, ['refused 1 ECONNRESET unknown', 'decided 1']);
  flow.send(Uint8Array.of(2));
  broker.clock.advance(200);
  await broker.untilSessions(2);
  await broker.session.until(Op.sendv);
  assert.equal([...(broker.session.sends()[0]?.payload ?? [])], [2]);
  broker.session.say({ op: Op.ack, through: 1 });
  await flow.settled();
  assert.is(flow.decided, 2);
  await vm.close();
});

flows('a message that cannot be taken throws, and has no number', async () => {
  const { broker, vm, flow } = await opened();
  const wrong: readonly (readonly [unknown, () => unknown])[] = [
    ['EINVAL', () => flow.send('text' as unknown as Uint8Array)],
    ['EINVAL', () => flow.send(BYTES, -1)],
    ['EINVAL', () => flow.send(BYTES, 2 ** 32)],
    ['EMSGSIZE', () => flow.send(new Uint8Array(16_777_153))],
  ];
  for (const [code, act] of wrong) assert.is(codeOf(act), code);
  assert.is(flow.sent, 0);
  assert.is(flow.room, flow.windowBytes);
  flow.send(BYTES);
  await broker.session.until(Op.sendv);
  const closed = flow.close();
  assert.is(
    codeOf(() => flow.send(BYTES)),
    'ECANCELED',
  );
  broker.session.say({ op: Op.ack, through: 1 });
  await closed;
  await vm.close();
});

flows('a sender that goes on without room is stopped by queueBytes', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect({ queueBytes: 65_536 });
  const flow = await vm.flow({ to: TO, windowBytes: 65_536 });
  flow.send(new Uint8Array(60_000));
  assert.is(
    codeOf(() => flow.send(new Uint8Array(10_000))),
    'ENOBUFS',
  );
  assert.is(flow.sent, 1);
  await broker.session.until(Op.sendv);
  broker.session.say({ op: Op.ack, through: 1 });
  await vm.close();
});

for (const [what, request, code] of [
  ['an unknown domain', { to: { domain: 'nobody', port: 1 } }, 'EACCES'],
  ['a window beyond queueBytes', { to: TO, windowBytes: 2 ** 31 }, 'EINVAL'],
  ['a window of nothing', { to: TO, windowBytes: 0 }, 'EINVAL'],
  ['a port that is none', { to: { domain: PEER_NAME, port: -1 } }, 'EINVAL'],
  ['a type that is none', { to: TO, type: 0.5 }, 'EINVAL'],
] as const)
  flows(`a flow with ${what} is refused`, async () => {
    const broker = await BrokerDouble.start();
    const vm = await broker.connect();
    const outcome = await vm.flow(request).catch((error: unknown) => error);
    assert.is(outcome instanceof ArgusError && outcome.code, code);
    await vm.close();
  });

flows('cancel ends what waits, and leaves what is in flight its outcome', async () => {
  const { broker, vm, flow, told } = await opened();
  flow.send(BYTES);
  await broker.session.until(Op.sendv);
  broker.session.say({ op: Op.refused, id: 1, status: Status.EAGAIN, maxMessageSize: 0 });
  await settle();
  flow.send(BYTES);
  flow.cancel();
  await flow.settled();
  assert.equal(told, ['refused 1 ECANCELED not-sent', 'refused 2 ECANCELED not-sent', 'decided 2']);
  assert.is(vm.outstandingSends, 0);
  await vm.close();
});

flows('a flow makes as many objects as its window holds messages, however many it sends', () => {
  const inFlight: FlowSend[] = [];
  let made = 0;
  let tell: () => void = () => {};
  const flow: OpenFlow = new OpenFlow(
    {
      take: (owner) => {
        made++;
        return new FlowSend(owner, null, 1, 1);
      },
      transmit: (send, number, payload) => {
        send.reuse(number, payload.length);
        inFlight.push(send);
      },
      withdraw: () => {},
      defer: (task) => {
        tell = task;
      },
    },
    10_000,
    0,
    () => assert.unreachable(),
  );
  for (let round = 0; round < 100; round++) {
    for (let i = 0; i < 10; i++) flow.send(BYTES);
    // Decided out of order: the number that is told is still that of the last without a gap before it.
    const [first, ...rest] = inFlight.splice(0);
    for (const send of rest) send.accept();
    assert.is(flow.decided, round * 10);
    first?.accept();
    assert.is(flow.decided, round * 10 + 10);
    tell();
  }
  assert.is(made, 10);
  // One that the queue of its ring still refers to is not used again.
  flow.send(BYTES);
  const [queued] = inFlight.splice(0);
  if (queued !== undefined) queued.isQueued = true;
  queued?.accept();
  for (let i = 0; i < 10; i++) flow.send(BYTES);
  assert.not(inFlight.includes(queued as FlowSend));
});

flows.run();
