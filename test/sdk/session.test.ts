import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CloseCode, Op, PORT_ALL, RingFlag, SendFlag, Status } from '../../broker/wire/index.ts';
import type { ArgusError } from '../../clients/sdk/errors.ts';
import { DEFAULT_SILENCE_LIMIT_MS, MAX_OUTSTANDING_REQUESTS, PINGS_PER_SILENCE } from '../../clients/sdk/limits.ts';
import type { Vm } from '../../clients/sdk/vm.ts';
import type { VmEvents } from '../../clients/sdk/vm-events.ts';
import { BrokerDouble, DOMID, PEER_DOMID, PEER_NAME, settle } from '../support/sdk/broker-double.ts';

const test = suite('sdk: a session');
const BYTES = Uint8Array.of(1, 2, 3, 4);
const TO = { domain: PEER_DOMID, port: 1 };

async function errorOf(promise: Promise<unknown>): Promise<ArgusError> {
  try {
    await promise;
  } catch (error) {
    return error as ArgusError;
  }
  throw new Error('it was expected to be rejected');
}

function record<Name extends keyof VmEvents>(vm: Vm, name: Name): VmEvents[Name][] {
  const events: VmEvents[Name][] = [];
  vm.on(name, (event) => events.push(event));
  return events;
}

test('connect tells who we are, as the broker has authenticated it', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  assert.equal(
    [vm.name, vm.domid, vm.brokerName, vm.revision, vm.state],
    ['chrome-vm', DOMID, 'argus', 3, 'connected'],
  );
  await vm.close();
  await settle();
  assert.is(broker.session.closedWith, CloseCode.done);
  assert.is(vm.state, 'closed');
  assert.is(broker.clock.pendingTimers, 0, 'nothing is left running');
});

for (const [word, code] of [
  ['refused', 'ERR_CLIENT_REFUSED'],
  ['credentialExpired', 'ERR_CLIENT_CREDENTIAL_EXPIRED'],
  ['credentialNotYetValid', 'ERR_CLIENT_CREDENTIAL_NOT_YET_VALID'],
  ['credentialForeign', 'ERR_CLIENT_CREDENTIAL_FOREIGN'],
  ['wrongCarrier', 'ERR_CLIENT_WRONG_CARRIER'],
  ['version', 'ERR_CLIENT_VERSION'],
  ['shutdown', 'ERR_CLIENT_SHUTDOWN'],
  // unsealed, so any process on the carrier may have sent these
  ['superseded', 'ERR_CLIENT_REFUSED'],
  ['removed', 'ERR_CLIENT_REFUSED'],
] as const) {
  test(`an unsealed close "${word}" is ${code}`, async () => {
    const broker = await BrokerDouble.start();
    broker.greeting = { closeCode: CloseCode[word] };
    assert.is((await errorOf(broker.connect())).code, code);
    assert.is(broker.clock.pendingTimers, 0);
  });
}

test('a broker that cannot prove its keys is not believed', async () => {
  const broker = await BrokerDouble.start();
  broker.greeting = 'wrong-proof';
  assert.is((await errorOf(broker.connect())).code, 'ERR_CLIENT_PROTOCOL');
});

test('silence ends at the handshake timeout', async () => {
  const broker = await BrokerDouble.start();
  broker.greeting = 'silence';
  const failure = errorOf(broker.connect({ handshakeTimeoutMs: 500 }));
  await settle();
  broker.clock.advance(500);
  assert.is((await failure).code, 'ERR_CLIENT_HANDSHAKE_TIMEOUT');
  assert.is(broker.clock.pendingTimers, 0);
});

test('a carrier that does not open is ERR_CLIENT_UNREACHABLE, and the first attempt is the only one', async () => {
  const broker = await BrokerDouble.start();
  broker.greeting = 'unreachable';
  assert.is((await errorOf(broker.connect())).code, 'ERR_CLIENT_UNREACHABLE');
  assert.is(broker.dials, 1);
});

test('an aborted attempt ends at once', async () => {
  const broker = await BrokerDouble.start();
  broker.greeting = 'silence';
  const abort = new AbortController();
  const failure = errorOf(broker.connect({ signal: abort.signal }));
  await settle();
  abort.abort();
  assert.is((await failure).code, 'ERR_CLIENT_ABORTED');
});

test('the sends of a burst share a record and resolve with their bytes', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const sends = [vm.sendv({ to: TO, iov: BYTES }), vm.sendv({ to: TO, iov: [BYTES, BYTES], type: 6 })];
  await broker.session.until(Op.sendv, 2);
  assert.equal(broker.session.records, [2]);
  assert.equal(
    broker.session.sends().map((frame) => [frame.id, frame.flags, frame.destination, frame.messageType]),
    [
      [1, 0, PEER_DOMID, 0],
      [2, 0, PEER_DOMID, 6],
    ],
  );
  broker.session.say({ op: Op.ack, through: 2 });
  assert.equal(await Promise.all(sends), [4, 8]);
  await vm.close();
});

test('the payload is copied before sendv returns', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const payload = Uint8Array.of(1, 2, 3);
  const sent = vm.sendv({ to: TO, iov: payload });
  payload.fill(9);
  await broker.session.until(Op.sendv);
  assert.equal([...(broker.session.sends()[0]?.payload ?? [])], [1, 2, 3]);
  broker.session.say({ op: Op.ack, through: 1 });
  await sent;
  await vm.close();
});

test('a refusal is the error of its send alone', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const first = vm.sendv({ to: TO, iov: BYTES });
  const second = errorOf(vm.sendv({ to: TO, iov: BYTES }));
  await broker.session.until(Op.sendv, 2);
  broker.session.say(
    { op: Op.refused, id: 2, status: Status.EMSGSIZE, maxMessageSize: 77 },
    { op: Op.ack, through: 2 },
  );
  assert.is(await first, 4);
  const error = await second;
  assert.equal([error.code, error.maxMessageSize, error.outcome], ['EMSGSIZE', 77, 'refused']);
  await vm.close();
});

for (const [label, request, code] of [
  ['nine parts', { to: TO, iov: Array.from({ length: 9 }, () => BYTES) }, 'EINVAL'],
  ['text as payload', { to: TO, iov: 'text' }, 'EINVAL'],
  ['a port of 2^32', { to: { domain: 1, port: 2 ** 32 }, iov: BYTES }, 'EINVAL'],
  ['a negative type', { to: TO, iov: BYTES, type: -1 }, 'EINVAL'],
  ['a source port of 0.5', { to: TO, iov: BYTES, from: 0.5 }, 'EINVAL'],
  ['a domid of 2^16', { to: { domain: 65_536, port: 1 }, iov: BYTES }, 'EINVAL'],
  ['an empty name', { to: { domain: '', port: 1 }, iov: BYTES }, 'EINVAL'],
  ['a name of 64 bytes', { to: { domain: 'ä'.repeat(32), port: 1 }, iov: BYTES }, 'EINVAL'],
  ['a deadline in the past', { to: TO, iov: BYTES, deadline: -1 }, 'EINVAL'],
  ['a deadline that is no number', { to: TO, iov: BYTES, deadline: Number.NaN }, 'EINVAL'],
  ['more than any ring takes', { to: TO, iov: new Uint8Array(16_777_121) }, 'EMSGSIZE'],
] as const) {
  test(`${label} is ${code} and nothing is sent`, async () => {
    const broker = await BrokerDouble.start();
    const vm = await broker.connect();
    const error = await errorOf(vm.sendv(request as Parameters<Vm['sendv']>[0]));
    assert.equal([error.code, error.outcome], [code, 'not-sent']);
    await settle();
    assert.equal(broker.session.sends(), []);
    await vm.close();
  });
}

test('more than queueBytes without outcome is ENOBUFS, until there is room again', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect({ queueBytes: 65_536 });
  const first = vm.sendv({ to: TO, iov: new Uint8Array(60_000) });
  assert.is((await errorOf(vm.sendv({ to: TO, iov: new Uint8Array(6000) }))).code, 'ENOBUFS');
  await broker.session.until(Op.sendv);
  broker.session.say({ op: Op.ack, through: 1 });
  await first;
  const large = vm.sendv({ to: TO, iov: new Uint8Array(100_000) });
  await broker.session.until(Op.sendv, 2);
  broker.session.say({ op: Op.ack, through: 2 });
  assert.is(await large, 100_000, 'one message beyond the bound may go alone');
  await vm.close();
});

test('a name is asked for once, and what waits for it keeps its order', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const to = { domain: PEER_NAME, port: 1 };
  const sends = [1, 2, 3].map((type) => vm.sendv({ to, iov: BYTES, type }));
  await broker.session.until(Op.sendv, 3);
  assert.equal(
    broker.session.sends().map((frame) => [frame.messageType, frame.destination]),
    [
      [1, PEER_DOMID],
      [2, PEER_DOMID],
      [3, PEER_DOMID],
    ],
  );
  assert.is(broker.session.frames.filter((frame) => frame.op === Op.resolve).length, 1);
  broker.session.say({ op: Op.ack, through: 3 });
  await Promise.all(sends);
  broker.session.say({ op: Op.revision, revision: 4 });
  await settle();
  assert.is(vm.revision, 4);
  void vm.sendv({ to, iov: BYTES }).catch(() => {});
  await broker.session.until(Op.resolve, 2);
  broker.session.end.cut();
  await vm.close();
});

test('a name that is not known is EACCES for every send to it', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const to = { domain: 'nobody', port: 1 };
  const errors = await Promise.all([
    errorOf(vm.sendv({ to, iov: BYTES })),
    errorOf(vm.sendv({ to, iov: BYTES, deadline: 9 })),
  ]);
  assert.equal(
    errors.map(({ code }) => code),
    ['EACCES', 'EACCES'],
  );
  await vm.close();
});

test('without a deadline a full ring is EAGAIN', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const refused = errorOf(vm.sendv({ to: TO, iov: BYTES }));
  await broker.session.until(Op.sendv);
  broker.session.say({ op: Op.refused, id: 1, status: Status.EAGAIN, maxMessageSize: 0 });
  assert.is((await refused).code, 'EAGAIN');
  await vm.close();
});

test('with a deadline the same bytes go again after space, with a new id', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const spaces = record(vm, 'space');
  const sent = vm.sendv({ to: TO, iov: Uint8Array.of(7, 8), deadline: 1000 });
  await broker.session.until(Op.sendv);
  broker.session.say({ op: Op.refused, id: 1, status: Status.EAGAIN, maxMessageSize: 0 });
  await settle();
  assert.is((await errorOf(vm.sendv({ to: TO, iov: BYTES }))).code, 'EAGAIN', 'one without deadline may not overtake');
  broker.session.say({ op: Op.space, domid: PEER_DOMID, port: 1 });
  await broker.session.until(Op.sendv, 2);
  const [first, again] = broker.session.sends();
  assert.is(again?.id, 2);
  assert.is(again?.flags, SendFlag.ordered | SendFlag.resume);
  assert.equal(again?.payload, first?.payload);
  broker.session.say({ op: Op.ack, through: 2 });
  assert.is(await sent, 2);
  assert.equal(spaces, [{ domid: PEER_DOMID, port: 1 }]);
  await vm.close();
  assert.is(broker.clock.pendingTimers, 0);
});

test('a deadline that passes while the send waits is ETIMEDOUT', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const late = errorOf(vm.sendv({ to: TO, iov: BYTES, deadline: 300 }));
  await broker.session.until(Op.sendv);
  broker.session.say({ op: Op.refused, id: 1, status: Status.EAGAIN, maxMessageSize: 0 });
  await settle();
  broker.clock.advance(300);
  const error = await late;
  assert.equal([error.code, error.outcome], ['ETIMEDOUT', 'not-sent']);
  assert.is(vm.outstandingSends, 0);
  await vm.close();
});

test('a deadline bounds the call also when the broker does not answer; a late answer settles the accounts', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const late = errorOf(vm.sendv({ to: TO, iov: BYTES, deadline: 300 }));
  const patient = vm.sendv({ to: TO, iov: BYTES, deadline: 5_000 });
  await broker.session.until(Op.sendv, 2);
  broker.clock.advance(300);
  const error = await late;
  assert.equal([error.code, error.outcome], ['ETIMEDOUT', 'unknown']);
  assert.is(vm.outstandingSends, 2, 'its memory is held until the broker answers');
  broker.session.say({ op: Op.ack, through: 2 });
  assert.is(await patient, BYTES.length);
  assert.is(vm.outstandingSends, 0);
  await vm.close();
  assert.is(broker.clock.pendingTimers, 0);
});

test('a send whose deadline passed is not tried again when the broker refuses it later', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const late = errorOf(vm.sendv({ to: TO, iov: BYTES, deadline: 10 }));
  await broker.session.until(Op.sendv);
  broker.clock.advance(20);
  assert.is((await late).outcome, 'unknown');
  broker.session.say({ op: Op.refused, id: 1, status: Status.EAGAIN, maxMessageSize: 0 });
  await settle();
  assert.is(vm.outstandingSends, 0);
  assert.is(broker.session.sends().length, 1);
  await vm.close();
});

test('a shorter limit for silence notices a frozen broker sooner', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect({ silenceLimitMs: 900 });
  const gone = record(vm, 'disconnected');
  broker.clock.advance(400);
  await broker.session.until(Op.ping);
  broker.clock.advance(600);
  await settle();
  assert.is(gone[0]?.reason.code, 'ERR_CLIENT_LOST');
  await vm.close();
});

test('a deadline that passed while the send was under way is ETIMEDOUT when it is refused', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const late = errorOf(vm.sendv({ to: TO, iov: BYTES, deadline: 10 }));
  await broker.session.until(Op.sendv);
  broker.clock.advance(20);
  broker.session.say({ op: Op.refused, id: 1, status: Status.EAGAIN, maxMessageSize: 0 });
  assert.is((await late).code, 'ETIMEDOUT');
  await vm.close();
});

test('an abort signal takes back a send that waits', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const abort = new AbortController();
  const waiting = errorOf(vm.sendv({ to: { domain: 'slow-vm', port: 1 }, iov: BYTES, signal: abort.signal }));
  await settle();
  abort.abort();
  assert.is((await waiting).code, 'ECANCELED');
  assert.is((await errorOf(vm.sendv({ to: TO, iov: BYTES, signal: abort.signal }))).code, 'ECANCELED');
  assert.equal(broker.session.sends(), []);
  await vm.close();
});

test('messages reach their ring with the source as introduced, in memory that stays as it is', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const ring = await vm.registerRing({ port: 1, partner: 'any', length: 4096 });
  broker.session.say({ op: Op.introduce, domid: PEER_DOMID, name: PEER_NAME, labels: ['@audio'] });
  broker.session.deliver(101, Uint8Array.of(1, 2, 3));
  broker.session.deliver(101, Uint8Array.of(4));
  const first = await ring.receive();
  const second = await ring.receive();
  await settle();
  assert.equal(first?.source, { domid: PEER_DOMID, name: PEER_NAME, labels: ['@audio'] });
  assert.equal([first?.port, first?.type, [...(first?.payload ?? [])]], [5, 9, [1, 2, 3]]);
  assert.equal([...(second?.payload ?? [])], [4]);
  broker.clock.advance(10);
  await broker.session.until(Op.credit);
  assert.equal(
    broker.session.frames.filter((frame) => frame.op === Op.credit),
    [{ op: Op.credit, ring: 101, bytes: 64 }],
  );
  await vm.close();
});

/** Large enough that the memory of its record is released. */
const LARGE = new Uint8Array(20_000).fill(7);

/** One record with a message for each of the two rings that were registered. */
function sayToBoth(broker: BrokerDouble): void {
  broker.session.say({ op: Op.introduce, domid: PEER_DOMID, name: PEER_NAME, labels: [] });
  broker.session.sayBytes(Buffer.concat([broker.session.delivery(101, LARGE), broker.session.delivery(102, LARGE)]));
}

test('after a record that was only looked at, the next is opened where it was read; a reader that keeps it gets a copy', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const consumed = await vm.registerRing({ port: 1, partner: 'any', length: 65_536 });
  const read = await vm.registerRing({ port: 2, partner: 'any', length: 65_536 });
  const seen: string[] = [];
  const views: Uint8Array[] = [];
  void consumed.consume(({ payload }) => {
    seen.push(Buffer.from(payload).toString());
    views.push(payload);
  });
  broker.session.say({ op: Op.introduce, domid: PEER_DOMID, name: PEER_NAME, labels: [] });
  const say = async (port: number, text: string): Promise<void> => {
    broker.session.deliver(100 + port, Buffer.from(text));
    await settle();
  };
  await say(1, 'first');
  await say(1, 'second');
  assert.equal(seen, ['first', 'second']);
  // The double overwrites its buffer after the call, as the next read of a socket does.
  assert.ok(views[1]?.every((byte) => byte === 0xdd));
  await say(2, 'kept');
  await say(1, 'third');
  await say(1, 'fourth');
  await say(2, 'kept too');
  assert.equal(seen, ['first', 'second', 'third', 'fourth']);
  assert.is(Buffer.from(read.read()?.payload ?? []).toString(), 'kept');
  assert.is(Buffer.from(read.read()?.payload ?? []).toString(), 'kept too');
  await vm.close();
});

test('memory of a record that was only lent is given back when its consumers are done', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const seen: { readonly during: number; readonly payload: Uint8Array }[] = [];
  for (const port of [1, 2]) {
    const ring = await vm.registerRing({ port, partner: 'any', length: 65_536 });
    void ring.consume(({ payload }) => void seen.push({ during: payload.length, payload }));
  }
  sayToBoth(broker);
  await settle();
  assert.equal(
    seen.map(({ during, payload }) => [during, payload.length]),
    [
      [LARGE.length, 0],
      [LARGE.length, 0],
    ],
  );
  await vm.close();
});

test('memory of a record stays as it is while somebody may keep one of its messages', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const lent = await vm.registerRing({ port: 1, partner: 'any', length: 65_536 });
  const kept = await vm.registerRing({ port: 2, partner: 'any', length: 65_536 });
  void lent.consume(() => {});
  sayToBoth(broker);
  await settle();
  assert.equal(kept.read()?.payload, LARGE);
  await vm.close();
});

test('a ring that the broker closes throws to its reader and is announced', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const closed = record(vm, 'ring-closed');
  const ring = await vm.registerRing({ port: 1, partner: PEER_NAME, length: 4096 });
  const waiting = errorOf(ring.receive());
  broker.session.say({ op: Op.ringClosed, ring: 101, status: Status.EACCES });
  assert.is((await waiting).code, 'EACCES');
  assert.is(closed[0]?.ring, ring);
  await vm.close();
});

test('registering a ring again gives the one there is, with what lies in it; unregistering ends it', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const ring = await vm.registerRing({ port: 1, partner: PEER_NAME, length: 4096 });
  broker.session.say({ op: Op.introduce, domid: PEER_DOMID, name: PEER_NAME, labels: [] });
  broker.session.deliver(101, BYTES);
  assert.is(await vm.registerRing({ port: 1, partner: PEER_DOMID, length: 4096 }), ring);
  assert.is(ring.pending, 1);
  await vm.unregisterRing(ring);
  assert.ok(await ring.receive());
  assert.is(await ring.receive(), undefined);
  await vm.unregisterRing(ring);
  assert.is(broker.session.frames.filter((frame) => frame.op === Op.unregisterRing).length, 1);
  await vm.close();
});

test('notify reads the flags of each ring', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const [state] = await vm.notify([{ to: { domain: PEER_NAME, port: 1 }, spaceRequired: 10 }]);
  assert.is(RingFlag.exists | RingFlag.sufficient, 9);
  assert.equal(state, {
    exists: true,
    isShared: false,
    isEmpty: false,
    isSufficient: true,
    isTooLarge: false,
    isBusy: false,
    maxMessageSize: 4064,
  });
  assert.equal(await vm.notify(), []);
  await vm.close();
});

test('a ring can end with the session of its partner; what the next one sends is not read', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const { session } = broker;
  const request = { partner: PEER_NAME, length: 4096, endsWithPartner: true };
  const [queued, waiting, consumed, staying] = await Promise.all([
    vm.registerRing({ ...request, port: 1 }),
    vm.registerRing({ ...request, port: 2 }),
    vm.registerRing({ ...request, port: 3 }),
    vm.registerRing({ ...request, port: 4, endsWithPartner: false }),
  ]);
  const both: number[] = [];
  const waited = waiting.receive();
  const consuming = consumed.consume(({ payload }) => both.push(payload.length));
  const gone = (domid: number, port: number): void =>
    session.say({ op: Op.peerGone, domid, port, messages: 0, bytes: 0 });
  gone(PEER_DOMID + 1, PORT_ALL); // another domain
  gone(PEER_DOMID, 9); // a ring of the partner, whose session goes on
  session.say({ op: Op.introduce, domid: PEER_DOMID, name: PEER_NAME, labels: [] });
  for (const bytes of [1, 2]) for (const ring of [101, 103]) session.deliver(ring, new Uint8Array(bytes));
  gone(PEER_DOMID, PORT_ALL);
  for (const ring of [101, 102, 103, 104]) session.deliver(ring, new Uint8Array(7));
  await settle();
  assert.is(await waited, undefined);
  await consuming;
  assert.equal(both, [1, 2]);
  assert.is(queued.read()?.payload.length, 1);
  assert.is((await queued.receive())?.payload.length, 2);
  assert.is(queued.read(), undefined);
  assert.is(await queued.receive(), undefined);
  await queued.consume(() => assert.unreachable());
  assert.is((await staying.receive())?.payload.length, 7);
  const failure = await errorOf(vm.registerRing({ ...request, port: 5, partner: 'any' }));
  assert.is(failure.code, 'EINVAL');
  await vm.close();
});

test('peer-gone and revoked are passed on; the port of all ports is null', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const gone = record(vm, 'peer-gone');
  const revoked = record(vm, 'revoked');
  broker.session.say(
    { op: Op.peerGone, domid: 2, port: 0xffff_ffff, messages: 3, bytes: 30 },
    { op: Op.revoked, domid: 2, port: 1, messages: 1, bytes: 4 },
  );
  await settle();
  assert.equal(gone, [{ domid: 2, port: null, messages: 3, bytes: 30 }]);
  assert.equal(revoked, [{ domid: 2, port: 1, messages: 1, bytes: 4 }]);
  await vm.close();
});

test('a name is not asked for when too many answers are outstanding, and its sends say so', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const failures = Array.from({ length: MAX_OUTSTANDING_REQUESTS + 1 }, (_, number) =>
    errorOf(vm.sendv({ to: { domain: `slow-${number}`, port: 1 }, iov: BYTES, deadline: 60_000 })),
  );
  assert.is((await failures.at(-1))?.code, 'ENOBUFS');
  broker.clock.advance(60_000);
  const others = await Promise.all(failures.slice(0, -1));
  assert.ok(others.every(({ code }) => code === 'ETIMEDOUT'));
  await vm.close();
});

test('a lost session rejects what was in flight, comes back, and registers its rings with what is unread', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const lost = record(vm, 'disconnected');
  const back = record(vm, 'reconnected');
  const ring = await vm.registerRing({ port: 1, partner: PEER_NAME, length: 4096 });
  broker.session.say({ op: Op.introduce, domid: PEER_DOMID, name: PEER_NAME, labels: [] });
  broker.session.deliver(101, Uint8Array.of(1));
  const inFlight = errorOf(vm.sendv({ to: TO, iov: BYTES }));
  await broker.session.until(Op.sendv);
  await settle();
  broker.session.end.cut();
  const error = await inFlight;
  assert.equal([error.code, error.outcome], ['ECONNRESET', 'unknown']);
  assert.equal([lost[0]?.inFlight, lost[0]?.isFinal, vm.state], [1, false, 'reconnecting']);
  const notNow = await errorOf(vm.sendv({ to: TO, iov: BYTES }));
  assert.equal([notNow.code, notNow.outcome], ['ECONNRESET', 'not-sent']);
  const later = vm.sendv({ to: { domain: PEER_NAME, port: 1 }, iov: Uint8Array.of(5), deadline: 60_000 });

  broker.clock.advance(100);
  await broker.untilSessions(2);
  await broker.session.until(Op.sendv);
  const registered = broker.session.frames.find((frame) => frame.op === Op.registerRing);
  assert.is(registered?.op === Op.registerRing ? registered.unread : 0, 32);
  assert.is(back.length, 1);
  assert.is(vm.state, 'connected');
  assert.is(broker.session.sends()[0]?.id, 1, 'ids start again');
  broker.session.say({ op: Op.ack, through: 1 });
  assert.is(await later, 1);
  assert.is((await ring.receive())?.payload[0], 1, 'what was unread stays readable');
  await vm.close();
});

test('what is read while the ring is registered again is returned when that is done', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const ring = await vm.registerRing({ port: 1, partner: PEER_NAME, length: 4096 });
  broker.session.say({ op: Op.introduce, domid: PEER_DOMID, name: PEER_NAME, labels: [] });
  broker.session.deliver(101, new Uint8Array(2_000));
  broker.session.deliver(101, new Uint8Array(1_000));
  await settle();
  broker.holdsRegistrations = true;
  broker.session.end.cut();
  broker.clock.advance(100);
  await broker.untilSessions(2);
  await broker.session.until(Op.registerRing);
  const [again] = broker.session.frames.filter((frame) => frame.op === Op.registerRing);
  assert.is(again?.op === Op.registerRing ? again.unread : 0, 2_016 + 1_024);
  while (ring.pending > 0) await ring.receive();
  if (again?.op === Op.registerRing) broker.session.say({ op: Op.reply, id: again.id, status: Status.OK, value: 101 });
  await broker.session.until(Op.credit);
  const credits = broker.session.frames.flatMap((frame) => (frame.op === Op.credit ? [frame.bytes] : []));
  assert.equal(credits, [2_016 + 1_024]);
  await vm.close();
});

test('attempts to come back are repeated, each failure announced, the wait growing', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const errors = record(vm, 'error');
  broker.greeting = 'unreachable';
  broker.session.end.cut(new Error('broken'));
  for (const [waitMs, dials] of [
    [50, 2],
    [100, 3],
    [200, 4],
  ] as const) {
    broker.clock.advance(waitMs - 1);
    await settle();
    assert.is(broker.dials, dials - 1);
    broker.clock.advance(1);
    await settle();
    assert.is(broker.dials, dials);
  }
  assert.equal(
    errors.map(({ code }) => code),
    Array.from({ length: 3 }, () => 'ERR_CLIENT_UNREACHABLE'),
  );
  await vm.close();
  assert.is(broker.clock.pendingTimers, 0);
});

for (const [word, code] of [
  ['superseded', 'ERR_CLIENT_SUPERSEDED'],
  ['removed', 'ERR_CLIENT_REMOVED'],
  ['wrongHome', 'ERR_CLIENT_WRONG_HOME'],
] as const) {
  test(`a sealed close "${word}" is final`, async () => {
    const broker = await BrokerDouble.start();
    const vm = await broker.connect();
    const lost = record(vm, 'disconnected');
    const ring = await vm.registerRing({ port: 1, partner: 'any', length: 4096 });
    const waiting = errorOf(ring.receive());
    broker.session.close(CloseCode[word]);
    assert.is((await waiting).code, code);
    assert.equal([lost[0]?.reason.code, lost[0]?.isFinal, vm.state], [code, true, 'closed']);
    assert.is((await errorOf(vm.sendv({ to: TO, iov: BYTES }))).code, code);
    assert.is(broker.clock.pendingTimers, 0);
  });
}

test('after "shutdown" it comes back', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  broker.session.close(CloseCode.shutdown);
  await settle();
  assert.is(vm.state, 'reconnecting');
  broker.clock.advance(100);
  await broker.untilSessions(2);
  await settle();
  assert.is(vm.state, 'connected');
  await vm.close();
});

test('without reconnect a loss is the end', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect({ reconnect: false });
  broker.session.end.cut();
  await settle();
  assert.is(vm.state, 'closed');
  assert.is(broker.clock.pendingTimers, 0);
});

test('an idle session pings; one that hears nothing is dead', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const lost = record(vm, 'disconnected');
  broker.session.say({ op: Op.brokerPing, id: 77 });
  await broker.session.until(Op.pong);
  broker.clock.advance(DEFAULT_SILENCE_LIMIT_MS / PINGS_PER_SILENCE);
  await broker.session.until(Op.ping);
  broker.clock.advance(DEFAULT_SILENCE_LIMIT_MS - DEFAULT_SILENCE_LIMIT_MS / PINGS_PER_SILENCE);
  assert.is(lost[0]?.reason.code, 'ERR_CLIENT_LOST');
  await vm.close();
});

test('close waits for sends under way, but not for ever', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect({ drainTimeoutMs: 100 });
  const done = vm.sendv({ to: TO, iov: BYTES });
  const closing = vm.close();
  assert.is(vm.close(), closing, 'closing twice is closing once');
  await broker.session.until(Op.sendv);
  broker.session.say({ op: Op.ack, through: 1 });
  assert.is(await done, 4);
  await closing;

  const stuck = await broker.connect({ drainTimeoutMs: 100 });
  const never = errorOf(stuck.sendv({ to: TO, iov: BYTES }));
  await broker.session.until(Op.sendv);
  const slow = stuck.close();
  await settle();
  broker.clock.advance(100);
  await slow;
  assert.is((await never).code, 'ECONNRESET');
});

test('while the carrier is congested sends gather, and go when it drains', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  broker.session.end.congest();
  for (let i = 0; i < 3; i++) {
    void vm.sendv({ to: TO, iov: BYTES }).catch(() => {});
    await settle();
  }
  assert.equal(broker.session.sends(), []);
  broker.session.end.relieve();
  await broker.session.until(Op.sendv, 3);
  assert.equal(broker.session.records, [3]);
  broker.session.say({ op: Op.ack, through: 3 });
  await vm.close();
});

test('a listener that throws disturbs neither the session nor other listeners', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const surfaced = new Promise<unknown>((resolve) => process.once('uncaughtException', resolve));
  vm.on('space', () => {
    throw new Error('mine');
  });
  const spaces = record(vm, 'space');
  broker.session.say({ op: Op.space, domid: 1, port: 1 });
  assert.is(((await surfaced) as Error).message, 'mine');
  assert.is(spaces.length, 1);
  assert.is(vm.state, 'connected');
  await vm.close();
});

test.run();
