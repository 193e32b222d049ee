/** Links whose ends take segments, and links one of whose ends does not: who sends what to whom. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { LinkAttachment, SegmentPort } from '../../../../clients/agents/network/link/attachment.ts';
import { NET_HEADER_BYTES } from '../../../../clients/agents/network/link/headers.ts';
import { Link } from '../../../../clients/agents/network/link/link.ts';
import { OFFLOAD_VERSION } from '../../../../clients/agents/network/link/offload.ts';
import { SegmentTap } from '../../../../clients/agents/network/link/segment-tap.ts';
import type { TapDevice } from '../../../../clients/agents/network/link/tap-calls.ts';
import { tapCalls } from '../../../../clients/agents/network/link/tap-calls.ts';
import { ArgusError } from '../../../../clients/sdk/index.ts';
import { arp, BROADCAST, frame } from '../packets.ts';
import { SessionDouble } from '../session-double.ts';
import { CHROME, NET, OWN4, segment4 } from './segments.ts';

const links = suite('links that carry segments');

const PORT = 802;
const WORK = OFFLOAD_VERSION | 0x1_0000 | 1_448;
const HELLO = frame(CHROME, NET, 0x0806, arp({ mac: NET, ipv4: '10.137.0.2' }));
const net = { name: 'net-vm', domid: 2 };
const mail = { name: 'mail-vm', domid: 3 };

/** A device in memory: what it got, and what the link told it. */
class DeviceDouble implements TapDevice {
  readonly written: Buffer[] = [];
  readonly waiting: Buffer[] = [];
  isOffloading = false;
  isUp = true;
  isOpen = true;
  isWatched = false;
  onReadable = (): void => {};
  /** What the kernel has ready when a write returns. */
  answer: Buffer | null = null;

  read(into: Buffer): number {
    if (!this.isOpen) return -1;
    return this.waiting.shift()?.copy(into) ?? 0;
  }

  write(packet: Buffer, length: number): boolean {
    this.written.push(Buffer.from(packet.subarray(0, length)));
    if (this.answer !== null) this.waiting.push(this.answer);
    return this.isUp;
  }

  setOffload(isOn: boolean): void {
    this.isOffloading = isOn;
  }

  watch(onReadable: () => void): void {
    this.onReadable = onReadable;
    this.isWatched = true;
  }

  unwatch(): void {
    this.isWatched = false;
  }

  close(): void {
    this.isOpen = false;
  }
}

interface End {
  readonly session: SessionDouble;
  readonly device: DeviceDouble;
  readonly tap: SegmentTap;
  readonly link: Link;
  readonly said: string[];
  /** The kernel hands over a packet. */
  readonly give: (packet: Buffer) => void;
  readonly types: () => (number | undefined)[];
}

async function end(...peers: readonly string[]): Promise<End> {
  const session = new SessionDouble('chrome-vm');
  const said: string[] = [];
  const link = new Link(session, { peers, dhcp: null, isDirect: true, say: (line) => void said.push(line) });
  const device = new DeviceDouble();
  const tap = new SegmentTap(device, link.sendPacket, () => {});
  await link.open();
  tap.start();
  link.attach(tap);
  return {
    session,
    device,
    tap,
    link,
    said,
    give: (packet) => {
      device.waiting.push(packet);
      device.onReadable();
    },
    types: () => session.sent.map(({ type }) => type),
  };
}

/** A segment as the kernel leaves it: 3000 bytes in pieces of 1448. */
function segmentPacket(bytes = segment4()): Buffer {
  const packet = Buffer.concat([Buffer.alloc(NET_HEADER_BYTES), bytes]);
  packet.set([1, 1, 66, 0]);
  packet.writeUInt16LE(1_448, 4);
  packet.writeUInt16LE(34, 6);
  packet.writeUInt16LE(16, 8);
  return packet;
}

const sizes = ({ session }: End): number[] =>
  session.sent.map(({ iov }) => (iov instanceof Uint8Array ? iov.length : -1));

links(
  'a kernel leaves work out once every peer has said that it takes it, and no longer when one does not',
  async () => {
    const here = await end('net-vm', 'mail-vm');
    assert.is(here.device.isOffloading, false, 'nothing was heard yet');
    here.session.deliver(PORT, HELLO, net, OFFLOAD_VERSION);
    assert.is(here.device.isOffloading, false, 'of one peer nothing was heard yet');
    here.session.deliver(PORT, HELLO, mail, OFFLOAD_VERSION);
    assert.is(here.device.isOffloading, true);
    here.session.deliver(PORT, HELLO, mail, 0);
    assert.is(here.device.isOffloading, false, 'mail-vm has an older agent now');
    assert.equal(here.said, [
      'chrome-vm: segments of up to 64 KiB with net-vm, mail-vm',
      'chrome-vm: frames of one MTU, because of mail-vm',
    ]);
    await here.link.close();
  },
);

links('every frame says that its sender takes segments', async () => {
  const here = await end('net-vm');
  here.give(Buffer.concat([Buffer.alloc(NET_HEADER_BYTES), HELLO]));
  assert.equal(here.types(), [OFFLOAD_VERSION]);
  assert.equal(here.session.sent[0]?.iov, Buffer.from(HELLO));
  await here.link.close();
});

links('an end whose device takes no segments says nothing, as older agents do', async () => {
  const session = new SessionDouble('chrome-vm');
  const link = new Link(session, { peers: ['net-vm'], dhcp: null });
  await link.open();
  link.attach(new PlainDouble());
  link.send(HELLO);
  assert.equal(
    session.sent.map(({ type }) => type),
    [0],
  );
  await link.close();
});

links('a segment travels as it is to a peer that takes it, in one message', async () => {
  const here = await end('net-vm');
  here.session.deliver(PORT, HELLO, net, OFFLOAD_VERSION);
  here.give(segmentPacket());
  assert.equal(here.types(), [WORK]);
  assert.equal(sizes(here), [3_066]);
  await here.link.close();
});

links('a peer that takes none gets the pieces, with their checksums, and another peer the whole', async () => {
  const here = await end('net-vm', 'mail-vm');
  here.session.deliver(PORT, HELLO, net, OFFLOAD_VERSION);
  here.session.deliver(PORT, HELLO, mail, 0);
  const group = segment4();
  group.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
  here.give(segmentPacket(group));
  const sent = here.session.sent.map(({ to, type, iov }) => [to.domain, type, iov instanceof Uint8Array && iov.length]);
  assert.equal(sent, [
    ['net-vm', WORK, 3_066],
    ['mail-vm', OFFLOAD_VERSION, 1_514],
    ['mail-vm', OFFLOAD_VERSION, 1_514],
    ['mail-vm', OFFLOAD_VERSION, 170],
  ]);
  await here.link.close();
});

links('a broker that refuses a segment gets no other one in this session', async () => {
  const here = await end('net-vm');
  here.session.deliver(PORT, HELLO, net, OFFLOAD_VERSION);
  here.session.outcome = ({ type }) =>
    type === WORK ? Promise.reject(new ArgusError('EINVAL', 'the inspector refused it')) : Promise.resolve();
  here.give(segmentPacket());
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(here.device.isOffloading, false);
  here.session.deliver(PORT, HELLO, net, OFFLOAD_VERSION);
  assert.is(here.device.isOffloading, false, 'the peer still takes them, but the broker does not');
  here.give(segmentPacket());
  assert.equal(here.types(), [WORK, OFFLOAD_VERSION, OFFLOAD_VERSION, OFFLOAD_VERSION]);
  here.session.emit('reconnected', { domid: 1, revision: 1 });
  assert.is(here.device.isOffloading, true, 'another broker may take them');
  await here.link.close();
});

links('what the kernel asks for and no link carries is done here, or is lost with its reason', async () => {
  const here = await end('net-vm');
  here.session.deliver(PORT, HELLO, net, OFFLOAD_VERSION);
  const ecn = segmentPacket();
  ecn[1] = 0x81;
  here.give(ecn);
  assert.equal(sizes(here), []);
  assert.equal([...here.link.counters.lost], [['malformed', 1]]);
  await here.link.close();
});

links('a received segment reaches the kernel behind a header that was derived from it', async () => {
  const here = await end('net-vm');
  here.session.deliver(PORT, segment4(), net, WORK);
  assert.equal(here.device.written, [segmentPacket().fill(1, 10, 11)]);
  await here.link.close();
});

links('a type that does not fit its frame, and a long frame without one, never reach the kernel', async () => {
  const here = await end('net-vm');
  here.session.deliver(PORT, segment4({ fragment: 0x2000 }), net, WORK);
  here.session.deliver(PORT, segment4({ bytes: 9_001 }), net, OFFLOAD_VERSION);
  here.session.deliver(PORT, Buffer.alloc(70_000), net, WORK);
  assert.equal(here.device.written, []);
  assert.equal(
    [...here.link.counters.lost],
    [
      ['malformed', 2],
      ['too-long', 1],
    ],
  );
  await here.link.close();
});

class PlainDouble implements LinkAttachment {
  readonly frames: Buffer[] = [];
  readonly dropped = 0;
  isReady = true;
  readonly segments?: SegmentPort;

  write(bytes: Uint8Array): void {
    this.frames.push(Buffer.from(bytes));
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  pause(): void {}
  resume(): void {}
  close(): void {}
}

links('a device that takes no segments gets the pieces of one that came all the same', async () => {
  const session = new SessionDouble('chrome-vm');
  const link = new Link(session, { peers: ['net-vm'], dhcp: null });
  await link.open();
  const card = new PlainDouble();
  link.attach(card);
  session.deliver(PORT, segment4(), net, WORK);
  session.deliver(PORT, segment4({ fragment: 0x2000 }), net, WORK);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(
    card.frames.map(({ length }) => length),
    [1_514, 1_514, 170],
  );
  assert.equal([...link.counters.lost], [['malformed', 1]]);
  await link.close();
});

links('a device that is down counts what it did not take; one that is gone ends the link once', async () => {
  const session = new SessionDouble('chrome-vm');
  const device = new DeviceDouble();
  let ends = 0;
  const tap = new SegmentTap(
    device,
    () => {},
    () => ends++,
  );
  tap.start();
  device.isUp = false;
  tap.write(HELLO);
  assert.is(tap.dropped, 1);
  tap.pause();
  assert.is(device.isWatched, false);
  tap.resume();
  assert.is(device.isWatched, true);
  device.isOpen = false;
  device.onReadable();
  tap.close();
  assert.is(ends, 1);
  await tap.ready();
  assert.is(session.sent.length, 0);
});

links('a busy device is read a few packets at a time', async () => {
  const here = await end('net-vm');
  const packet = Buffer.concat([
    Buffer.alloc(NET_HEADER_BYTES),
    frame(BROADCAST, CHROME, 0x0806, arp({ mac: CHROME, ipv4: OWN4 })),
  ]);
  for (let count = 0; count < 100; count++) here.device.waiting.push(packet);
  here.device.onReadable();
  assert.is(here.session.sent.length, 32);
  await here.link.close();
});

links('an answer that the kernel has ready after a write leaves in the same turn of the event loop', async () => {
  const here = await end('net-vm');
  const sent = here.session.sent;
  const endOfTurn = () => new Promise<void>((resolve) => process.nextTick(resolve));
  here.device.answer = Buffer.concat([Buffer.alloc(NET_HEADER_BYTES), HELLO]);
  here.session.deliver(PORT, HELLO, net, OFFLOAD_VERSION);
  here.session.deliver(PORT, HELLO, net, OFFLOAD_VERSION);
  assert.is(sent.length, 0, 'not during the delivery');
  await endOfTurn();
  assert.is(sent.length, 2, 'the device was not reported readable');
  here.tap.pause();
  here.session.deliver(PORT, HELLO, net, OFFLOAD_VERSION);
  await endOfTurn();
  assert.is(sent.length, 2, 'a paused device is not read');
  here.tap.resume();
  await here.link.close();
});

/** Ring and window, bytes, that a link with so many peers has for each. */
async function room(peers: number): Promise<unknown> {
  const session = new SessionDouble('net-vm');
  const found = new Set<string>();
  let length = 0;
  session.registerRing = (wish) => {
    ({ length } = wish);
    return SessionDouble.prototype.registerRing.call(session, wish);
  };
  session.flow = (request) => {
    found.add(`${length} ${request.windowBytes}`);
    return SessionDouble.prototype.flow.call(session, request);
  };
  const names = Array.from({ length: peers }, (_, index) => `vm-${index}`);
  const link = new Link(session, { peers: names, dhcp: null, isDirect: true });
  await link.open();
  await link.close();
  return [...found];
}

links('many peers share what one link takes of the quotas of its domain, and each has the least', async () => {
  assert.equal(await room(1), ['4194304 4194304']);
  assert.equal(await room(3), ['1398096 1398096']);
  assert.equal(await room(60), ['1048576 1048576']);
});

links('without koffi there are no calls, and the reason says so', () => {
  const reason = tapCalls(() => {
    throw new Error("Cannot find module 'koffi'\nRequire stack: …");
  });
  assert.is(reason, `the optional package "koffi" does not load (Cannot find module 'koffi')`);
});

links.run();
