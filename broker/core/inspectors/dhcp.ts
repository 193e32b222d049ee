/**
 * DHCP messages (RFC 2131, 2132): the permission is the message type of option 53. The inspector reads only enough to
 * find it and to check that the message speaks about its sender. The complete codec is in clients/agents/network/dhcp.
 *
 * A client's message must carry its domain's own MAC as chaddr. A client identifier that is a MAC must be the same one,
 * so that no domain can request, release or use up another domain's lease. Other client identifiers pass (DUIDs, RFC
 * 4361 §6.3, which dhcpcd and systemd-networkd send): a server must tell clients apart by chaddr, as ours does. A
 * server's message must name its domain's own address as server identifier. The relay fields (giaddr, hops) must be
 * zero: the broker carries the messages, and giaddr would redirect the answer.
 */
import type { Station } from '../../../policy/contract/index.ts';
import { FOREIGN_ADDRESS, FOREIGN_CLIENT_ID, FOREIGN_MAC, type Inspector, MALFORMED } from './inspector.ts';

const FIXED_BYTES = 236;
const MIN_BYTES = FIXED_BYTES + 4;
const MAX_BYTES = 1_472;
const MAGIC_COOKIE = 0x6382_5363;
const AT = { op: 0, htype: 1, hlen: 2, hops: 3, ciaddr: 12, giaddr: 24, chaddr: 28, sname: 44, file: 108 } as const;
const SNAME_BYTES = 64;
const FILE_BYTES = 128;
const BOOTREQUEST = 1;
const BOOTREPLY = 2;
const ETHERNET = 1;
const MAC_BYTES = 6;

const PAD = 0;
const END = 255;
const OVERLOAD = 52;
const MESSAGE_TYPE = 53;
const SERVER_IDENTIFIER = 54;
const CLIENT_IDENTIFIER = 61;
/** RFC 3046: a relay adds this option, and a client is not allowed to. */
const RELAY_AGENT_INFORMATION = 82;

/** Position = message type - 1. */
const permissions = ['discover', 'offer', 'request', 'decline', 'ack', 'nak', 'release', 'inform'] as const;
const IS_REPLY: readonly boolean[] = [false, true, false, false, true, true, false, false];

/** The findings of one walk over the options. All calls share the object, because an inspector is never re-entered. */
const found = { messageType: 0, overload: 0, isRefused: false, claim: 0 };

export const dhcp: Inspector = {
  permissions,
  inspect: (bytes, start, end, { station }) => {
    const size = end - start;
    if (size < MIN_BYTES || size > MAX_BYTES) return MALFORMED;
    const isReply = bytes[start + AT.op] === BOOTREPLY;
    if (!isReply && bytes[start + AT.op] !== BOOTREQUEST) return MALFORMED;
    if (bytes[start + AT.htype] !== ETHERNET || bytes[start + AT.hlen] !== MAC_BYTES) return MALFORMED;
    if (bytes[start + AT.hops] !== 0 || u32(bytes, start + AT.giaddr) !== 0) return MALFORMED;
    if (u32(bytes, start + FIXED_BYTES) !== MAGIC_COOKIE) return MALFORMED;
    if (!isReply) {
      if (station.mac === null || !holds(bytes, start + AT.chaddr, station.mac)) return FOREIGN_MAC;
      const ciaddr = u32(bytes, start + AT.ciaddr);
      if (ciaddr !== 0 && station.ipv4 !== null && ciaddr !== station.ipv4) return FOREIGN_ADDRESS;
    }

    found.messageType = 0;
    found.overload = 0;
    found.isRefused = false;
    found.claim = 0;
    walk(bytes, start + MIN_BYTES, end, isReply, station, true);
    const { overload } = found;
    if (overload > 3) return MALFORMED;
    if ((overload & 1) !== 0) walk(bytes, start + AT.file, start + AT.file + FILE_BYTES, isReply, station, false);
    if ((overload & 2) !== 0) walk(bytes, start + AT.sname, start + AT.sname + SNAME_BYTES, isReply, station, false);
    const type = found.messageType;
    if (found.isRefused || type < 1 || type > permissions.length || IS_REPLY[type - 1] !== isReply) return MALFORMED;
    // Last, so that a damaged message is called damaged whatever it claims.
    return found.claim < 0 ? found.claim : type - 1;
  },
};

function u32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) * 0x100_0000 + (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
  );
}

function holds(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let index = 0; index < expected.length; index++) if (bytes[at + index] !== expected[index]) return false;
  return true;
}

/**
 * Reads the options of `bytes[from, end)`, up to the end mark or the end of the field. Some real clients omit the mark,
 * and some leave 0, 0xFF or old bytes after it. No reader is allowed to look behind the mark, so this one does not.
 */
function walk(bytes: Uint8Array, from: number, end: number, isReply: boolean, station: Station, isMain: boolean): void {
  let at = from;
  while (at < end) {
    const code = bytes[at] ?? 0;
    if (code === PAD) {
      at++;
      continue;
    }
    if (code === END) return;
    const length = bytes[at + 1] ?? 0;
    const value = at + 2;
    at = value + length;
    if (at > end) break;
    take(bytes, code, value, length, isReply, station, isMain);
  }
  if (at > end) found.isRefused = true; // an option that reaches beyond the field
}

function take(
  bytes: Uint8Array,
  code: number,
  value: number,
  length: number,
  isReply: boolean,
  station: Station,
  isMain: boolean,
): void {
  switch (code) {
    case MESSAGE_TYPE:
      // Option 53 given twice is one option in two pieces (RFC 3396). No type has two bytes, and readers disagree about
      // which of the two counts.
      if (length !== 1 || found.messageType !== 0) found.isRefused = true;
      found.messageType = bytes[value] ?? 0;
      return;
    case OVERLOAD:
      if (!isMain || length !== 1 || found.overload !== 0 || bytes[value] === 0) found.isRefused = true;
      found.overload = bytes[value] ?? 0;
      return;
    case CLIENT_IDENTIFIER:
      if (isReply || bytes[value] !== ETHERNET) return;
      if (length !== 1 + MAC_BYTES) found.isRefused = true;
      else if (station.mac === null || !holds(bytes, value + 1, station.mac)) found.claim = FOREIGN_CLIENT_ID;
      return;
    case SERVER_IDENTIFIER:
      if (length !== 4) found.isRefused = true;
      else if (isReply && station.ipv4 !== null && u32(bytes, value) !== station.ipv4) found.claim = FOREIGN_ADDRESS;
      return;
    case RELAY_AGENT_INFORMATION:
      found.isRefused = true;
      return;
  }
}
