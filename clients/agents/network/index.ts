/**
 * Entry of clients/agents/network: the agents that carry DHCP, routes, Ethernet frames and TCP streams over the broker.
 */

export { type NetworkConfig, parseNetworkConfig, readNetworkConfig, startNetworkEndpoint } from './endpoint.ts';
export { MAX_FRAME_BYTES } from './limits.ts';
export type { LinkAttachment, SegmentPort } from './link/attachment.ts';
export {
  ETHERNET_BYTES,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  GSO_TCP4,
  GSO_TCP6,
  IPV4_BYTES,
  IPV6_BYTES,
  NEEDS_CHECKSUM,
  NET_HEADER_BYTES,
  TCP,
} from './link/headers.ts';
export { Link, lossesOf } from './link/link.ts';
export { writeHeader } from './link/offload.ts';
export { framesOf } from './link/packet.ts';
export { tapCalls } from './link/tap-calls.ts';
