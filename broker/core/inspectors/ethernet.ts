/**
 * Ethernet frames. Each is checked against the addresses that the inventory gives the sending domain (RFC 894, 826,
 * 791, 8200).
 *
 * These frames pass, if their source MAC is the domain's own: ARP about its own addresses; IPv4 and IPv6 packets from
 * its own address, from an address that it chose (neighbours.ts), or from a prefix that it routes. These are refused, because the receiver could read them differently
 * than this inspector does:
 *   - VLAN and QinQ tags: behind a tag lies another frame, and a link has no VLANs
 *   - frames above MAX_FRAME_BYTES (an MTU of 9000), except for one long TCP segment, which the receiver's kernel cuts:
 *     every piece has the headers that are checked here, except for lengths, checksums, identification and sequence number
 *   - frames shorter than their own headers; longer than their packet says
 *   - DHCP, v4 and v6: it has a class of its own with a permission per message type, and must not pass as `ipv4`
 *   - IPv4 source routes (options LSRR, SSRR) and ICMP redirects: routes come over class `route`
 *   - a first fragment without the ports (RFC 1858); other IPv4 fragments pass, because the first one decides for all
 *   - IPv6 fragments and routing headers; neighbour discovery about another domain's address (RFC 4861, 6980)
 */
import { type Domain, routes4, routes6, type Station } from '../../../policy/contract/index.ts';
import { type AddressChoice, FOREIGN_ADDRESS, FOREIGN_MAC, type Inspector, MALFORMED } from './inspector.ts';

export const MAX_FRAME_BYTES = 9_014;
/** The largest IP packet and its Ethernet header. */
export const MAX_SEGMENT_FRAME_BYTES = 65_549;
const HEADER_BYTES = 14;
const MAC_BYTES = 6;
/** A sender may pad a shorter frame to this length (IEEE 802.3, 64 bytes less the FCS). */
const MIN_FRAME_BYTES = 60;
/** A smaller value in this field is a length, not a type. */
const FIRST_ETHERTYPE = 0x0600;
const MAX_LENGTH_FIELD = 1_500;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;
/** 802.1Q, 802.1ad, and the two older values for QinQ. */
const TAGS: readonly number[] = [0x8100, 0x88a8, 0x9100, 0x9200];

const ARP_BYTES = 28;
const ARP_REQUEST = 1;
const ARP_REPLY = 2;

const IPV4_HEADER_BYTES = 20;
const IPV4_END_OF_OPTIONS = 0;
const IPV4_NO_OPERATION = 1;
const IPV4_LOOSE_SOURCE_ROUTE = 131;
const IPV4_STRICT_SOURCE_ROUTE = 137;
const MORE_FRAGMENTS = 0x2000;
const FRAGMENT_OFFSET = 0x1fff;

const PROTOCOL_ICMP = 1;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const PROTOCOL_ICMPV6 = 58;
const ICMP_REDIRECT = 5;
const UDP_HEADER_BYTES = 8;

const IPV6_HEADER_BYTES = 40;
const IPV6_ADDRESS_BYTES = 16;
const HOP_BY_HOP = 0;
const DESTINATION_OPTIONS = 60;
const IPV6_ROUTING = 43;
const IPV6_FRAGMENT = 44;
/** More than any honest packet has. */
const MAX_EXTENSION_HEADERS = 4;
const ROUTER_SOLICITATION = 133;
const ROUTER_ADVERTISEMENT = 134;
const NEIGHBOUR_SOLICITATION = 135;
const NEIGHBOUR_ADVERTISEMENT = 136;
const ICMPV6_REDIRECT = 137;
const MLDV2_REPORT = 143;
const OPTION_SOURCE_LINK_LAYER = 1;
const OPTION_TARGET_LINK_LAYER = 2;

/** Without a table of neighbours no domain chooses an address. */
const NO_CHOICE: AddressChoice = { admits: () => false, isDefended: () => false, take: () => {} };

const permissions = ['arp', 'ipv4', 'ipv6', 'other'] as const;
const ARP = 0;
const IPV4 = 1;
const IPV6 = 2;
const OTHER = 3;

export const ethernet: Inspector = {
  permissions,
  inspect: (bytes, start, end, source, neighbours = NO_CHOICE) => {
    const { station }: Domain = source;
    const size = end - start;
    if (size < HEADER_BYTES || size > MAX_SEGMENT_FRAME_BYTES) return MALFORMED;
    if (station.mac === null || !holds(bytes, start + MAC_BYTES, station.mac)) return FOREIGN_MAC;
    const type = u16(bytes, start + 12);
    const at = start + HEADER_BYTES;
    if (size > MAX_FRAME_BYTES && !isLongSegment(bytes, at, type)) return MALFORMED;
    switch (type) {
      case ETHERTYPE_ARP:
        return isOwnArp(bytes, at, end, station) ? ARP : whyNotArp(bytes, at, end, station);
      case ETHERTYPE_IPV4:
        return isOwnIpv4(bytes, start, end, station) ? IPV4 : whyNotIpv4(bytes, at, end, station);
      case ETHERTYPE_IPV6:
        return isOwnIpv6(bytes, start, end, source, neighbours) ? IPV6 : whyNotIpv6(bytes, at, end, source, neighbours);
    }
    if (type < FIRST_ETHERTYPE) return type <= MAX_LENGTH_FIELD && type <= end - at ? OTHER : MALFORMED;
    return TAGS.includes(type) ? MALFORMED : OTHER;
  },
};

/**
 * The frame is one TCP segment, with nothing between IP and TCP, and no fragment: what a kernel cuts. The caller checks
 * addresses and lengths as in every other frame.
 */
function isLongSegment(bytes: Uint8Array, at: number, type: number): boolean {
  if (type === ETHERTYPE_IPV6) return bytes[at + 6] === PROTOCOL_TCP;
  if (type !== ETHERTYPE_IPV4 || bytes[at + 9] !== PROTOCOL_TCP) return false;
  return (u16(bytes, at + 6) & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) === 0;
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 0x1_0000 + u16(bytes, at + 2);
}

function holds(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let index = 0; index < expected.length; index++) if (bytes[at + index] !== expected[index]) return false;
  return true;
}

/** The packet fills the frame, except for the padding of a short frame. So no bytes hide behind the packet. */
function endsWithPadding(start: number, packetEnd: number, end: number): boolean {
  return packetEnd === end || (packetEnd < end && end - start <= MIN_FRAME_BYTES);
}

/** ARP over Ethernet and IPv4 (RFC 826). The sender address of a probe is still zero (RFC 5227). */
function isOwnArp(bytes: Uint8Array, at: number, end: number, station: Station): boolean {
  if (end - at < ARP_BYTES || !endsWithPadding(at - HEADER_BYTES, at + ARP_BYTES, end)) return false;
  if (u16(bytes, at) !== 1 || u16(bytes, at + 2) !== ETHERTYPE_IPV4 || u16(bytes, at + 4) !== 0x0604) return false;
  const operation = u16(bytes, at + 6);
  if (operation !== ARP_REQUEST && operation !== ARP_REPLY) return false;
  if (station.mac === null || !holds(bytes, at + 8, station.mac)) return false;
  const sender = u32(bytes, at + 14);
  return station.ipv4 !== null && (sender === station.ipv4 || (sender === 0 && operation === ARP_REQUEST));
}

/** For the auditor, once a frame is refused: does it claim a foreign address, or is it wrong in itself? */
function whyNotArp(bytes: Uint8Array, at: number, end: number, { mac, ipv4 }: Station): number {
  if (end - at < ARP_BYTES) return MALFORMED;
  if (mac === null || !holds(bytes, at + 8, mac)) return FOREIGN_MAC;
  if (ipv4 === null) return FOREIGN_ADDRESS; // the inventory gives it none
  const sender = u32(bytes, at + 14);
  return sender !== 0 && sender !== ipv4 ? FOREIGN_ADDRESS : MALFORMED;
}

function whyNotIpv4(bytes: Uint8Array, at: number, end: number, station: Station): number {
  if (end - at < IPV4_HEADER_BYTES) return MALFORMED;
  const sender = u32(bytes, at + 12);
  return sender !== station.ipv4 && !isRouted4(station, sender) ? FOREIGN_ADDRESS : MALFORMED;
}

function whyNotIpv6(bytes: Uint8Array, at: number, end: number, source: Domain, neighbours: AddressChoice): number {
  if (end - at < IPV6_HEADER_BYTES) return MALFORMED;
  const { station } = source;
  if (station.ipv6 === null && station.slaac.length === 0) return FOREIGN_ADDRESS; // the inventory gives it none
  const sender = at + 8;
  const isUnspecified = isZero(bytes, sender);
  const isOwn = isOwnAddress(bytes, sender, source, neighbours) || isRouted6(bytes, sender, station);
  if (!isOwn && !isUnspecified) return FOREIGN_ADDRESS;
  // Neighbour discovery that announces the address of another domain, or asks for it.
  const message = at + IPV6_HEADER_BYTES;
  const type = bytes[at + 6] === PROTOCOL_ICMPV6 ? bytes[message] : 0;
  const isClaim = type === NEIGHBOUR_ADVERTISEMENT || (type === NEIGHBOUR_SOLICITATION && isUnspecified);
  return isClaim && end - message >= 24 && !isOwnAddress(bytes, message + 8, source, neighbours)
    ? FOREIGN_ADDRESS
    : MALFORMED;
}

function isOwnIpv4(bytes: Uint8Array, start: number, end: number, station: Station): boolean {
  const at = start + HEADER_BYTES;
  const available = end - at;
  if (available < IPV4_HEADER_BYTES) return false;
  const first = bytes[at] ?? 0;
  const headerBytes = (first & 0x0f) * 4;
  const total = u16(bytes, at + 2);
  if (first >> 4 !== 4 || headerBytes < IPV4_HEADER_BYTES || total < headerBytes || total > available) return false;
  if (!endsWithPadding(start, at + total, end)) return false;
  if (headerBytes > IPV4_HEADER_BYTES && !hasHarmlessOptions(bytes, at + IPV4_HEADER_BYTES, at + headerBytes))
    return false;

  const address = u32(bytes, at + 12);
  if (address !== station.ipv4 && !isRouted4(station, address)) return false;

  const fragment = u16(bytes, at + 6);
  const offset = fragment & FRAGMENT_OFFSET;
  const payload = at + headerBytes;
  const packetEnd = at + total;
  // A fragment at offset 8 could overwrite the ports or flags that were checked in the first fragment (RFC 1858).
  if (offset === 1) return false;
  if (offset > 1) return true;
  const isFirstOfMany = (fragment & MORE_FRAGMENTS) !== 0;
  if (isFirstOfMany && packetEnd - payload < 2 * UDP_HEADER_BYTES) return false;
  return isHarmlessTransport(bytes, bytes[at + 9] ?? 0, payload, packetEnd);
}

/** The domain routes this source address. "This network", loopback, multicast and reserved addresses never pass. */
function isRouted4(station: Station, address: number): boolean {
  if (station.routes4.length === 0) return false;
  const firstOctet = address >>> 24;
  return firstOctet !== 0 && firstOctet !== 127 && firstOctet < 224 && routes4(station, address, 32);
}

function hasHarmlessOptions(bytes: Uint8Array, from: number, end: number): boolean {
  let at = from;
  while (at < end) {
    const type = bytes[at] ?? 0;
    if (type === IPV4_END_OF_OPTIONS) return true;
    if (type === IPV4_LOOSE_SOURCE_ROUTE || type === IPV4_STRICT_SOURCE_ROUTE) return false;
    const length = type === IPV4_NO_OPERATION ? 1 : (bytes[at + 1] ?? 0);
    if (type !== IPV4_NO_OPERATION && (length < 2 || at + length > end)) return false;
    at += length;
  }
  return true;
}

function isHarmlessTransport(bytes: Uint8Array, protocol: number, at: number, end: number): boolean {
  if (protocol === PROTOCOL_UDP) {
    if (end - at < UDP_HEADER_BYTES) return false;
    return !isDhcpPort(u16(bytes, at)) && !isDhcpPort(u16(bytes, at + 2));
  }
  if (protocol === PROTOCOL_ICMP) return end - at >= 8 && bytes[at] !== ICMP_REDIRECT;
  return true;
}

/**
 * DHCPv4 uses the ports 67 and 68, DHCPv6 546 and 547. The caller checks the source and the destination port. A DHCPv4
 * server answers from 67 to 68, and a client listens to no other port.
 */
function isDhcpPort(port: number): boolean {
  return port === 67 || port === 68 || port === 546 || port === 547;
}

function isOwnIpv6(bytes: Uint8Array, start: number, end: number, source: Domain, neighbours: AddressChoice): boolean {
  const { station } = source;
  const at = start + HEADER_BYTES;
  if (end - at < IPV6_HEADER_BYTES || (bytes[at] ?? 0) >> 4 !== 6) return false;
  const packetEnd = at + IPV6_HEADER_BYTES + u16(bytes, at + 4);
  // A jumbogram has payload length 0 and a hop-by-hop header (RFC 2675). This check refuses it: the frame is longer
  // than the packet says.
  if (packetEnd > end || !endsWithPadding(start, packetEnd, end)) return false;
  if (station.ipv6 === null && station.slaac.length === 0) return false;
  const sender = at + 8;
  const isUnspecified = isZero(bytes, sender);
  const isGiven = isGivenAddress(bytes, sender, station);
  const isSelf = isGiven || neighbours.admits(source, bytes, sender);
  if (!isSelf && !isUnspecified && !isRouted6(bytes, sender, station)) return false;

  let next = bytes[at + 6] ?? 0;
  let header = at + IPV6_HEADER_BYTES;
  for (let count = 0; next === HOP_BY_HOP || next === DESTINATION_OPTIONS; count++) {
    if (count === MAX_EXTENSION_HEADERS || packetEnd - header < 8) return false;
    next = bytes[header] ?? 0;
    header += 8 + (bytes[header + 1] ?? 0) * 8;
  }
  if (header > packetEnd || next === IPV6_ROUTING || next === IPV6_FRAGMENT) return false;
  const isHarmless =
    next === PROTOCOL_ICMPV6
      ? isOwnIcmpv6(bytes, header, packetEnd, source, neighbours, isSelf, isUnspecified)
      : !isUnspecified && isHarmlessTransport(bytes, next, header, packetEnd);
  // Last: a refused frame takes no address.
  if (isHarmless && isSelf && !isGiven) neighbours.take(source, bytes, sender, true);
  return isHarmless;
}

/** The domain routes this source address. Link-local addresses, ::, ::1 and multicast never pass. */
function isRouted6(bytes: Uint8Array, at: number, station: Station): boolean {
  const firstGroup = u16(bytes, at);
  if (station.routes6.length === 0 || firstGroup === 0 || (firstGroup & 0xffc0) === 0xfe80) return false;
  return firstGroup >> 8 !== 0xff && routes6(station, bytes, at, 128);
}

function isZero(bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < IPV6_ADDRESS_BYTES; index++) if (bytes[at + index] !== 0) return false;
  return true;
}

/** fe80::/64 with an interface identifier made of the MAC (RFC 4291 appendix A): the default of a kernel. */
function isOwnLinkLocal(bytes: Uint8Array, at: number, { mac }: Station): boolean {
  if (mac === null || u16(bytes, at) !== 0xfe80 || u16(bytes, at + 2) !== 0 || u32(bytes, at + 4) !== 0) return false;
  for (let index = 0; index < 3; index++) {
    if (bytes[at + 8 + index] !== ((mac[index] ?? 0) ^ (index === 0 ? 2 : 0))) return false;
    if (bytes[at + 13 + index] !== mac[index + 3]) return false;
  }
  return u16(bytes, at + 11) === 0xfffe;
}

/** Neighbour discovery is the ARP of IPv6: the addresses that it announces must be the sender's own. */
function isOwnIcmpv6(
  bytes: Uint8Array,
  at: number,
  end: number,
  source: Domain,
  neighbours: AddressChoice,
  isSelf: boolean,
  isUnspecified: boolean,
): boolean {
  const { station } = source;
  if (end - at < 8) return false;
  const type = bytes[at] ?? 0;
  switch (type) {
    case ICMPV6_REDIRECT:
      return false;
    case ROUTER_ADVERTISEMENT:
      // A router advertisement always announces a default route, so the sender must be allowed to route ::/0.
      return isSelf && routes6(station, bytes, at, 0) && hasOwnLinkLayer(bytes, at + 16, end, station);
    case ROUTER_SOLICITATION:
      return hasOwnLinkLayer(bytes, at + 8, end, station);
    case NEIGHBOUR_SOLICITATION:
      if (end - at < 24 || !hasOwnLinkLayer(bytes, at + 24, end, station)) return false;
      // From :: it asks whether an address is free (RFC 4862). A domain may ask about its own addresses, about those that
      // it may choose, and about one that another domain defends.
      return (
        !isUnspecified || claims(bytes, at + 8, source, neighbours) || neighbours.isDefended(source, bytes, at + 8)
      );
    case NEIGHBOUR_ADVERTISEMENT:
      if (end - at < 24 || !isSelf || !hasOwnLinkLayer(bytes, at + 24, end, station)) return false;
      return claims(bytes, at + 8, source, neighbours);
    default:
      return !isUnspecified || type === MLDV2_REPORT;
  }
}

/** The address is the domain's by the inventory. */
function isGivenAddress(bytes: Uint8Array, at: number, station: Station): boolean {
  return (station.ipv6 !== null && holds(bytes, at, station.ipv6)) || isOwnLinkLocal(bytes, at, station);
}

function isOwnAddress(bytes: Uint8Array, at: number, source: Domain, neighbours: AddressChoice): boolean {
  return isGivenAddress(bytes, at, source.station) || neighbours.admits(source, bytes, at);
}

/** The domain asks for the address or announces it, and so takes it. False: it may not. */
function claims(bytes: Uint8Array, at: number, source: Domain, neighbours: AddressChoice): boolean {
  if (isGivenAddress(bytes, at, source.station)) return true;
  if (!neighbours.admits(source, bytes, at)) return false;
  neighbours.take(source, bytes, at, false);
  return true;
}

/** Every link-layer option names the sender's own MAC. */
function hasOwnLinkLayer(bytes: Uint8Array, from: number, end: number, { mac }: Station): boolean {
  let at = from;
  while (at < end) {
    const type = bytes[at];
    const length = (bytes[at + 1] ?? 0) * 8;
    if (length === 0 || at + length > end) return false;
    if (type === OPTION_SOURCE_LINK_LAYER || type === OPTION_TARGET_LINK_LAYER) {
      if (mac === null || !holds(bytes, at + 2, mac)) return false;
    }
    at += length;
  }
  return at === end;
}
