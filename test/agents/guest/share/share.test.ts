/** Programs of one machine on the agent's session, in memory: the broker at the other end is scripted. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  DataField,
  encodeDataFrame,
  encodeDomainFrame,
  Op,
  PORT_ALL,
  SendFlag,
  Status,
} from '../../../../broker/wire/index.ts';
import { type ProgramSession, Programs } from '../../../../clients/agents/guest/share/programs.ts';
import { connectOver } from '../../../../clients/sdk/connect.ts';
import type { ArgusError, Vm } from '../../../../clients/sdk/index.ts';
import { resolveOptions } from '../../../../clients/sdk/options.ts';
import { BrokerDouble, DOMID, PEER_DOMID, PEER_NAME, settle } from '../../../support/sdk/broker-double.ts';
import { memoryCarrier } from '../../../support/sdk/memory-carrier.ts';

const test = suite('agent: programs share its session');

/** The agent's side of one program's pipe, for a test that writes frames by hand. */
class Pipe {
  readonly got: Uint8Array[] = [];
  isDestroyed = false;
  isPaused = false;
  backlogBytes = 0;
  grant(): void {}
  write(bytes: Uint8Array): void {
    this.got.push(bytes);
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  destroy(): void {
    this.isDestroyed = true;
  }
}

class Machine {
  readonly broker: BrokerDouble;
  readonly agent: Vm;
  readonly programs: Programs;

  private constructor(broker: BrokerDouble, agent: Vm) {
    this.broker = broker;
    this.agent = agent;
    this.programs = new Programs(agent);
  }

  static async start(): Promise<Machine> {
    const broker = await BrokerDouble.start();
    return new Machine(broker, await broker.connect());
  }

  /** A program with a whole SDK. */
  program(): Promise<Vm> {
    return connectOver(
      async (events) => {
        let session: ProgramSession | null = null;
        let isRequested = false;
        const { carrier, end } = memoryCarrier(events, {
          onBytes: (chunk) => {
            if (isRequested) session?.push(chunk);
            else session = begin();
            isRequested = true;
          },
          onEnd: () => session?.end(),
        });
        const begin = (): ProgramSession =>
          this.programs.add({
            grant: () => end.write(Buffer.from('ok\n')),
            write: (bytes) => end.write(bytes),
            backlogBytes: 0,
            pause: () => {},
            resume: () => {},
            destroy: () => end.cut(),
          });
        return carrier;
      },
      resolveOptions({ carrier: 'agent:' }),
      this.broker.platform,
    );
  }

  bare(): { readonly pipe: Pipe; readonly session: ProgramSession } {
    const pipe = new Pipe();
    return { pipe, session: this.programs.add(pipe) };
  }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'OK',
    (error: ArgusError) => error.code,
  );
}

const RING = { port: 5, partner: 'any', length: 4096 } as const;

function sendFrame(id: number, { from = 0, flags = 0, bytes = 4 } = {}): Uint8Array {
  const frame = new Uint8Array(DataField.payload + bytes);
  encodeDataFrame(new DataView(frame.buffer), 0, {
    op: Op.sendv,
    flags,
    id,
    source: DOMID,
    destination: PEER_DOMID,
    sourcePort: from,
    destinationPort: 1,
    messageType: 0,
    payload: new Uint8Array(bytes),
  });
  return frame;
}

test('two programs are the same domain on one session, each with its own rings', async () => {
  const machine = await Machine.start();
  const [first, second] = [await machine.program(), await machine.program()];
  assert.equal(
    [first, second].map((vm) => [vm.name, vm.domid, vm.brokerName, vm.revision]),
    Array(2).fill(['chrome-vm', DOMID, 'argus', 3]),
  );
  assert.is(machine.broker.sessions.length, 1);
  const [five, six] = [await first.registerRing(RING), await second.registerRing({ ...RING, port: 6 })];
  const { session } = machine.broker;
  session.say({ op: Op.introduce, domid: PEER_DOMID, name: PEER_NAME, labels: ['@audio'] });
  session.deliver(106, Uint8Array.of(6));
  session.deliver(105, Uint8Array.of(5));
  const [fromFive, fromSix] = [await five.receive(), await six.receive()];
  assert.equal([...(fromFive?.payload ?? [])], [5]);
  assert.equal([...(fromSix?.payload ?? [])], [6]);
  assert.equal(fromFive?.source.name, PEER_NAME);
  assert.is(five.pending + six.pending, 0);
});

test('a program that comes later knows whom the session has introduced before', async () => {
  const machine = await Machine.start();
  machine.broker.session.say({ op: Op.introduce, domid: PEER_DOMID, name: PEER_NAME, labels: ['@audio'] });
  machine.broker.session.say({ op: Op.introduce, domid: DOMID, name: 'chrome-vm', labels: ['@app'] });
  await settle();
  const vm = await machine.program();
  const ring = await vm.registerRing(RING);
  machine.broker.session.deliver(105, Uint8Array.of(1));
  assert.equal((await ring.receive())?.source.labels, ['@audio']);
  assert.equal(vm.labels, ['@app']);
});

test('a ring has one program: for another one, and for the agent, it is EEXIST', async () => {
  const machine = await Machine.start();
  const [first, second] = [await machine.program(), await machine.program()];
  await first.registerRing(RING);
  assert.is(await codeOf(second.registerRing(RING)), 'EEXIST');
  assert.is(await codeOf(machine.agent.registerRing(RING)), 'EEXIST');
  await machine.agent.registerRing({ ...RING, port: 9 });
  assert.is(await codeOf(first.registerRing({ ...RING, port: 9 })), 'EEXIST');
  assert.ok((await first.registerRing(RING)).isOpen, 'its own ring is given back as it is');
});

test('room that a program has read is given back to the broker, and no more than that', async () => {
  const machine = await Machine.start();
  const vm = await machine.program();
  const ring = await vm.registerRing({ ...RING, length: 64 });
  machine.broker.session.say({ op: Op.introduce, domid: PEER_DOMID, name: PEER_NAME, labels: [] });
  machine.broker.session.deliver(105, new Uint8Array(16));
  await ring.receive();
  await machine.broker.session.until(Op.credit);
  const credits = machine.broker.session.frames.filter((frame) => frame.op === Op.credit);
  assert.equal(credits, [{ op: Op.credit, ring: 105, bytes: 32 }]);
});

test('sends of programs have their own outcomes', async () => {
  const machine = await Machine.start();
  const [first, second] = [await machine.program(), await machine.program()];
  const to = { domain: PEER_DOMID, port: 1 };
  const outcomes = [
    codeOf(first.sendv({ to, iov: Uint8Array.of(1) })),
    codeOf(second.sendv({ to, iov: Uint8Array.of(2) })),
    codeOf(first.sendv({ to, iov: Uint8Array.of(3) })),
  ];
  const { session } = machine.broker;
  await session.until(Op.sendv, 3);
  const sends = session.sends();
  assert.equal(
    sends.map(({ id }) => id),
    [1, 2, 3],
    'consecutive in the session',
  );
  const second2 = sends.find(({ payload }) => payload[0] === 2);
  session.say({ op: Op.refused, id: second2?.id ?? 0, status: Status.EACCES, maxMessageSize: 0 });
  session.say({ op: Op.ack, through: 3 });
  assert.equal(await Promise.all(outcomes), ['OK', 'EACCES', 'OK']);
});

test('a send with a deadline waits for room and goes out again', async () => {
  const machine = await Machine.start();
  const vm = await machine.program();
  const { session } = machine.broker;
  const sent = codeOf(vm.sendv({ to: { domain: PEER_DOMID, port: 1 }, iov: Uint8Array.of(1), deadline: 5_000 }));
  await session.until(Op.sendv);
  session.say({ op: Op.refused, id: 1, status: Status.EAGAIN, maxMessageSize: 0 });
  session.say({ op: Op.space, domid: PEER_DOMID, port: 1 });
  await session.until(Op.sendv, 2);
  assert.is((session.sends()[1]?.flags ?? 0) & SendFlag.resume, SendFlag.resume);
  session.say({ op: Op.ack, through: 2 });
  assert.is(await sent, 'OK');
});

test('requests are answered to the program that asked', async () => {
  const machine = await Machine.start();
  const [first, second] = [await machine.program(), await machine.program()];
  const query = [{ to: { domain: PEER_DOMID, port: 1 }, spaceRequired: 10 }];
  const [state] = await first.notify(query);
  assert.is(state?.maxMessageSize, 4064);
  assert.is((await second.notify(query)).length, 1);
  assert.is(await codeOf(second.sendv({ to: { domain: 'unknown', port: 1 }, iov: Uint8Array.of(1) })), 'EACCES');
});

test('the end of a peer is told to the programs that have sent to it, all else to every program', async () => {
  const machine = await Machine.start();
  const [sender, bystander] = [await machine.program(), await machine.program()];
  const events: string[] = [];
  for (const [name, vm] of [
    ['sender', sender],
    ['bystander', bystander],
  ] as const) {
    vm.on('peer-gone', ({ messages }) => events.push(`${name}: ${messages} messages`));
    vm.on('revision', ({ revision }) => events.push(`${name}: revision ${revision}`));
  }
  const sent = sender.sendv({ to: { domain: PEER_DOMID, port: 1 }, iov: Uint8Array.of(1) });
  const { session } = machine.broker;
  await session.until(Op.sendv);
  session.say({ op: Op.ack, through: 1 });
  await sent;
  session.say({ op: Op.peerGone, domid: PEER_DOMID, port: 1, messages: 1, bytes: 32 });
  session.say({ op: Op.revision, revision: 4 });
  await settle();
  assert.equal(events.sort(), ['bystander: revision 4', 'sender: 1 messages', 'sender: revision 4']);
});

test('the end of a session is told to the programs with a ring for this domain alone', async () => {
  const machine = await Machine.start();
  const [expecting, bystander] = [await machine.program(), await machine.program()];
  const ring = await expecting.registerRing({ ...RING, partner: PEER_NAME, endsWithPartner: true });
  await bystander.registerRing({ ...RING, port: 6 });
  const events: string[] = [];
  expecting.on('peer-gone', ({ port }) => events.push(`expecting: ${port}`));
  bystander.on('peer-gone', ({ port }) => events.push(`bystander: ${port}`));
  const { session } = machine.broker;
  session.say({ op: Op.peerGone, domid: PEER_DOMID, port: 7, messages: 0, bytes: 0 });
  session.say({ op: Op.peerGone, domid: PEER_DOMID, port: PORT_ALL, messages: 0, bytes: 0 });
  assert.is(await ring.receive(), undefined);
  assert.equal(events, ['expecting: null']);
});

test('a ring that the broker closes ends for its program', async () => {
  const machine = await Machine.start();
  const vm = await machine.program();
  const ring = await vm.registerRing(RING);
  machine.broker.session.say({ op: Op.ringClosed, ring: 105, status: Status.EACCES });
  assert.is(await codeOf(ring.receive()), 'EACCES');
});

test('the rings of a program that ends are given up, and deliveries that cross that are dropped', async () => {
  const machine = await Machine.start();
  const errors: string[] = [];
  machine.agent.on('error', ({ code }) => errors.push(code));
  const vm = await machine.program();
  await vm.registerRing(RING);
  await vm.close();
  machine.broker.session.deliver(105, Uint8Array.of(1));
  await machine.broker.session.until(Op.unregisterRing);
  await settle();
  assert.equal(errors, []);
  assert.is(machine.programs.count, 0);
  const next = await machine.program();
  assert.ok((await next.registerRing(RING)).isOpen);
});

test('when the agent loses its session its programs come back with theirs, and know what is uncertain', async () => {
  const machine = await Machine.start();
  const vm = await machine.program();
  const ring = await vm.registerRing(RING);
  machine.broker.session.say({ op: Op.introduce, domid: PEER_DOMID, name: PEER_NAME, labels: [] });
  machine.broker.session.deliver(105, new Uint8Array(16));
  await settle();
  assert.is(ring.pending, 1);
  const lost = vm.sendv({ to: { domain: PEER_DOMID, port: 1 }, iov: Uint8Array.of(1) });
  await machine.broker.session.until(Op.sendv);
  const back = new Promise<void>((resolve) => vm.on('reconnected', () => resolve()));
  machine.broker.session.end.cut();
  assert.equal(await lost.then(null, ({ code, outcome }: ArgusError) => [code, outcome]), ['ECONNRESET', 'unknown']);
  machine.broker.clock.advance(100); // both dial; the program's call waits for the agent's session
  await machine.broker.untilSessions(2);
  await back;
  const registered = machine.broker.session.frames.find((frame) => frame.op === Op.registerRing);
  assert.is(
    registered?.op === Op.registerRing && registered.unread,
    32,
    'the unread message stays charged to the ring',
  );
});

const FAULTS: readonly [string, readonly Uint8Array[]][] = [
  ['a send id that is not the next one', [sendFrame(2)]],
  ['a length that no frame has', [new Uint8Array(12)]],
  ['a frame that no domain sends', [Uint8Array.of(12, 0, 0, 0, 250, 0, 0, 0, 0, 0, 0, 0)]],
  ['a proof of keys', [encodeDomainFrame({ op: Op.ready, commitment: new Uint8Array(32) })]],
];
for (const [what, frames] of FAULTS) {
  test(`${what} ends the program's own session, and nothing reaches the broker`, async () => {
    const machine = await Machine.start();
    const other = await machine.program();
    const { pipe, session } = machine.bare();
    for (const frame of frames) session.push(frame);
    assert.ok(pipe.isDestroyed);
    await settle();
    assert.equal(
      machine.broker.session.frames.filter(({ op }) => op !== Op.ready),
      [],
    );
    assert.is(other.state, 'connected');
  });
}

for (const [what, bytes] of [
  ['more than was delivered', 48],
  ['a part of a message', 16],
] as const) {
  test(`credit for ${what} ends the program and not the session`, async () => {
    const machine = await Machine.start();
    const { pipe, session } = machine.bare();
    const ring = { op: Op.registerRing, id: 1, port: 5, partner: 1, pad: 0, length: 64, flags: 0, unread: 0 } as const;
    session.push(encodeDomainFrame(ring));
    await machine.broker.session.until(Op.registerRing);
    machine.broker.session.deliver(105, new Uint8Array(16));
    await settle();
    session.push(encodeDomainFrame({ op: Op.credit, ring: 105, bytes }));
    assert.ok(pipe.isDestroyed);
    await settle();
    assert.equal(
      machine.broker.session.frames.filter(({ op }) => op === Op.credit),
      [],
    );
    assert.is(machine.agent.state, 'connected');
  });
}

test('a source port of another program is EPERM before the broker is asked', async () => {
  const machine = await Machine.start();
  const [owner, stranger] = [await machine.program(), await machine.program()];
  await owner.registerRing(RING);
  const request = { to: { domain: PEER_DOMID, port: 1 }, from: RING.port, iov: Uint8Array.of(1) };
  assert.is(await codeOf(stranger.sendv(request)), 'EPERM');
  assert.equal(machine.broker.session.sends(), []);
});

test('a program has its share of rings and of ring bytes', async () => {
  const machine = await Machine.start();
  const vm = await machine.program();
  for (let port = 1; port <= 32; port++) await vm.registerRing({ ...RING, port, length: 64 });
  assert.is(await codeOf(vm.registerRing({ ...RING, port: 33, length: 64 })), 'ENOSPC');
  const greedy = await machine.program();
  await greedy.registerRing({ ...RING, port: 100, length: 16_777_152 });
  await greedy.registerRing({ ...RING, port: 102, length: 16_777_152 });
  assert.is(await codeOf(greedy.registerRing({ ...RING, port: 103, length: 1024 })), 'ENOMEM');
});

test('a program with a full window is not read from until outcomes come', async () => {
  const machine = await Machine.start();
  const { pipe, session } = machine.bare();
  for (let id = 1; id <= 1100; id++) session.push(sendFrame(id));
  assert.ok(pipe.isPaused);
  await machine.broker.session.until(Op.sendv, 1024);
  assert.is(machine.broker.session.sends().length, 1024);
  machine.broker.session.say({ op: Op.ack, through: 1024 });
  await machine.broker.session.until(Op.sendv, 1100);
  assert.not(pipe.isPaused);
});

test.run();
