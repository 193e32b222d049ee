/** What one end of a link leaves to the other's kernel: no header reaches a kernel that does not fit its frame. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NET_HEADER_BYTES } from '../../../../clients/agents/network/link/headers.ts';
import {
  leavesWork,
  OFFLOAD_VERSION,
  takesOffload,
  typeOfPacket,
  writeHeader,
} from '../../../../clients/agents/network/link/offload.ts';
import { framesOf } from '../../../../clients/agents/network/link/packet.ts';
import { fuzzUntil } from '../../../support/seed.ts';
import { arp, frame, ipv4Packet, ipv6Packet, udp } from '../packets.ts';
import { CHROME, hidden6, NET, OWN4, OWN6, piecesOf, segment4, segment6 } from './segments.ts';

const offload = suite('work that is left to the other end of a link');

const PARTIAL = 0x1_0000;
const V1 = OFFLOAD_VERSION;
const cut = (bytes: number): number => V1 | PARTIAL | bytes;

const packetOf = (bytes: Uint8Array): Buffer => Buffer.concat([Buffer.alloc(NET_HEADER_BYTES, 0xee), bytes]);

/** The header that the kernel would get, as numbers; null when it gets none. */
function headerOf(bytes: Uint8Array, type: number): number[] | null {
  const packet = packetOf(bytes);
  if (!writeHeader(packet, type)) return null;
  assert.equal(packet.subarray(NET_HEADER_BYTES), Buffer.from(bytes), 'the frame stays as it is');
  return [...packet.subarray(0, 2), ...[2, 4, 6, 8].map((at) => packet.readUInt16LE(at))];
}

const datagram = Buffer.from(
  frame(NET, CHROME, 0x0800, ipv4Packet({ from: OWN4, protocol: 17, payload: udp(5_000, 53) })),
);
const datagram6 = Buffer.from(frame(NET, CHROME, 0x86dd, ipv6Packet(OWN6, 17, udp(5_000, 53))));
const arpFrame = Buffer.from(frame(NET, CHROME, 0x0806, arp({ mac: CHROME, ipv4: OWN4 })));

const TAKEN: readonly (readonly [label: string, bytes: Buffer, type: number, header: readonly number[]])[] = [
  ['a frame that leaves nothing', arpFrame, V1, [0, 0, 0, 0, 0, 0]],
  ['an IPv4 segment in pieces', segment4(), cut(1_448), [1, 1, 66, 1_448, 34, 16]],
  ['an IPv6 segment in pieces', segment6(), cut(1_428), [1, 4, 86, 1_428, 54, 16]],
  ['IPv4 options', segment4({ ipOptions: [148, 4, 0, 0] }), cut(1_448), [1, 1, 70, 1_448, 38, 16]],
  ['64 KiB', segment4({ bytes: 65_483 }), cut(1_448), [1, 1, 66, 1_448, 34, 16]],
  ['a checksum of TCP', segment4({ bytes: 0 }), V1 | PARTIAL, [1, 0, 0, 0, 34, 16]],
  ['a checksum of UDP', datagram, V1 | PARTIAL, [1, 0, 0, 0, 34, 6]],
  ['a checksum of UDP over IPv6', datagram6, V1 | PARTIAL, [1, 0, 0, 0, 54, 6]],
];
for (const [label, bytes, type, header] of TAKEN) {
  offload(`${label}: the header is derived from the frame`, () => assert.equal(headerOf(bytes, type), header));
}

/** Changes bytes of a good segment. */
function broken(at: number, ...values: readonly number[]): Buffer {
  const bytes = segment4();
  bytes.set(values, at);
  return bytes;
}

const REFUSED: readonly (readonly [label: string, bytes: Buffer, type: number])[] = [
  ['work of an agent that says it takes none', segment4(), PARTIAL | 1_448],
  ['another version', segment4(), 0x0200_0000 | PARTIAL | 1_448],
  ['a bit that means nothing', segment4(), cut(1_448) | 0x2_0000],
  ['pieces without a checksum left out', segment4(), V1 | 1_448],
  ['a long frame in one piece', segment4({ bytes: 9_001 }), V1 | PARTIAL],
  ['a long frame that leaves nothing', segment4({ bytes: 9_001 }), V1],
  ['a frame longer than any packet', Buffer.concat([segment4({ bytes: 65_483 }), Buffer.alloc(1)]), cut(1_448)],
  ['pieces longer than any frame', segment4(), cut(9_014 - 65)],
  ['more pieces than a receiver should make', segment4(), cut(11)],
  ['no payload to cut', segment4({ bytes: 0 }), cut(1_448)],
  ['UDP in pieces', datagram, cut(1_448)],
  ['ARP', arpFrame, V1 | PARTIAL],
  ['ICMP', segment4({ protocol: 1 }), V1 | PARTIAL],
  ['a VLAN tag', broken(12, 0x81, 0), cut(1_448)],
  ['a fragment', segment4({ fragment: 0x2000 }), cut(1_448)],
  ['a later fragment', segment4({ fragment: 1 }), cut(1_448)],
  ['IPv6 behind the ethertype of IPv4', broken(14, 0x65), cut(1_448)],
  ['an IPv4 header of four words', broken(14, 0x44).fill(0x80, 42, 43), cut(1_448)],
  ['an IPv4 header that ends behind the frame', Buffer.from(broken(14, 0x4f).subarray(0, 60)), V1 | PARTIAL],
  ['an IPv4 length that leaves bytes behind the packet', broken(16, 0x0a), cut(1_448)],
  ['a TCP header of four words', broken(46, 0x40), cut(1_448)],
  ['a TCP header that ends behind the frame', segment4({ bytes: 0, options: 0 }).fill(0xf0, 46, 47), V1 | PARTIAL],
  ['an IPv6 extension header', hidden6(3_000), cut(1_428)],
  ['an IPv6 length that leaves bytes behind the packet', segment6().fill(1, 19, 20), cut(1_428)],
  ['IPv4 behind the ethertype of IPv6', segment6().fill(0x45, 14, 15), cut(1_428)],
  ['a UDP length that is not the rest', Buffer.from(datagram).fill(15, 39, 40), V1 | PARTIAL],
  ['a frame cut short', segment4().subarray(0, 40), V1 | PARTIAL],
  ['an IPv6 header cut short', segment6().subarray(0, 50), V1 | PARTIAL],
  ['nothing', Buffer.alloc(0), V1],
];
for (const [label, bytes, type] of REFUSED) {
  offload(`${label}: no kernel gets it`, () => assert.is(headerOf(bytes, type), null));
}

/** A packet as a kernel hands it over. */
function kernelPacket(bytes: Buffer, ...[flags, kind, headerBytes, piece, start, offset]: readonly number[]): Buffer {
  const packet = packetOf(bytes);
  packet.fill(0, 0, NET_HEADER_BYTES);
  packet.set([flags ?? 0, kind ?? 0]);
  for (const [index, value] of [headerBytes, piece, start, offset].entries())
    packet.writeUInt16LE(value ?? 0, 2 + 2 * index);
  return packet;
}

offload('what a kernel hands over comes out of the other end as the same header', () => {
  for (const [label, bytes, type, header] of TAKEN)
    assert.is(typeOfPacket(kernelPacket(bytes, ...header)), type, label);
});

const UNCARRIED: readonly (readonly [label: string, packet: Buffer])[] = [
  ['a checksum at another place', kernelPacket(segment4(), 1, 1, 66, 1_448, 14, 16)],
  ['a checksum at another offset', kernelPacket(segment4(), 1, 1, 66, 1_448, 34, 6)],
  ['IPv6 pieces of an IPv4 frame', kernelPacket(segment4(), 1, 4, 66, 1_448, 34, 16)],
  ['UDP pieces', kernelPacket(segment4(), 1, 3, 66, 1_448, 34, 16)],
  ['pieces with ECN', kernelPacket(segment4(), 1, 0x81, 66, 1_448, 34, 16)],
  ['pieces of no size', kernelPacket(segment4(), 1, 1, 66, 0, 34, 16)],
  ['a header alone', Buffer.alloc(NET_HEADER_BYTES)],
];
for (const [label, packet] of UNCARRIED) {
  offload(`${label}: not carried as it is`, () => assert.is(typeOfPacket(packet), -1));
}

offload('type 0 is an agent that takes whole frames only', () => {
  assert.is(takesOffload(0), false);
  assert.is(leavesWork(0), false);
  assert.is(takesOffload(V1), true);
  assert.is(leavesWork(V1), false);
  assert.is(leavesWork(cut(1_448)), true);
});

offload('whatever a sender writes, a kernel gets only what a slow splitter can cut into whole frames', async () => {
  const seeds = [segment4(), segment6(), segment4({ ipOptions: [148, 4, 0, 0] }), datagram, hidden6(200), arpFrame];
  let taken = 0;
  await fuzzUntil((random) => {
    const bytes = Buffer.from(random.oneIn(4) ? random.pick(seeds) : random.mutate(random.pick(seeds)));
    const type = random.oneIn(4) ? random.below(2 ** 32) : cut(random.below(3_000));
    const header = headerOf(bytes, type);
    if (header === null || header[1] === 0) return;
    taken++;
    const pieces = piecesOf(bytes, type & 0xffff);
    assert.ok(pieces !== null && pieces.length <= 256, 'cut by the slow splitter');
    assert.ok(pieces.every(({ length }) => length <= 9_014));
    // The splitter of the product, which works for ends that take whole frames, agrees but for checksums.
    const packet = packetOf(bytes);
    writeHeader(packet, type);
    const made: Buffer[] = [];
    assert.is(
      framesOf(packet, 9_014, (piece) => made.push(Buffer.from(piece))),
      true,
    );
    assert.equal(made.map(unchecked), pieces.map(unchecked));
  });
  assert.ok(taken > 0);
});

/** Without checksums, and without the flags that only the first or the last piece has. */
function unchecked(piece: Buffer): string {
  const copy = Buffer.from(piece);
  const isIpv4 = copy.readUInt16BE(12) === 0x0800;
  const start = isIpv4 ? 14 + ((copy[14] ?? 0) & 15) * 4 : 54;
  if (isIpv4) copy.writeUInt16BE(0, 24);
  copy.writeUInt16BE(0, start + 16);
  copy[start + 13] = 0;
  return copy.toString('latin1');
}

offload.run();
