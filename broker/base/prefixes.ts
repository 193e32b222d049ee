/** Address prefixes (RFC 4632, RFC 4291 §2.3): as text, and as bits of the addresses in packets. */
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from './addresses.ts';

export interface Prefix {
  readonly family: 4 | 6;
  /** 16 bytes. An IPv4 prefix is in the first four, the rest is zero. Bits beyond `length` are zero. */
  readonly base: Uint8Array;
  /** 0 … 32 or 0 … 128 */
  readonly length: number;
}

const TEXT = /^([^/]{2,39})\/(0|[1-9]\d{0,2})$/;

/** `10.0.0.0/8` or `fd00::/8`; null for other text, a length beyond the address, or bits beyond the length. */
export function parsePrefix(text: string): Prefix | null {
  const [, address = '', digits = ''] = TEXT.exec(text) ?? [];
  const family = address.includes(':') ? 6 : 4;
  const base = addressBytes(address, family);
  const length = Number(digits);
  if (digits === '' || base === null || length > (family === 4 ? 32 : 128)) return null;
  return hasHostBits(base, 0, length) ? null : { family, base, length };
}

/** The canonical spelling of a prefix. `parsePrefix` reads others too. */
export function formatPrefix({ family, base, length }: Prefix): string {
  return `${formatAddress(base, family)}/${length}`;
}

/** An address as the 16 bytes of a `Prefix`, or null. */
export function addressBytes(text: string, family: 4 | 6): Uint8Array | null {
  if (family === 6) return parseIpv6(text);
  const address = parseIpv4(text);
  if (address === null) return null;
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(0, address);
  return bytes;
}

/** The text of the 16 bytes of a `Prefix`. */
export function formatAddress(bytes: Uint8Array, family: 4 | 6): string {
  return family === 6 ? formatIpv6(bytes) : formatIpv4(ipv4Of(bytes));
}

/** The first four bytes as u32, big-endian. */
export function ipv4Of(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
}

/** True when `outer` holds the whole of `inner`. */
export function covers(outer: Prefix, inner: Prefix): boolean {
  if (outer.family !== inner.family || outer.length > inner.length) return false;
  return sharesPrefix(outer.base, inner.base, 0, outer.length);
}

export function overlaps(one: Prefix, other: Prefix): boolean {
  return covers(one, other) || covers(other, one);
}

/** The first `length` bits of an IPv4 address. */
export function mask4(address: number, length: number): number {
  return length === 0 ? 0 : (address & (0xffff_ffff << (32 - length))) >>> 0;
}

/** True when bits beyond the first `length` of the 16 bytes at `bytes[at]` are set. */
export function hasHostBits(bytes: Uint8Array, at: number, length: number): boolean {
  for (let bit = length; bit < 128; bit++) {
    if ((((bytes[at + (bit >> 3)] ?? 0) >> (7 - (bit & 7))) & 1) !== 0) return true;
  }
  return false;
}

/** True when the 16 bytes at `bytes[at]` begin with the first `length` bits of `base`. */
export function sharesPrefix(base: Uint8Array, bytes: Uint8Array, at: number, length: number): boolean {
  const whole = length >> 3;
  for (let index = 0; index < whole; index++) if (base[index] !== bytes[at + index]) return false;
  const rest = length & 7;
  if (rest === 0) return true;
  return ((base[whole] ?? 0) ^ (bytes[at + whole] ?? 0)) >> (8 - rest) === 0;
}
