/** Addresses that an operator wrote: the same as in broker/base, with an error for an invalid one. */
import { formatIpv4, formatMac, parseIpv4 as readIpv4, parseMac as readMac } from '../../../broker/base/index.ts';
import { NetError } from './errors.ts';

export { formatIpv4, formatMac };

/** Upper case too. @throws NetError ERR_NET_ADDRESS */
export function parseMac(text: string): Uint8Array {
  const mac = readMac(text.toLowerCase());
  if (mac === null) throw new NetError('ERR_NET_ADDRESS', `"${text}" is not a MAC address such as 02:00:00:00:01:01`);
  return mac;
}

/** u32. @throws NetError ERR_NET_ADDRESS */
export function parseIpv4(text: string): number {
  const address = readIpv4(text);
  if (address === null) throw new NetError('ERR_NET_ADDRESS', `"${text}" is not an IPv4 address such as 10.137.1.1`);
  return address;
}
