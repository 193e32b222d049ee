/**
 * A network card, as the driver of Linux uses it: one frame per chain, mergeable buffers. The frames are UDP. Those of
 * the wire `segments` are TCP of up to 64 KiB, with the checksum and the cutting left to the other end.
 */
import { Feature } from '../../clients/devices/vhost-user/index.ts';
import { frame, ipv4Packet, u16 } from '../../test/agents/network/packets.ts';
import { FrontEnd } from '../../test/devices/guest/front-end.ts';
import { RingDriver } from './ring-driver.ts';
import { GUESTS, NET_HEADER_BYTES, type Wire, type WireEvents, type WireSetup } from './wire.ts';

const QUEUE_SIZE = 256;
const BUFFER_BYTES = 1_536;
/** Linux has buffers of a page once most frames are long. */
const SEGMENT_BUFFER_BYTES = 4_096;
const SEGMENT_SENDS = 24;
const MERGEABLE = 1n << 15n;
/** CSUM, GUEST_CSUM, GUEST_TSO4 and HOST_TSO4. */
const SEGMENTS = (1n << 0n) | (1n << 1n) | (1n << 7n) | (1n << 11n);
const UDP = 17;
const TCP = 6;
/** 45 pieces of an MTU of 1500, with the headers of Ethernet, IPv4 and TCP: the most in one packet of IPv4. */
const PIECE_BYTES = 1_448;
export const SEGMENT_BYTES = 54 + 45 * PIECE_BYTES;
/** Ethernet, IPv4 and UDP. */
export const NET_OVERHEAD_BYTES = 42;

const textOf = (mac: readonly number[]): string => mac.map((byte) => byte.toString(16).padStart(2, '0')).join(':');

export async function openNetWire({ kind, socket, place }: WireSetup, events: WireEvents): Promise<Wire> {
  const hasSegments = kind === 'segments';
  const [own, peer] = place === 0 ? GUESTS : [GUESTS[1], GUESTS[0]];
  const vmm = await FrontEnd.attach(socket);
  await vmm.start(2, { size: QUEUE_SIZE, features: Feature.eventIndex | MERGEABLE | (hasSegments ? SEGMENTS : 0n) });
  const bufferBytes = hasSegments ? SEGMENT_BUFFER_BYTES : BUFFER_BYTES;
  const [sends, sendBytes] = hasSegments ? [SEGMENT_SENDS, SEGMENT_BYTES] : [QUEUE_SIZE, BUFFER_BYTES];
  const receive = new RingDriver(vmm, 0, QUEUE_SIZE, bufferBytes, true);
  const send = new RingDriver(vmm, 1, sends, NET_HEADER_BYTES + sendBytes, false);
  const frames = new Map<number, Buffer>();
  const frameOf = (bytes: number): Buffer => {
    let made = frames.get(bytes);
    if (made === undefined && bytes === SEGMENT_BYTES) {
      made = segment(own, peer);
      frames.set(bytes, made);
    }
    if (made === undefined) {
      const udp = [
        ...u16(5_000),
        ...u16(5_001),
        ...u16(bytes - 34),
        0,
        0,
        ...new Array(bytes - NET_OVERHEAD_BYTES).fill(120),
      ];
      const packet = ipv4Packet({ from: own.ipv4.join('.'), to: peer.ipv4.join('.'), protocol: UDP, payload: udp });
      made = Buffer.concat([Buffer.alloc(NET_HEADER_BYTES), frame(textOf(peer.mac), textOf(own.mac), 0x0800, packet)]);
      frames.set(bytes, made);
    }
    return made;
  };
  const into = Buffer.alloc(bufferBytes);
  let isBlocked = false;
  /** Buffers of the present frame that have not come. */
  let missing = 0;
  receive.offer();
  void (async () => {
    for (;;) {
      await vmm.event();
      receive.take((address, length) => {
        vmm.read(address, into.subarray(0, length));
        const isFirst = missing === 0;
        missing = (isFirst ? into.readUInt16LE(10) : missing) - 1;
        events.onBytes(isFirst ? length - NET_HEADER_BYTES : length);
      });
      receive.offer();
      if (isBlocked) {
        isBlocked = false;
        events.onRoom();
      }
      send.announce();
    }
  })();
  return {
    send: (bytes) => {
      isBlocked = !send.send(frameOf(bytes));
      return !isBlocked;
    },
    flush: () => send.announce(),
    close: () => vmm.close(),
  };
}

type Guest = (typeof GUESTS)[number];

/**
 * What the kernel of `own` leaves to the card. The sum of the pseudo header is left out, because nobody here finishes
 * it.
 */
function segment(own: Guest, peer: Guest): Buffer {
  const payload = new Array<number>(SEGMENT_BYTES - 54).fill(120);
  const tcp = [
    ...u16(5_000),
    ...u16(5_001),
    0,
    0,
    0,
    1,
    0,
    0,
    0,
    1,
    0x50,
    0x10,
    ...u16(65_535),
    0,
    0,
    0,
    0,
    ...payload,
  ];
  const packet = ipv4Packet({ from: own.ipv4.join('.'), to: peer.ipv4.join('.'), protocol: TCP, payload: tcp });
  const header = Buffer.alloc(NET_HEADER_BYTES);
  header.set([1, 1, 54, 0]);
  header.writeUInt16LE(PIECE_BYTES, 4);
  header.writeUInt16LE(34, 6);
  header.writeUInt16LE(16, 8);
  return Buffer.concat([header, frame(textOf(peer.mac), textOf(own.mac), 0x0800, packet)]);
}
