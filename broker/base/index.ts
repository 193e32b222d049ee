/** The lowest layer: every part of Argus may use it, in the broker and in a guest. It imports nothing. */

export {
  formatIpv4,
  formatIpv6,
  formatMac,
  type HostPort,
  parseHostPort,
  parseIpv4,
  parseIpv6,
  parseMac,
} from './addresses.ts';
export { type Clock, nodeClock } from './clock.ts';
export { CodedError } from './coded-error.ts';
export { parseDuration } from './durations.ts';
export { Fifo } from './fifo.ts';
export { InvariantError, invariant } from './invariant.ts';
export { type StreamSocket, writeLent } from './lent-write.ts';
export {
  addressBytes,
  covers,
  formatAddress,
  formatPrefix,
  hasHostBits,
  ipv4Of,
  mask4,
  overlaps,
  type Prefix,
  parsePrefix,
  sharesPrefix,
} from './prefixes.ts';
export { reasonOf } from './reason.ts';
export { didYouMean } from './suggest.ts';
export { byText } from './text-order.ts';
