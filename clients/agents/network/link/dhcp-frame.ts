/**
 * DHCP in and out of Ethernet frames. On a link DHCP never travels as a frame: the link takes the message out and sends
 * it as class `dhcp`, and what arrives as class `dhcp` becomes a frame for the client or the server behind the link.
 */
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT } from '../limits.ts';

const ETHERNET_BYTES = 14;
const IPV4_BYTES = 20;
const UDP_BYTES = 8;
const ETHERTYPE_IPV4 = 0x0800;
const UDP = 17;
const BROADCAST = 0xffff_ffff;
const FRAGMENT = 0x3fff;
const TTL = 64;

/** The message in a frame to the server's or the client's port; null when the frame is something else. */
export function dhcpOf(frame: Uint8Array): { readonly to: 'server' | 'client'; readonly message: Uint8Array } | null {
  if (frame.length < ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES) return null;
  if (u16(frame, 12) !== ETHERTYPE_IPV4 || frame[ETHERNET_BYTES + 9] !== UDP) return null;
  const headerBytes = ((frame[ETHERNET_BYTES] ?? 0) & 0x0f) * 4;
  const udp = ETHERNET_BYTES + headerBytes;
  if (headerBytes < IPV4_BYTES || udp + UDP_BYTES > frame.length) return null;
  if ((u16(frame, ETHERNET_BYTES + 6) & FRAGMENT) !== 0) return null;
  const port = u16(frame, udp + 2);
  if (port !== DHCP_SERVER_PORT && port !== DHCP_CLIENT_PORT) return null;
  const length = u16(frame, udp + 4);
  if (length < UDP_BYTES || udp + length > frame.length) return null;
  return {
    to: port === DHCP_SERVER_PORT ? 'server' : 'client',
    message: frame.subarray(udp + UDP_BYTES, udp + length),
  };
}

/** Big-endian. A DataView would be an object for each frame. */
function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

export interface DhcpFrame {
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
  /** u32; null = the broadcast address. */
  readonly from: number;
  readonly to: number | null;
  readonly toPort: 67 | 68;
  readonly message: Uint8Array;
}

export function dhcpFrame({ destination, source, from, to, toPort, message }: DhcpFrame): Uint8Array {
  const frame = new Uint8Array(ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES + message.length);
  const view = new DataView(frame.buffer);
  frame.set(destination, 0);
  frame.set(source, 6);
  view.setUint16(12, ETHERTYPE_IPV4);
  const ip = ETHERNET_BYTES;
  view.setUint16(ip, 0x4510); // version 4, five words; low delay, as other servers mark it
  view.setUint16(ip + 2, frame.length - ip);
  view.setUint8(ip + 8, TTL);
  view.setUint8(ip + 9, UDP);
  view.setUint32(ip + 12, from);
  view.setUint32(ip + 16, to ?? BROADCAST);
  view.setUint16(ip + 10, checksum(frame, ip, ip + IPV4_BYTES, 0));
  const udp = ip + IPV4_BYTES;
  view.setUint16(udp, toPort === DHCP_CLIENT_PORT ? DHCP_SERVER_PORT : DHCP_CLIENT_PORT);
  view.setUint16(udp + 2, toPort);
  view.setUint16(udp + 4, UDP_BYTES + message.length);
  frame.set(message, udp + UDP_BYTES);
  // RFC 768: over a pseudo header of addresses, protocol and length; 0 would mean "none".
  const pseudo = sum(frame, ip + 12, ip + IPV4_BYTES) + UDP + UDP_BYTES + message.length;
  view.setUint16(udp + 6, checksum(frame, udp, frame.length, pseudo) || 0xffff);
  return frame;
}

function sum(bytes: Uint8Array, from: number, end: number): number {
  let total = 0;
  for (let at = from; at < end; at += 2) total += ((bytes[at] ?? 0) << 8) | (at + 1 < end ? (bytes[at + 1] ?? 0) : 0);
  return total;
}

/** RFC 1071. */
function checksum(bytes: Uint8Array, from: number, end: number, initial: number): number {
  let total = initial + sum(bytes, from, end);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}
