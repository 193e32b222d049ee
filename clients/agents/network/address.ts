/** Addresses of packets as text, and back. */
import { isIPv4 } from 'node:net';
import { NetError } from './errors.ts';

const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i;

/** @throws NetError ERR_NET_ADDRESS */
export function parseMac(text: string): Uint8Array {
  if (!MAC.test(text)) throw new NetError('ERR_NET_ADDRESS', `"${text}" is no MAC address such as 02:00:00:00:01:01`);
  return Uint8Array.from(text.split(':'), (pair) => Number.parseInt(pair, 16));
}

/** Of the six bytes at `bytes[at]`, lower case. */
export function formatMac(bytes: Uint8Array, at = 0): string {
  return Array.from(bytes.subarray(at, at + 6), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** u32. @throws NetError ERR_NET_ADDRESS */
export function parseIpv4(text: string): number {
  if (!isIPv4(text)) throw new NetError('ERR_NET_ADDRESS', `"${text}" is no IPv4 address such as 10.137.1.1`);
  return text.split('.').reduce((address, octet) => address * 256 + Number(octet), 0);
}

export function formatIpv4(address: number): string {
  return [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255].join('.');
}
