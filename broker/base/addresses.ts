/**
 * Addresses as text and as bytes of packets. Parsing and printing an address gives the same text, except for IPv6,
 * which has many spellings.
 */

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);
const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;
const IPV6_GROUPS = 8;
const HOST_PORT = /^(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+):(\d{1,5})$/;
const MAX_TCP_PORT = 65_535;

/** Where a TCP socket listens or connects. */
export interface HostPort {
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:7100`, `[::1]:7100` or `name:0`; null for anything else. */
export function parseHostPort(text: string): HostPort | null {
  const [, host = '', port = ''] = HOST_PORT.exec(text) ?? [];
  return host === '' || Number(port) > MAX_TCP_PORT ? null : { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** u32, or null. */
export function parseIpv4(text: string): number | null {
  if (!IPV4.test(text)) return null;
  return text.split('.').reduce((address, octet) => address * 256 + Number(octet), 0);
}

export function formatIpv4(address: number): string {
  return [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255].join('.');
}

/** Six bytes, or null; lower case, with colons. */
export function parseMac(text: string): Uint8Array | null {
  return MAC.test(text) ? Uint8Array.from(text.split(':'), (pair) => Number.parseInt(pair, 16)) : null;
}

/** The text of the six bytes at `bytes[at]`. */
export function formatMac(bytes: Uint8Array, at = 0): string {
  return Array.from(bytes.subarray(at, at + 6), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Sixteen bytes, or null. Hexadecimal groups only: no dotted tail, no zone. */
export function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = IPV6_GROUPS - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return null;
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (const [index, group] of groups.entries()) view.setUint16(index * 2, Number.parseInt(group, 16));
  return bytes;
}

/**
 * RFC 5952: lower case, no leading zeros, the longest run of zero groups (the first of equals, two or more) as `::`.
 */
export function formatIpv6(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const groups = Array.from({ length: IPV6_GROUPS }, (_, index) => view.getUint16(index * 2));
  let best = { from: 0, length: 1 };
  for (let from = 0; from < IPV6_GROUPS; from++) {
    let to = from;
    while (to < IPV6_GROUPS && groups[to] === 0) to++;
    if (to - from > best.length) best = { from, length: to - from };
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (best.length < 2) return hex(groups);
  return `${hex(groups.slice(0, best.from))}::${hex(groups.slice(best.from + best.length))}`;
}
