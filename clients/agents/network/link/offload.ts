/**
 * What one end of a link leaves to the other end's kernel: the checksum of TCP or UDP, and the cutting of a TCP segment of
 * up to 64 KiB. The frame travels as it is. What the frame does not say is in the type of its message (docs/network.md):
 *
 *   31          24 23     17  16  15              0
 *   | version (1) |  zero   | C | bytes per piece |      C: the checksum is left out; pieces 0: the frame is one piece
 *
 * Agents that offload nothing send type 0, and ignore the type. An agent that takes offloaded frames says so with the version
 * in every message, so each frame tells the peer what may be sent back.
 *
 * The sender controls the type and the frame. The receiver derives the whole virtio_net_hdr from the frame, so a wrong
 * offset cannot reach its kernel, and it refuses a frame that cannot be cut.
 */
import { MAX_FRAME_BYTES, MAX_NET_PIECES, MAX_SEGMENT_FRAME_BYTES } from '../limits.ts';
import {
  ETHERNET_BYTES,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  GSO_NONE,
  GSO_TCP4,
  GSO_TCP6,
  IPV4_BYTES,
  IPV6_BYTES,
  NEEDS_CHECKSUM,
  NET_HEADER_BYTES,
  TCP,
  TCP_BYTES,
} from './headers.ts';

/** The type of a frame that leaves nothing to the receiver, from an agent that takes offloaded frames. */
export const OFFLOAD_VERSION = 0x0100_0000;
const VERSION_SHIFT = 24;
const PARTIAL_CHECKSUM = 0x1_0000;
const PIECE_BYTES = 0xffff;
const WORK = PARTIAL_CHECKSUM | PIECE_BYTES;

/** struct virtio_net_hdr_v1: VIRTIO 1.2 §5.1.6. Little-endian, as the kernel of both our platforms has it. */
const AT = { flags: 0, kind: 1, headerBytes: 2, pieceBytes: 4, checksumStart: 6, checksumOffset: 8 } as const;

const FRAGMENT = 0x3fff;
const TCP_CHECKSUM = 16;
const UDP = 17;
const UDP_BYTES = 8;
const UDP_CHECKSUM = 6;

/** The sender of a message with this type takes offloaded frames. A later version must still take those of the first. */
export function takesOffload(type: number): boolean {
  return type >>> VERSION_SHIFT !== 0;
}

/** The frame of a message with this type leaves work to its receiver. */
export function leavesWork(type: number): boolean {
  return (type & WORK) !== 0;
}

/**
 * The type for a packet of this end's kernel or guest: a header, then the frame. -1: this link does not carry what the
 * header asks for.
 */
export function typeOfPacket(packet: Buffer): number {
  if (packet.length < NET_HEADER_BYTES + ETHERNET_BYTES) return -1;
  const kind = packet[AT.kind] ?? 0;
  const isPartial = ((packet[AT.flags] ?? 0) & NEEDS_CHECKSUM) !== 0;
  if (kind === GSO_NONE && !isPartial) return OFFLOAD_VERSION;
  const pieceBytes = kind === GSO_NONE ? 0 : packet.readUInt16LE(AT.pieceBytes);
  const type = OFFLOAD_VERSION | (isPartial ? PARTIAL_CHECKSUM : 0) | pieceBytes;
  const frame = packet.subarray(NET_HEADER_BYTES);
  if ((kind !== GSO_NONE) !== (pieceBytes !== 0) || !readTransport(frame, type)) return -1;
  // The receiver derives these from the frame, so they must be what this end's kernel meant.
  const { start, checksumOffset } = transport;
  if (packet.readUInt16LE(AT.checksumStart) !== start || packet.readUInt16LE(AT.checksumOffset) !== checksumOffset)
    return -1;
  return kind === GSO_NONE || kind === transport.kind ? type : -1;
}

/**
 * Writes the header of a received frame in front of it: `packet` holds NET_HEADER_BYTES of room, then the frame. False:
 * the type does not fit the frame, and the kernel must not get it.
 */
export function writeHeader(packet: Buffer, type: number): boolean {
  packet.fill(0, 0, NET_HEADER_BYTES);
  const frame = packet.subarray(NET_HEADER_BYTES);
  if (!leavesWork(type)) return frame.length >= ETHERNET_BYTES && frame.length <= MAX_FRAME_BYTES;
  if (!readTransport(frame, type)) return false;
  const pieceBytes = type & PIECE_BYTES;
  packet[AT.flags] = NEEDS_CHECKSUM;
  packet.writeUInt16LE(transport.start, AT.checksumStart);
  packet.writeUInt16LE(transport.checksumOffset, AT.checksumOffset);
  packet.writeUInt16LE(1, NET_HEADER_BYTES - 2);
  if (pieceBytes === 0) return true;
  packet[AT.kind] = transport.kind;
  packet.writeUInt16LE(transport.payload, AT.headerBytes);
  packet.writeUInt16LE(pieceBytes, AT.pieceBytes);
  return true;
}

/** What `readTransport` found. All calls share the object, because no call is re-entered. */
const transport = { start: 0, payload: 0, checksumOffset: 0, kind: GSO_NONE };

/**
 * Finds TCP or UDP in the frame. False: the frame is not the whole packet that its headers describe, or the work that the
 * type leaves cannot be done on it. Fragments and IPv6 extension headers are refused: no kernel leaves work on them.
 */
function readTransport(frame: Buffer, type: number): boolean {
  if (type >>> VERSION_SHIFT !== OFFLOAD_VERSION >>> VERSION_SHIFT || (type & ~(OFFLOAD_VERSION | WORK)) !== 0)
    return false;
  // A kernel cuts only what has its checksum left out, because each piece gets a checksum of its own.
  if ((type & PARTIAL_CHECKSUM) === 0) return false;
  const { length } = frame;
  const pieceBytes = type & PIECE_BYTES;
  if (length > (pieceBytes === 0 ? MAX_FRAME_BYTES : MAX_SEGMENT_FRAME_BYTES)) return false;
  if (length < ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES) return false;
  const protocol = readIp(frame);
  const { start } = transport;
  if (protocol === UDP) {
    transport.checksumOffset = UDP_CHECKSUM;
    return pieceBytes === 0 && length - start >= UDP_BYTES && frame.readUInt16BE(start + 4) === length - start;
  }
  if (protocol !== TCP || length - start < TCP_BYTES) return false;
  transport.checksumOffset = TCP_CHECKSUM;
  const payload = start + ((frame[start + 12] ?? 0) >> 4) * 4;
  transport.payload = payload;
  if (payload < start + TCP_BYTES || payload > length) return false;
  if (pieceBytes === 0) return true;
  if (payload === length || payload + pieceBytes > MAX_FRAME_BYTES) return false;
  return length - payload <= pieceBytes * MAX_NET_PIECES;
}

/** The protocol of a whole IP packet that fills the frame; -1 for everything else. */
function readIp(frame: Buffer): number {
  const { length } = frame;
  const type = frame.readUInt16BE(12);
  const first = frame[ETHERNET_BYTES] ?? 0;
  if (type === ETHERTYPE_IPV4 && first >> 4 === 4) {
    const headerBytes = (first & 0x0f) * 4;
    if (headerBytes < IPV4_BYTES || frame.readUInt16BE(ETHERNET_BYTES + 2) !== length - ETHERNET_BYTES) return -1;
    if ((frame.readUInt16BE(ETHERNET_BYTES + 6) & FRAGMENT) !== 0) return -1;
    transport.start = ETHERNET_BYTES + headerBytes;
    transport.kind = GSO_TCP4;
    return frame[ETHERNET_BYTES + 9] ?? -1;
  }
  if (type !== ETHERTYPE_IPV6 || first >> 4 !== 6 || length < ETHERNET_BYTES + IPV6_BYTES) return -1;
  if (frame.readUInt16BE(ETHERNET_BYTES + 4) !== length - ETHERNET_BYTES - IPV6_BYTES) return -1;
  transport.start = ETHERNET_BYTES + IPV6_BYTES;
  transport.kind = GSO_TCP6;
  return frame[ETHERNET_BYTES + 6] ?? -1;
}
