/** Prefixes as the kernel's tools print them and as messages hold them. */
import { isIPv4, isIPv6 } from 'node:net';
import { formatIpv4, parseIpv4 } from '../address.ts';

export interface Prefix {
  readonly family: 4 | 6;
  /** 16 bytes; an IPv4 prefix is in the first four, the rest is zero. Bits beyond `length` are zero. */
  readonly base: Uint8Array;
  readonly length: number;
}

const IPV6_GROUPS = 8;

/** `default` needs its family; an address without a length is a host. Null for what is no prefix, or has host bits. */
export function parsePrefix(text: string, defaultFamily: 4 | 6 = 4): Prefix | null {
  if (text === 'default') return { family: defaultFamily, base: new Uint8Array(16), length: 0 };
  const [address = '', digits, ...more] = text.split('/');
  const family = isIPv4(address) ? 4 : isIPv6(address) ? 6 : null;
  if (family === null || more.length > 0 || address.includes('%')) return null;
  const bits = family === 4 ? 32 : 128;
  const length = digits === undefined ? bits : /^\d{1,3}$/.test(digits) ? Number(digits) : -1;
  if (length < 0 || length > bits) return null;
  const prefix: Prefix = { family, base: addressBytes(address, family), length };
  return hasHostBits(prefix) ? null : prefix;
}

export function formatPrefix({ family, base, length }: Prefix): string {
  return `${formatAddress(base, family)}/${length}`;
}

export function formatAddress(base: Uint8Array, family: 4 | 6): string {
  const view = new DataView(base.buffer, base.byteOffset, base.byteLength);
  if (family === 4) return formatIpv4(view.getUint32(0));
  const groups = Array.from({ length: IPV6_GROUPS }, (_, index) => view.getUint16(index * 2).toString(16));
  // The URL parser writes RFC 5952.
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

export function addressBytes(address: string, family: 4 | 6): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  if (family === 4) view.setUint32(0, parseIpv4(address));
  else {
    const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
    const left = head === '' ? [] : head.split(':');
    const right = tail === undefined || tail === '' ? [] : tail.split(':');
    for (const [index, group] of left.entries()) view.setUint16(index * 2, Number.parseInt(group, 16));
    for (const [index, group] of right.entries())
      view.setUint16((IPV6_GROUPS - right.length + index) * 2, Number.parseInt(group, 16));
  }
  return bytes;
}

/** True when `outer` holds the whole of `inner`. */
export function covers(outer: Prefix, inner: Prefix): boolean {
  if (outer.family !== inner.family || outer.length > inner.length) return false;
  for (let bit = 0; bit < outer.length; bit++) if (bitOf(outer, bit) !== bitOf(inner, bit)) return false;
  return true;
}

export function overlaps(one: Prefix, other: Prefix): boolean {
  return covers(one, other) || covers(other, one);
}

function hasHostBits(prefix: Prefix): boolean {
  for (let bit = prefix.length; bit < 128; bit++) if (bitOf(prefix, bit) !== 0) return true;
  return false;
}

function bitOf({ base }: Prefix, bit: number): number {
  return ((base[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
}
