export { formatIpv6, parseIpv4, parseIpv6, parseMac } from './addresses.ts';
export { Fifo } from './fifo.ts';
