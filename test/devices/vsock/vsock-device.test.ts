/** The vsock device alone: credit, limits and time, between a driver in memory and a broker that the test plays. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SplitQueue } from '../../../clients/devices/virtqueue/index.ts';
import {
  type Exchange,
  Operation,
  type Packet,
  type PeerMessage,
  SocketType,
  VsockDevice,
} from '../../../clients/devices/vsock/index.ts';
import { FakeClock } from '../../support/clock.ts';
import { fuzzUntil } from '../../support/seed.ts';
import { DriverQueue, FlatMemory } from '../guest/driver-queue.ts';
import { summary, VsockGuest, WINDOW_BYTES } from '../guest/vsock-guest.ts';

const vsock = suite('vsock device');
const CID = 5;
const PEER = 9;
const FUZZ_SHARE_SECONDS = Number(process.env.FUZZ_SECONDS ?? 2) / 2;

interface Sent extends PeerMessage {
  readonly peer: number;
  readonly servicePort: number;
  readonly text: string;
  readonly refuse: (code: string) => void;
}

class TestExchange implements Exchange {
  readonly cid = CID;
  underWayBytes = 0;
  sent: Sent[] = [];
  isRefusingRings = false;
  readonly rings = new Set<string>();

  send(
    peer: number,
    servicePort: number,
    message: PeerMessage,
    payload: Uint8Array,
    refuse: (code: string) => void,
  ): void {
    this.sent.push({ ...message, peer, servicePort, text: Buffer.from(payload).toString(), refuse });
  }

  expectAnswers(servicePort: number, peer: number): Promise<boolean> {
    if (!this.isRefusingRings) this.rings.add(`${peer}:${servicePort}`);
    return Promise.resolve(!this.isRefusingRings);
  }

  endAnswers(servicePort: number, peer: number): void {
    this.rings.delete(`${peer}:${servicePort}`);
  }

  take(): string[] {
    return this.sent.splice(0).map((each) => `${each.peer}:${each.servicePort} ${summary({ ...NOTHING, ...each })}`);
  }
}

const NOTHING: Packet = {
  sourceCid: 0,
  destinationCid: 0,
  sourcePort: 0,
  destinationPort: 0,
  type: SocketType.stream,
  operation: Operation.data,
  flags: 0,
  bufAlloc: 0,
  fwdCnt: 0,
};

interface Fixture {
  readonly clock: FakeClock;
  readonly exchange: TestExchange;
  readonly device: VsockDevice;
  readonly guest: VsockGuest;
  /** Runs the device until it has no more work. Returns the packets that the guest got since the last call. */
  readonly run: (options?: { readonly isTaking?: boolean }) => string[];
}

function makeFixture(options: { readonly buffers?: number; readonly bufferBytes?: number } = {}): Fixture {
  const memory = new FlatMemory(1 << 20);
  const receive = new DriverQueue(memory, memory.base, 64);
  const send = new DriverQueue(memory, memory.base + 8_192, 256);
  const place = { next: 0, hasEventIndex: false, hasIndirect: true, maxReadableBytes: 65_580 };
  const queues = [
    new SplitQueue(memory, receive.place, { ...place, size: 64 }),
    new SplitQueue(memory, send.place, { ...place, size: 256 }),
  ];
  const clock = new FakeClock();
  const exchange = new TestExchange();
  const device = new VsockDevice(exchange, clock);
  const awake = new Set<number>();
  device.attach({ queue: (index) => queues[index] ?? null, wake: (index) => awake.add(index) });
  const guest = new VsockGuest(
    CID,
    { memory, receive, send, free: memory.base + 16_384, kick: (index) => awake.add(index) },
    options,
  );
  const run = ({ isTaking = true } = {}): string[] => {
    const from = guest.heard.length;
    while (awake.size > 0) {
      for (const index of [...awake]) {
        awake.delete(index);
        const queue = queues[index];
        assert.ok(queue);
        if (device.service(index, queue, 64) >= 64) awake.add(index);
        queue.flush();
        assert.is(queue.fault, null);
      }
      if (isTaking) guest.take();
    }
    return guest.heard.slice(from).map(summary);
  };
  return { clock, exchange, device, guest, run };
}

/** A message from the peer. `ports` are in the peer's order. */
function fromPeer(
  operation: Operation,
  ports: readonly [own: number, other: number],
  more: Partial<PeerMessage> = {},
): PeerMessage {
  return {
    operation,
    type: SocketType.stream,
    sourcePort: ports[0],
    destinationPort: ports[1],
    flags: 0,
    bufAlloc: WINDOW_BYTES,
    fwdCnt: 0,
    ...more,
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The guest has connected to port 22 of the peer. */
async function connected(
  { exchange, device, guest, run }: Fixture,
  port = 1_000,
  window = WINDOW_BYTES,
): Promise<void> {
  guest.send(guest.packet(Operation.request, PEER, [port, 22]));
  run();
  await turn();
  assert.equal(exchange.take(), ['9:22 request']);
  device.received(PEER, 22, fromPeer(Operation.response, [22, port], { bufAlloc: window }), Buffer.alloc(0));
  assert.equal(run(), ['response']);
}

/** The peer has connected to port 22 of the guest. */
function accepted({ exchange, device, guest, run }: Fixture, port = 1_000): void {
  device.received(PEER, 22, fromPeer(Operation.request, [port, 22]), Buffer.alloc(0));
  assert.equal(run(), ['request']);
  guest.send(guest.packet(Operation.response, PEER, [22, port]));
  run();
  assert.equal(exchange.take(), ['9:22 response']);
}

vsock('a connection of the guest carries data both ways and ends with its ring', async () => {
  const fixture = makeFixture();
  const { exchange, device, guest, run } = fixture;
  await connected(fixture);
  assert.equal([...exchange.rings], ['9:22']);
  guest.send(guest.packet(Operation.data, PEER, [1_000, 22]), 'hello');
  run();
  assert.equal(exchange.take(), ['9:22 data hello']);
  device.received(PEER, 22, fromPeer(Operation.data, [22, 1_000]), Buffer.from('answer'));
  assert.equal(run(), ['data answer']);
  guest.send(guest.packet(Operation.reset, PEER, [1_000, 22]));
  run();
  assert.equal(exchange.take(), ['9:22 reset']);
  assert.is(device.connections, 0);
  assert.equal([...exchange.rings], []);
  assert.equal(device.counts.sentBytes, 5);
});

vsock('a packet with the CID of another guest goes nowhere and is counted', () => {
  const { exchange, guest, device, run } = makeFixture();
  guest.send(guest.packet(Operation.request, PEER, [1_000, 22], { sourceCid: 7 }));
  assert.equal(run(), []);
  assert.equal(exchange.take(), []);
  assert.is(device.counts.forged, 1);
});

vsock(
  'refused, unknown, own and reserved CIDs and ports look the same, at the same time after the request',
  async () => {
    const ways: readonly [way: string, peer: number, port: number, prepare: (fixture: Fixture) => void][] = [
      ['denied', PEER, 22, () => {}],
      ['ring refused', PEER, 22, ({ exchange }) => (exchange.isRefusingRings = true)],
      ['the host', 2, 22, () => {}],
      ['itself', CID, 22, () => {}],
      ['beyond domids', 0x1_0000, 22, () => {}],
      ['beyond service ports', PEER, 100_000_000, () => {}],
    ];
    for (const [way, peer, port, prepare] of ways) {
      const fixture = makeFixture();
      prepare(fixture);
      fixture.guest.send(fixture.guest.packet(Operation.request, peer, [1_000, port]));
      fixture.run();
      await turn();
      for (const sent of fixture.exchange.sent.splice(0)) sent.refuse('EACCES');
      assert.equal(fixture.run(), [], `${way}: not yet`);
      fixture.clock.advance(24);
      assert.equal(fixture.run(), [], `${way}: not yet`);
      fixture.clock.advance(1);
      assert.equal(fixture.run(), ['reset'], way);
      const [reset] = fixture.guest.heard;
      assert.equal([reset?.sourceCid, reset?.sourcePort, reset?.destinationPort], [peer, port, 1_000], way);
      assert.is(fixture.device.connections, 0, way);
    }
  },
);

vsock('a send that the broker refuses ends the connection on both sides', async () => {
  const fixture = makeFixture();
  await connected(fixture);
  fixture.guest.send(fixture.guest.packet(Operation.data, PEER, [1_000, 22]), 'secret');
  fixture.run();
  fixture.exchange.sent[0]?.refuse('EACCES');
  assert.equal(fixture.exchange.take(), ['9:22 data secret', '9:22 reset']);
  assert.equal(fixture.run(), ['reset']);
  assert.is(fixture.device.connections, 0);
});

vsock('a guest that sends more than its credit loses the connection, and none of it is passed on', async () => {
  const fixture = makeFixture();
  await connected(fixture, 1_000, 10);
  const { guest, exchange, run, device } = fixture;
  guest.send(guest.packet(Operation.data, PEER, [1_000, 22]), '1234567890');
  run();
  assert.equal(exchange.take(), ['9:22 data 1234567890']);
  device.received(
    PEER,
    22,
    fromPeer(Operation.creditUpdate, [22, 1_000], { bufAlloc: 10, fwdCnt: 4 }),
    Buffer.alloc(0),
  );
  guest.send(guest.packet(Operation.data, PEER, [1_000, 22]), '1234');
  run();
  assert.equal(exchange.take(), ['9:22 data 1234'], 'what was consumed may be sent again');
  guest.send(guest.packet(Operation.data, PEER, [1_000, 22]), '5');
  assert.equal(run(), ['reset']);
  assert.equal(exchange.take(), ['9:22 reset']);
  assert.is(device.counts.overruns, 1);
});

vsock('a peer that sends more than the credit of the guest loses the connection', async () => {
  const fixture = makeFixture({ buffers: 1 });
  await connected(fixture);
  const block = Buffer.alloc(65_536, 'x');
  for (let count = 0; count < 4; count++)
    fixture.device.received(PEER, 22, fromPeer(Operation.data, [22, 1_000]), block);
  fixture.device.received(PEER, 22, fromPeer(Operation.data, [22, 1_000]), Buffer.from('y'));
  assert.equal(fixture.exchange.take(), ['9:22 reset']);
  const heard = fixture.run();
  assert.is(heard.at(-1), 'reset', 'what had credit is delivered first');
  assert.is(fixture.device.counts.deliveredBytes, WINDOW_BYTES);
});

vsock('a large packet is split to the buffers of the guest; only the last piece of a message ends it', async () => {
  const fixture = makeFixture({ bufferBytes: 44 + 100 });
  const { device, guest, run } = fixture;
  guest.send(guest.packet(Operation.request, PEER, [1_000, 22], { type: SocketType.seqpacket }));
  run();
  await turn();
  const type = SocketType.seqpacket;
  device.received(PEER, 22, fromPeer(Operation.response, [22, 1_000], { type }), Buffer.alloc(0));
  device.received(PEER, 22, fromPeer(Operation.data, [22, 1_000], { type, flags: 1 }), Buffer.alloc(250, 'x'));
  run();
  const pieces = guest.heard.filter(({ operation }) => operation === Operation.data);
  assert.equal(
    pieces.map(({ text, flags }) => [text.length, flags]),
    [
      [100, 0],
      [100, 0],
      [50, 1],
    ],
  );
});

vsock('while the broker is behind, the packets of the guest stay in its own memory', async () => {
  const fixture = makeFixture();
  await connected(fixture);
  const { exchange, guest, run, device } = fixture;
  exchange.underWayBytes = 1_048_576;
  guest.send(guest.packet(Operation.data, PEER, [1_000, 22]), 'later');
  run();
  assert.equal(exchange.take(), []);
  exchange.underWayBytes = 0;
  device.settled();
  run();
  assert.equal(exchange.take(), ['9:22 data later']);
});

vsock('a guest that does not take its resets is not read any more, and after it takes them it is', () => {
  const fixture = makeFixture({ buffers: 4 });
  const { guest, run, device } = fixture;
  for (let count = 0; count < 300; count++) {
    guest.send(guest.packet(Operation.data, PEER, [2_000, 22]), 'x');
    run({ isTaking: false });
  }
  const { sent } = device.counts;
  assert.is(sent, 0);
  let resets = 0;
  for (let round = 0; round < 400; round++) {
    guest.take();
    resets += run().length;
  }
  guest.take();
  assert.is(guest.heard.length, 300);
  assert.ok(resets > 0);
});

vsock('a peer may have 64 connections, and the 65th is reset without asking the guest', () => {
  const fixture = makeFixture();
  for (let port = 1; port <= 64; port++) accepted(fixture, port);
  fixture.device.received(PEER, 22, fromPeer(Operation.request, [65, 22]), Buffer.alloc(0));
  assert.equal(fixture.run(), []);
  assert.equal(fixture.exchange.take(), ['9:22 reset']);
  assert.is(fixture.device.connections, 64);
});

vsock('a connection cannot be reached over the ring of another service', async () => {
  const fixture = makeFixture();
  await connected(fixture);
  fixture.device.received(PEER, 23, fromPeer(Operation.data, [22, 1_000]), Buffer.from('smuggled'));
  fixture.device.received(PEER, 23, fromPeer(Operation.request, [1_001, 22]), Buffer.alloc(0));
  assert.equal(fixture.run(), []);
  assert.equal(fixture.exchange.take(), ['9:23 reset', '9:23 reset']);
});

vsock('what is out of turn ends the connection: a second request, data before the answer', async () => {
  for (const operation of [Operation.request, Operation.response]) {
    const fixture = makeFixture();
    await connected(fixture);
    fixture.guest.send(fixture.guest.packet(operation, PEER, [1_000, 22]));
    assert.equal(fixture.run(), ['reset']);
  }
  const fixture = makeFixture();
  fixture.device.received(PEER, 22, fromPeer(Operation.request, [1_000, 22]), Buffer.alloc(0));
  fixture.device.received(PEER, 22, fromPeer(Operation.data, [1_000, 22]), Buffer.from('early'));
  assert.equal(fixture.run(), ['request', 'reset']);
  assert.equal(fixture.exchange.take(), ['9:22 reset']);
});

vsock('an idle connection is probed after 30 seconds, and ends 10 seconds later without an answer', async () => {
  const fixture = makeFixture();
  await connected(fixture);
  const { clock, exchange, device, run } = fixture;
  clock.advance(35_000);
  assert.equal(exchange.take(), ['9:22 creditRequest']);
  device.received(PEER, 22, fromPeer(Operation.creditUpdate, [22, 1_000]), Buffer.alloc(0));
  clock.advance(20_000);
  assert.equal(exchange.take(), [], 'it answered');
  clock.advance(15_000);
  assert.equal(exchange.take(), ['9:22 creditRequest']);
  run();
  clock.advance(15_000);
  assert.equal(exchange.take(), ['9:22 reset']);
  assert.equal(run(), ['reset']);
  assert.is(clock.pendingTimers, 0, 'no timer without a connection');
});

vsock('the device answers a probe itself, whatever its guest does', async () => {
  const fixture = makeFixture();
  await connected(fixture);
  fixture.device.received(PEER, 22, fromPeer(Operation.creditRequest, [22, 1_000]), Buffer.alloc(0));
  assert.equal(fixture.exchange.take(), ['9:22 creditUpdate']);
});

vsock('a request that is never answered ends after 10 seconds', async () => {
  const fixture = makeFixture();
  fixture.guest.send(fixture.guest.packet(Operation.request, PEER, [1_000, 22]));
  fixture.run();
  await turn();
  fixture.exchange.take();
  fixture.clock.advance(15_000);
  assert.equal(fixture.exchange.take(), ['9:22 reset']);
  assert.equal(fixture.run(), ['reset']);
});

vsock('a reset of the guest resets its peers, and a new policy asks for each open connection', async () => {
  const fixture = makeFixture();
  await connected(fixture);
  accepted(fixture, 2_000);
  fixture.device.policyChanged();
  assert.equal(fixture.exchange.take(), ['9:22 creditRequest', '9:22 creditRequest']);
  fixture.device.reset();
  assert.equal(fixture.exchange.take(), ['9:22 reset', '9:22 reset']);
  assert.is(fixture.device.connections, 0);
  assert.equal([...fixture.exchange.rings], []);
});

vsock('a lost peer, or a lost broker, resets the connections of the guest', async () => {
  for (const [peer, port] of [
    [PEER, null],
    [PEER, 22],
    [null, null],
  ] as const) {
    const fixture = makeFixture();
    await connected(fixture);
    fixture.device.lost(8, null);
    fixture.device.lost(PEER, 23);
    assert.equal(fixture.run(), []);
    fixture.device.lost(peer, port);
    assert.equal(fixture.run(), ['reset']);
  }
});

vsock('a stream arrives whole and in order, whatever the sizes and however slowly the guest takes it', async () => {
  await fuzzUntil(async (random) => {
    const fixture = makeFixture({ buffers: 1 + random.below(6), bufferBytes: 44 + 1 + random.below(5_000) });
    await connected(fixture);
    const { device, guest, run } = fixture;
    const expected: Buffer[] = [];
    for (let count = 0; count < 40; count++) {
      const bytes = Buffer.from(random.bytes(1 + random.below(random.oneIn(4) ? 4_000 : 30))).fill(97 + (count % 26));
      expected.push(bytes);
      device.received(PEER, 22, fromPeer(Operation.data, [22, 1_000]), bytes);
      if (random.oneIn(3)) run({ isTaking: random.oneIn(2) });
    }
    for (let round = 0; round < 300 && run().length > 0; round++);
    guest.take();
    run();
    const got = guest.heard.filter(({ operation }) => operation === Operation.data).map(({ text }) => text);
    assert.is(got.join(''), Buffer.concat(expected).toString());
  }, FUZZ_SHARE_SECONDS);
});

vsock('any packets of a guest and of a peer: no throw, and every table within its bounds', async () => {
  await fuzzUntil(async (random) => {
    const fixture = makeFixture();
    const { device, guest, exchange, clock, run } = fixture;
    for (let step = 0; step < 60; step++) {
      const operation = random.pick(Object.values(Operation));
      const ports = [random.below(4), random.pick([22, 23])] as const;
      const type = random.pick(Object.values(SocketType));
      const more = {
        type,
        flags: random.below(4),
        bufAlloc: random.pick([0, 10, WINDOW_BYTES, 0xffff_ffff]),
        fwdCnt: random.pick([0, 5, 0xffff_fff0]),
      };
      const text = 'x'.repeat(operation === Operation.data ? random.below(300) : 0);
      switch (random.below(6)) {
        case 0:
        case 1:
          guest.send(guest.packet(operation, random.pick([PEER, 8, 2, CID]), ports, more), text);
          break;
        case 2:
          guest.sendBytes(random.bytes(random.below(80)));
          break;
        case 3:
          exchange.sent.splice(random.below(3), 1)[0]?.refuse('EACCES');
          break;
        case 4:
          clock.advance(random.pick([1, 1_000, 30_000]));
          break;
        default: {
          const [own, other] = random.oneIn(2) ? ports : ([ports[1], ports[0]] as const);
          device.received(
            random.pick([PEER, 8]),
            random.pick([22, 23]),
            fromPeer(operation, [own, other], more),
            Buffer.from(text),
          );
        }
      }
      if (random.oneIn(2)) run({ isTaking: random.oneIn(2) });
      await Promise.resolve();
      assert.ok(device.connections <= 256);
    }
    run();
    device.close();
    assert.is(device.connections, 0);
  }, FUZZ_SHARE_SECONDS);
});

vsock.run();
