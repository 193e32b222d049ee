/** The network card of a stock guest: frames both ways, what the guest leaves to it, and what a hostile guest tries. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { framesOf, Link, NET_HEADER_BYTES } from '../../clients/agents/network/index.ts';
import { OFFLOAD_VERSION } from '../../clients/agents/network/link/offload.ts';
import { MAX_NET_BUFFERS, NET_WAITING_BYTES, NetDevice } from '../../clients/devices/net/index.ts';
import { SplitQueue } from '../../clients/devices/virtqueue/index.ts';
import { piecesOf, segment4, segment6 } from '../agents/network/link/segments.ts';
import { ip6, ipv4Packet, u16 } from '../agents/network/packets.ts';
import { SessionDouble } from '../agents/network/session-double.ts';
import { fuzzUntil } from '../support/seed.ts';
import { type BufferPlace, DriverQueue, FlatMemory } from './guest/driver-queue.ts';

const net = suite('network card of a stock guest');

const MERGEABLE = 1n << 15n;
const MAX_FRAME = 9_014;
const RECEIVE = 0;
const SEND = 1;

interface Card {
  readonly device: NetDevice;
  readonly sent: Buffer[];
  /** The guest sends header and frame as one chain. */
  readonly send: (header: readonly number[], frame: Uint8Array, pair?: number) => void;
  /** The guest offers buffers for frames. */
  readonly offer: (...lengths: number[]) => BufferPlace[];
  readonly offerAt: (pair: number, ...lengths: number[]) => BufferPlace[];
  /** The buffers that came back, each with what was written. */
  readonly received: (pair?: number) => string[];
  readonly run: (budget?: number) => number;
  readonly queues: readonly SplitQueue[];
  readonly wakes: number[];
  /** What the guest handed over, where the card has `sendPacket`. */
  readonly packets: Buffer[];
  isRunning: boolean;
  /** The guest uses so many pairs. */
  pairs: number;
}

const HEADER = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

function card({ features = MERGEABLE, size = 64, hasPackets = false, queuePairs = 1 } = {}): Card {
  const memory = new FlatMemory(1 << 21);
  const sent: Buffer[] = [];
  const packets: Buffer[] = [];
  const device = new NetDevice({
    send: (frame) => sent.push(Buffer.from(frame)),
    maxFrameBytes: MAX_FRAME,
    queuePairs,
    ...(hasPackets && { sendPacket: (packet: Buffer) => packets.push(Buffer.from(packet)) }),
  });
  const drivers: DriverQueue[] = [];
  const queues: SplitQueue[] = [];
  let free = memory.base;
  for (let index = 0; index < 2 * queuePairs; index++) {
    const driver = new DriverQueue(memory, free, size);
    free = Math.ceil(driver.end / 4_096) * 4_096;
    drivers[index] = driver;
    queues[index] = new SplitQueue(memory, driver.place, {
      size,
      next: 0,
      hasEventIndex: false,
      hasIndirect: false,
      maxReadableBytes: device.maxReadableBytes,
    });
  }
  const wakes: number[] = [];
  const offered = Array.from({ length: queuePairs }, () => new Map<number, BufferPlace>());
  const offerAt = (pair: number, ...lengths: number[]): BufferPlace[] =>
    lengths.map((length) => {
      const place = { address: free, length, isWritable: true };
      free += Math.ceil(length / 16) * 16;
      offered[pair]?.set(drivers[2 * pair + RECEIVE]?.add([place]) ?? -1, place);
      return place;
    });
  const made: Card = {
    device,
    sent,
    queues,
    wakes,
    packets,
    isRunning: true,
    pairs: queuePairs,
    send: (header, frame, pair = 0) => {
      const bytes = Buffer.concat([Buffer.from(header), frame]);
      const place = { address: free, length: bytes.length, isWritable: false };
      free += Math.ceil(bytes.length / 16) * 16;
      memory.write(place.address, bytes);
      drivers[2 * pair + SEND]?.add([place]);
    },
    offer: (...lengths) => offerAt(0, ...lengths),
    offerAt,
    received: (pair = 0) =>
      (drivers[2 * pair + RECEIVE]?.take() ?? []).map(({ head, length }) => {
        const bytes = Buffer.alloc(length);
        memory.read(offered[pair]?.get(head)?.address ?? 0, bytes);
        return bytes.toString('latin1');
      }),
    run: (budget = 64) => {
      let done = 0;
      for (const [index, queue] of queues.entries()) {
        done += device.service(index, queue, budget);
        queue.flush();
      }
      return done;
    },
  };
  device.attach(
    {
      queue: (index) => (made.isRunning && index < 2 * made.pairs ? (queues[index] ?? null) : null),
      wake: (index) => wakes.push(index),
    },
    () => features,
  );
  return made;
}

const ETHERNET = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 1, 1, 8, 0];
const frameOf = (...payload: number[]): Buffer => Buffer.from([...ETHERNET, ...payload]);
const text = (packet: string): string => packet.slice(NET_HEADER_BYTES);

net('a frame of the guest goes to the link as it is, and one of the link to the guest behind a header', () => {
  const made = card();
  made.send(HEADER, frameOf(1, 2, 3));
  made.offer(2_000);
  made.device.write(Buffer.from('a frame for the guest'));
  made.run();
  assert.equal(made.sent, [frameOf(1, 2, 3)]);
  const [packet = ''] = made.received();
  assert.is(text(packet), 'a frame for the guest');
  assert.is(packet.charCodeAt(10), 1, 'one buffer');
});

net('a frame is spread over as many buffers as it needs, if the guest can put it together', () => {
  const made = card();
  made.offer(16, 16, 16);
  made.device.write(Buffer.from('x'.repeat(30)));
  made.run();
  const packets = made.received();
  assert.equal(
    packets.map(({ length }) => length),
    [16, 16, 10],
  );
  assert.is(text(packets.join('')), 'x'.repeat(30));
  assert.is(packets[0]?.charCodeAt(10), 3, 'the header says how many');
});

net('a frame that lacks buffers waits for them, and the buffers that were there are used first', () => {
  const made = card();
  made.offer(16);
  made.device.write(Buffer.from('x'.repeat(30)));
  made.run();
  assert.equal(made.received(), []);
  assert.is(made.queues[RECEIVE]?.isDrained, true, 'so the guest is asked to kick');
  assert.is(made.queues[RECEIVE]?.rearm(), false, 'and the buffer that is there already is no news');
  made.offer(16, 16);
  assert.is(made.queues[RECEIVE]?.rearm(), true);
  made.run();
  assert.is(text(made.received().join('')), 'x'.repeat(30));
  assert.is(made.device.dropped, 0);
});

net('a guest that offers buffers to a card with nothing to say does not keep it busy', () => {
  const made = card();
  made.device.write(Buffer.from('one'));
  made.run();
  const queue = made.queues[RECEIVE];
  assert.is(queue?.isDrained, true);
  made.device.reset();
  made.offer(100);
  assert.is(queue?.rearm(), true);
  made.run();
  assert.is(queue?.isDrained, false, 'the card is not called again before there is a frame');
});

net('a guest that cannot put frames together loses those that are longer than its buffers, counted', () => {
  const made = card({ features: 0n });
  made.offer(20, 100);
  made.device.write(Buffer.from('x'.repeat(30)));
  made.device.write(Buffer.from('short'));
  made.run();
  assert.equal(made.received().map(text), ['short']);
  assert.is(made.device.counts.tooLong, 1);
});

net('a frame is spread over no more buffers than the limit, however small they are', () => {
  const made = card({ size: 128 });
  made.offer(...new Array<number>(MAX_NET_BUFFERS + 1).fill(1));
  made.device.write(Buffer.from('x'.repeat(MAX_NET_BUFFERS)));
  made.run();
  assert.is(made.device.counts.tooLong, 1);
});

net('past its memory for waiting frames the card slows the link, and wakes it when the guest takes them', async () => {
  const made = card();
  for (let bytes = 0; made.device.isReady; bytes += 9_000) {
    assert.ok(bytes <= NET_WAITING_BYTES);
    made.device.write(Buffer.alloc(9_000));
  }
  let isWoken = false;
  const woken = made.device.ready().then(() => {
    isWoken = true;
  });
  made.run();
  await Promise.resolve();
  assert.is(isWoken, false, 'no buffer yet');
  made.offer(9_100, 9_100);
  made.run();
  await woken;
});

net('a paused card leaves the frames in the guest, and takes them up again', () => {
  const made = card();
  made.device.pause();
  made.send(HEADER, frameOf(1));
  assert.is(made.run(), 0);
  assert.equal(made.sent, []);
  made.device.resume();
  assert.equal(made.wakes, [SEND]);
  made.run();
  assert.is(made.sent.length, 1);
});

net('frames for a guest without a running card are counted, and so are those that wait when it stops', () => {
  const made = card();
  made.device.write(Buffer.from('waits'));
  made.device.reset();
  made.isRunning = false;
  made.device.write(Buffer.from('too late'));
  assert.is(made.device.counts.nothingAttached, 2);
  made.isRunning = true;
  made.offer(100);
  made.run();
  assert.equal(made.received(), [], 'nothing of before the reset');
});

net('one wake-up processes no more than its budget, in both directions', () => {
  const made = card();
  for (let count = 0; count < 10; count++) made.send(HEADER, frameOf(count));
  made.offer(...new Array<number>(10).fill(100));
  for (let count = 0; count < 10; count++) made.device.write(Buffer.from('x'));
  assert.is(made.run(4), 8);
  assert.is(made.sent.length, 4);
});

// Several pairs of queues

const MULTIQUEUE = 1n << 22n;
const CONTROL_QUEUE = 1n << 17n;
const UDP = 17;

function udp4(from: string, ports: readonly [number, number], fragment = 0): Buffer {
  const payload = [...u16(ports[0]), ...u16(ports[1])];
  return frameOf(...ipv4Packet({ from, to: '10.137.0.3', protocol: UDP, fragment, payload }));
}

/** The frame that answers: addresses and ports are exchanged. */
function answerTo(frame: Buffer): Buffer {
  const answer = Buffer.from(frame);
  frame.copy(answer, 26, 30, 34);
  frame.copy(answer, 30, 26, 30);
  frame.copy(answer, 34, 36, 38);
  frame.copy(answer, 36, 34, 36);
  return answer;
}

const several = (pairs: number): Card => card({ features: MERGEABLE | MULTIQUEUE, queuePairs: pairs, size: 128 });

net(
  'a card with one pair of queues says nothing of more, and one with several needs the control queue of the VMM',
  () => {
    assert.equal([card().device.queueCount, card().device.features & (MULTIQUEUE | CONTROL_QUEUE)], [2, 0n]);
    const { device } = several(4);
    assert.equal([device.queueCount, device.queuePairs], [8, 4]);
    assert.is(device.features & (MULTIQUEUE | CONTROL_QUEUE), MULTIQUEUE | CONTROL_QUEUE);
  },
);

net(
  'frames of all pairs go to the link, and an answer takes the pair from which the guest last spoke on its flow',
  () => {
    const made = several(4);
    const frames = [3, 1, 2, 0].map((pair) => [pair, udp4('10.137.1.1', [1_000 + 77 * pair, 53])] as const);
    for (const [pair, frame] of frames) {
      made.send(HEADER, frame, pair);
      made.offerAt(pair, 2_000, 2_000);
    }
    made.run();
    assert.is(made.sent.length, 4);
    for (const [, frame] of frames) made.device.write(answerTo(frame));
    made.run();
    for (const [pair, frame] of frames)
      assert.equal(made.received(pair).map(text), [answerTo(frame).toString('latin1')]);
    const [, moved = Buffer.alloc(0)] = frames[0] ?? [];
    made.send(HEADER, moved, 1);
    made.run();
    made.device.write(answerTo(moved));
    made.run();
    assert.equal(made.received(1).map(text), [answerTo(moved).toString('latin1')], 'the flow has moved');
  },
);

net('flows on which the guest has not spoken are spread over its pairs, each flow over one', () => {
  const made = several(4);
  for (let pair = 0; pair < 4; pair++) made.offerAt(pair, ...new Array<number>(100).fill(100));
  const pairsOf = new Map<number, Set<number>>();
  for (let port = 0; port < 40; port++)
    for (let again = 0; again < 2; again++) made.device.write(udp4('10.137.0.9', [2_000 + port, 53]));
  made.run(256);
  const counts = [0, 1, 2, 3].map((pair) => {
    const frames = made.received(pair);
    for (const frame of frames) {
      const port = Buffer.from(text(frame), 'latin1').readUInt16BE(34);
      pairsOf.set(port, (pairsOf.get(port) ?? new Set()).add(pair));
    }
    return frames.length;
  });
  assert.is(
    counts.reduce((sum, count) => sum + count),
    80,
  );
  assert.ok(
    counts.every((count) => count > 0),
    `${counts}`,
  );
  assert.ok([...pairsOf.values()].every(({ size }) => size === 1));
});

net('all fragments of a packet take one pair', () => {
  const made = several(4);
  for (let pair = 0; pair < 4; pair++) made.offerAt(pair, 100, 100, 100);
  made.device.write(udp4('10.137.0.9', [7, 9], 0x2000));
  made.device.write(udp4('10.137.0.9', [11, 13], 0x2001));
  made.device.write(udp4('10.137.0.9', [17, 19], 1));
  made.run();
  assert.equal([0, 1, 2, 3].map((pair) => made.received(pair).length).sort(), [0, 0, 0, 3]);
});

net('frames that waited for a pair that the guest gave up take the first, and none is sent to it again', () => {
  const made = several(2);
  const frame = udp4('10.137.1.1', [1_000, 53]);
  made.send(HEADER, frame, 1);
  made.run();
  made.device.write(answerTo(frame));
  made.pairs = 1;
  made.device.queueStopped(2);
  made.device.write(answerTo(frame));
  made.offer(2_000, 2_000);
  made.run();
  assert.is(made.received().length, 2);
});

net('frames wait on for a pair whose queue for sending stops: it still receives', () => {
  for (const pair of [0, 1]) {
    const made = several(2);
    const frame = udp4('10.137.1.1', [1_000, 53]);
    made.send(HEADER, frame, pair);
    made.run();
    made.device.write(answerTo(frame));
    made.wakes.length = 0;
    made.device.queueStopped(2 * pair + SEND);
    assert.equal(made.wakes, []);
    for (const each of [0, 1]) made.offerAt(each, 2_000);
    made.run();
    assert.equal([made.received(0).length, made.received(1).length], pair === 0 ? [1, 0] : [0, 1]);
  }
});

net('a guest that asked for no more pairs gets every frame at the first', () => {
  const made = card({ features: MERGEABLE, queuePairs: 4 });
  made.offer(...new Array<number>(20).fill(100));
  for (let port = 0; port < 20; port++) made.device.write(udp4('10.137.0.9', [port, 53]));
  made.run();
  assert.is(made.received().length, 20);
});

net('a reset forgets the flows, and what waits at any pair is counted', () => {
  const made = several(2);
  const frame = udp4('10.137.1.1', [1_000, 53]);
  made.send(HEADER, frame, 1);
  made.run();
  made.device.write(answerTo(frame));
  made.device.reset();
  assert.is(made.device.counts.nothingAttached, 1);
  assert.ok(made.device.isReady);
});

// Segments, which travel as they are

const GUEST_CHECKSUM = 1n << 1n;
const GUEST_TCP4 = 1n << 7n;
const GUEST_TCP6 = 1n << 8n;
const PIECE_BYTES = 1_448;
const WORK = OFFLOAD_VERSION | 0x1_0000 | PIECE_BYTES;

for (const [label, frame, kind, feature] of [
  ['IPv4', segment4(), 1, GUEST_TCP4],
  ['IPv6', segment6(), 4, GUEST_TCP6],
] as const) {
  net(`a guest that takes segments of ${label} gets one whole, behind the header that was derived from it`, () => {
    const made = card({ features: MERGEABLE | GUEST_CHECKSUM | feature });
    made.offer(2_000, 2_000);
    assert.is(made.device.segments.writeSegment(frame, WORK), true);
    made.run();
    const packet = Buffer.from(made.received().join(''), 'latin1');
    assert.equal(packet.subarray(NET_HEADER_BYTES), frame);
    const start = label === 'IPv4' ? 34 : 54;
    const header = Buffer.alloc(NET_HEADER_BYTES);
    header.set([1, kind, start + 32, 0, PIECE_BYTES & 255, PIECE_BYTES >> 8, start, 0, 16, 0, 2]);
    assert.equal(packet.subarray(0, NET_HEADER_BYTES), header);
  });

  net(`a guest that takes no segments of ${label} gets the pieces, with their checksums`, () => {
    const other = feature === GUEST_TCP4 ? GUEST_TCP6 : GUEST_TCP4;
    for (const features of [MERGEABLE, MERGEABLE | GUEST_CHECKSUM | other]) {
      const made = card({ features });
      made.offer(2_000, 2_000, 2_000);
      made.device.segments.writeSegment(frame, WORK);
      made.run();
      const frames = made.received().map((each) => Buffer.from(text(each), 'latin1'));
      assert.equal(
        frames.map(({ length }) => length),
        piecesOf(frame, PIECE_BYTES)?.map(({ length }) => length),
      );
      assert.ok(frames.every(isTcpRight));
    }
  });
}

net('a guest that cannot finish checksums gets a frame with its own', () => {
  const frame = segment4({ bytes: 100 });
  frame.writeUInt16BE(onesSum([...frame.subarray(26, 34), 0, 6, ...u16(frame.length - 34)]), 34 + 16);
  for (const [features, flags] of [
    [MERGEABLE | GUEST_CHECKSUM, 1],
    [MERGEABLE, 0],
  ] as const) {
    const made = card({ features });
    made.offer(2_000);
    made.device.segments.writeSegment(frame, OFFLOAD_VERSION | 0x1_0000);
    made.run();
    const packet = Buffer.from(made.received().join(''), 'latin1');
    assert.is(packet[0], flags);
    assert.is(isTcpRight(packet.subarray(NET_HEADER_BYTES)), flags === 0);
  }
});

net('a type that does not fit its frame never reaches the guest', () => {
  const made = card({ features: MERGEABLE | GUEST_CHECKSUM | GUEST_TCP4 });
  made.offer(9_000);
  assert.is(made.device.segments.writeSegment(segment4({ fragment: 0x2000 }), WORK), false);
  made.run();
  assert.equal(made.received(), []);
});

net('a segment for a guest without a running card is counted', () => {
  const made = card();
  made.isRunning = false;
  made.device.segments.writeSegment(segment4(), WORK);
  assert.is(made.device.counts.nothingAttached, 1);
});

net('a card with a way for packets hands over what the guest did, with the work that is left', () => {
  const made = card({ hasPackets: true });
  const header = gso(1, PIECE_BYTES);
  made.send(header, segment4());
  made.run();
  assert.equal(made.packets, [Buffer.concat([Buffer.from(header), segment4()])]);
  assert.equal(made.sent, []);
});

net('segments wait in their ring for a card whose guest has no buffers', async () => {
  const made = card({ features: MERGEABLE | GUEST_CHECKSUM | GUEST_TCP4, hasPackets: true });
  const session = new SessionDouble('chrome-vm');
  const link = new Link(session, { peers: ['net-vm'], dhcp: null });
  await link.open();
  link.attach(made.device);
  while (made.device.isReady) made.device.write(Buffer.alloc(9_000));
  session.deliver(802, segment4(), { name: 'net-vm', domid: 2 }, WORK);
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(link.counters.received, 0, 'the card has no room');
  made.offer(9_100, 9_100);
  made.run();
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(link.counters.received, 1);
  await link.close();
});

// What the guest leaves to the card

/** Independent of the code under test: adds 16-bit words with end-around carry. */
function onesSum(bytes: readonly number[]): number {
  const even = bytes.length % 2 === 0 ? bytes : [...bytes, 0];
  let total = 0;
  for (let at = 0; at < even.length; at += 2) {
    total += (even[at] ?? 0) * 256 + (even[at + 1] ?? 0);
    total = (total & 0xffff) + (total >> 16);
  }
  return total;
}

/** True when the TCP checksum of an Ethernet frame is right. */
function isTcpRight(frame: Buffer): boolean {
  const isIpv4 = frame.readUInt16BE(12) === 0x0800;
  const tcp = isIpv4 ? 14 + ((frame[14] ?? 0) & 15) * 4 : 54;
  const addresses = isIpv4 ? frame.subarray(26, 34) : frame.subarray(22, 54);
  return onesSum([...addresses, 0, 6, ...u16(frame.length - tcp), ...frame.subarray(tcp)]) === 0xffff;
}

const TCP_HEADER = (flags: number): number[] => [
  ...[0x1f, 0x90, 0, 80],
  ...[0xff, 0xff, 0xff, 0xf0], // the sequence number wraps
  ...[0, 0, 0, 1, 0x50, flags, 0x10, 0, 0, 0, 0, 0],
];
const payload = (length: number): number[] => Array.from({ length }, (_, index) => index & 255);
const tcp4 = (length: number, flags = 0x18): Buffer =>
  frameOf(...ipv4Packet({ from: '10.137.1.1', payload: [...TCP_HEADER(flags), ...payload(length)] }));
const tcp6 = (length: number): Buffer => {
  const body = [...TCP_HEADER(0x18), ...payload(length)];
  const addresses = [...ip6('fd00:0:0:0:0:0:1:1'), ...ip6('fd00:0:0:0:0:0:0:2')];
  return Buffer.from([
    ...ETHERNET.slice(0, 12),
    0x86,
    0xdd,
    0x60,
    0,
    0,
    0,
    ...u16(body.length),
    6,
    64,
    ...addresses,
    ...body,
  ]);
};
const gso = (kind: number, size: number): number[] => [1, kind, 0, 0, size & 255, size >> 8, 0, 0, 0, 0, 0, 0];
const cut = (header: readonly number[], frame: Buffer): Buffer[] | null => {
  const frames: Buffer[] = [];
  const isSense = framesOf(Buffer.concat([Buffer.from(header), frame]), MAX_FRAME, (each) =>
    frames.push(Buffer.from(each)),
  );
  return isSense ? frames : null;
};

net('a checksum that the guest left out is filled in', () => {
  const frame = tcp4(101);
  // The guest has summed up the pseudo header.
  frame.writeUInt16BE(onesSum([...frame.subarray(26, 34), 0, 6, ...u16(frame.length - 34)]), 34 + 16);
  const [whole] = cut([1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0], frame) ?? [];
  assert.ok(whole !== undefined && isTcpRight(whole));
});

for (const [label, kind, frame] of [
  ['IPv4', 1, tcp4(3_001)],
  ['IPv6', 4, tcp6(3_001)],
] as const) {
  net(`a long TCP segment over ${label} is cut into frames that a cable would carry`, () => {
    const frames = cut(gso(kind, 1_000), frame) ?? [];
    const header = frame.length - 3_001;
    const tcp = header - 20;
    assert.equal(
      frames.map(({ length }) => length - header),
      [1_000, 1_000, 1_000, 1],
    );
    assert.equal([...Buffer.concat(frames.map((each) => each.subarray(header)))], payload(3_001));
    assert.equal(
      frames.map((each) => each.readUInt32BE(tcp + 4)),
      [0xffff_fff0, 984, 1_984, 2_984],
    );
    assert.equal(
      frames.map((each) => each[tcp + 13]),
      [0x10, 0x10, 0x10, 0x18],
      'the push is for the last',
    );
    assert.ok(frames.every(isTcpRight));
    if (label === 'IPv6')
      assert.equal(
        frames.map((each) => each.readUInt16BE(18)),
        [1_020, 1_020, 1_020, 21],
      );
    else {
      assert.equal(
        frames.map((each) => each.readUInt16BE(16)),
        [1_040, 1_040, 1_040, 41],
      );
      assert.equal(
        frames.map((each) => each.readUInt16BE(18)),
        [1, 2, 3, 4],
        'an identification each',
      );
      assert.ok(frames.every((each) => onesSum([...each.subarray(14, 34)]) === 0xffff));
    }
  });
}

const NONSENSE: readonly (readonly [label: string, header: readonly number[], frame: Buffer])[] = [
  ['a header cut short', HEADER.slice(0, 11), Buffer.alloc(0)],
  ['a frame without its addresses', HEADER, Buffer.alloc(13)],
  ['a checksum behind the frame', [1, 0, 0, 0, 0, 0, 34, 0, 255, 255, 0, 0], tcp4(10)],
  ['a checksum that starts behind the frame', [1, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0], tcp4(10)],
  ['a checksum over the addresses of the frame', [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], tcp4(10)],
  ['pieces of no size', gso(1, 0), tcp4(100)],
  ['pieces longer than a frame', gso(1, 9_000), tcp4(20_000)],
  ['more pieces than Linux makes', gso(1, 10), tcp4(2_561)],
  ['pieces of another kind', gso(3, 100), tcp4(100)],
  ['TCP over IPv6 that is IPv4', gso(4, 100), tcp4(100)],
  [
    'TCP over IPv4 that is UDP',
    gso(1, 100),
    frameOf(...ipv4Packet({ from: '10.137.1.1', protocol: 17, payload: payload(100) })),
  ],
  ['a TCP header that ends behind the frame', gso(1, 100), tcp4(0).fill(0xf0, 46, 47)],
  ['a segment without payload', gso(1, 100), tcp4(0)],
];
for (const [label, header, frame] of NONSENSE) {
  net(`${label} makes no sense, and nothing of it goes out`, () => {
    const made = card();
    made.send(header, frame);
    made.send(HEADER, frameOf(9));
    made.run();
    assert.equal([made.device.counts.malformed, made.sent.length], [1, 1], 'and the card goes on');
  });
}

net('any packet gives frames no longer than the link takes, or none', async () => {
  const seeds = [
    Buffer.concat([Buffer.from(gso(1, 500)), tcp4(3_000)]),
    Buffer.concat([Buffer.from(gso(4, 500)), tcp6(3_000)]),
    Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0]), tcp4(10)]),
  ];
  await fuzzUntil((random) => {
    const packet = Buffer.from(random.mutate(random.pick(seeds)));
    let bytes = 0;
    const length = packet.length;
    framesOf(packet, MAX_FRAME, (frame) => {
      assert.ok(frame.length <= Math.max(MAX_FRAME, length));
      bytes += frame.length;
    });
    assert.ok(bytes <= 80 * length, 'a small packet does not become many bytes');
  }, 0.3);
});

net.run();
