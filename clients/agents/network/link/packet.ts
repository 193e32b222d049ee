/**
 * Frames as virtio-net hands them over (VIRTIO 1.2 §5.1.6): a header, then the frame. The guest leaves two things to the
 * device. It leaves out a checksum, and it hands over a TCP segment that is longer than a frame, with the size of the pieces.
 *
 *   u8 flags · u8 gso_type · u16 hdr_len · u16 gso_size · u16 csum_start · u16 csum_offset · u16 num_buffers
 *
 * The guest controls every byte. Everything is checked against the length of the frame, and `hdr_len`, a hint, is not used.
 */
import { MAX_NET_PIECES } from '../limits.ts';
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

/** Flags of the last piece only; and of the first only. */
const FIN_OR_PUSH = 0x09;
const CWR = 0x80;

/**
 * Calls `send` for each frame that goes out; a view that is valid during the call. False: the guest's packet makes no
 * sense. `packet` may be changed.
 */
export function framesOf(packet: Buffer, maxFrameBytes: number, send: (frame: Uint8Array) => void): boolean {
  if (packet.length < NET_HEADER_BYTES + ETHERNET_BYTES) return false;
  const frame = packet.subarray(NET_HEADER_BYTES);
  const kind = packet[1] ?? 0;
  if (kind !== GSO_NONE) return segment(frame, kind, packet.readUInt16LE(4), maxFrameBytes, send);
  const needsChecksum = ((packet[0] ?? 0) & NEEDS_CHECKSUM) !== 0;
  if (needsChecksum && !fillChecksum(frame, packet.readUInt16LE(6), packet.readUInt16LE(8))) return false;
  send(frame);
  return true;
}

/** The guest has put the sum of the pseudo header where the checksum goes. */
function fillChecksum(frame: Buffer, start: number, offset: number): boolean {
  const at = start + offset;
  if (start < ETHERNET_BYTES || at + 2 > frame.length) return false;
  const checksum = fold(sum(frame, start, frame.length));
  // UDP: 0 would say that there is none (RFC 768), and 0xffff means the same number.
  frame.writeUInt16BE(checksum || 0xffff, at);
  return true;
}

/** Cuts TCP into frames with `size` bytes of payload each, as a network card does. */
function segment(
  frame: Buffer,
  kind: number,
  size: number,
  maxFrameBytes: number,
  send: (frame: Uint8Array) => void,
): boolean {
  const tcp = tcpOffset(frame, kind);
  if (tcp < 0 || tcp + TCP_BYTES > frame.length) return false;
  const payload = tcp + ((frame[tcp + 12] ?? 0) >> 4) * 4;
  if (payload < tcp + TCP_BYTES || payload >= frame.length) return false;
  // This refuses pieces of no size too.
  if (payload + size > maxFrameBytes || frame.length - payload > size * MAX_NET_PIECES) return false;
  const sequence = frame.readUInt32BE(tcp + 4);
  const flags = frame[tcp + 13] ?? 0;
  const isIpv4 = kind === GSO_TCP4;
  const identification = isIpv4 ? frame.readUInt16BE(ETHERNET_BYTES + 4) : 0;
  const piece = Buffer.alloc(payload + size);
  frame.copy(piece, 0, 0, payload);
  for (let at = payload, count = 0; at < frame.length; at += size, count++) {
    const end = Math.min(at + size, frame.length);
    const length = payload + end - at;
    frame.copy(piece, payload, at, end);
    piece.writeUInt32BE((sequence + (at - payload)) >>> 0, tcp + 4);
    piece[tcp + 13] = flags & ~(end < frame.length ? FIN_OR_PUSH : 0) & ~(count > 0 ? CWR : 0);
    if (isIpv4) finishIpv4(piece, length, (identification + count) & 0xffff);
    else piece.writeUInt16BE(length - ETHERNET_BYTES - IPV6_BYTES, ETHERNET_BYTES + 4);
    finishTcp(piece.subarray(0, length), tcp, isIpv4);
    send(piece.subarray(0, length));
  }
  return true;
}

/** Where TCP begins; -1 when the frame is not the TCP that `kind` says. Options of IPv4 pass, IPv6 has no extension here. */
function tcpOffset(frame: Buffer, kind: number): number {
  if (frame.length < ETHERNET_BYTES + IPV6_BYTES) return -1;
  const type = frame.readUInt16BE(12);
  const version = (frame[ETHERNET_BYTES] ?? 0) >> 4;
  if (kind === GSO_TCP4 && type === ETHERTYPE_IPV4 && version === 4 && frame[ETHERNET_BYTES + 9] === TCP) {
    const headerBytes = ((frame[ETHERNET_BYTES] ?? 0) & 0x0f) * 4;
    return headerBytes < IPV4_BYTES ? -1 : ETHERNET_BYTES + headerBytes;
  }
  const isTcp6 = kind === GSO_TCP6 && type === ETHERTYPE_IPV6 && version === 6 && frame[ETHERNET_BYTES + 6] === TCP;
  return isTcp6 ? ETHERNET_BYTES + IPV6_BYTES : -1;
}

function finishIpv4(piece: Buffer, length: number, identification: number): void {
  const headerBytes = ((piece[ETHERNET_BYTES] ?? 0) & 0x0f) * 4;
  piece.writeUInt16BE(length - ETHERNET_BYTES, ETHERNET_BYTES + 2);
  piece.writeUInt16BE(identification, ETHERNET_BYTES + 4);
  piece.writeUInt16BE(0, ETHERNET_BYTES + 10);
  piece.writeUInt16BE(fold(sum(piece, ETHERNET_BYTES, ETHERNET_BYTES + headerBytes)), ETHERNET_BYTES + 10);
}

/** Over the pseudo header of addresses, protocol and length (RFC 9293 §3.1, RFC 8200 §8.1). */
function finishTcp(piece: Buffer, tcp: number, isIpv4: boolean): void {
  const [from, to] = isIpv4 ? [ETHERNET_BYTES + 12, ETHERNET_BYTES + 20] : [ETHERNET_BYTES + 8, ETHERNET_BYTES + 40];
  piece.writeUInt16BE(0, tcp + 16);
  const pseudo = sum(piece, from, to) + TCP + (piece.length - tcp);
  piece.writeUInt16BE(fold(pseudo + sum(piece, tcp, piece.length)), tcp + 16);
}

function sum(bytes: Buffer, from: number, end: number): number {
  let total = 0;
  for (let at = from; at + 1 < end; at += 2) total += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  return (end - from) % 2 === 0 ? total : total + ((bytes[end - 1] ?? 0) << 8);
}

/** RFC 1071. */
function fold(total: number): number {
  let rest = total;
  while (rest > 0xffff) rest = (rest % 0x1_0000) + Math.floor(rest / 0x1_0000);
  return ~rest & 0xffff;
}
