/**
 * Routes: a router announces to a domain the prefixes that the domain can reach through it.
 *
 *   byte 0  version, 1             8  gateway, IPv4 (zero: none)      then `count` entries of 24 bytes:
 *        1  operation             12  reserved, 0                        0  family, 4 or 6     4  metric, u32
 *        2  count, u16            16  gateway, IPv6 (zero: none)         1  prefix length      8  prefix, 16 bytes, an IPv4
 *        4  generation, u32                                              2  reserved, 0           one in the first four
 *
 * Numbers are little-endian, addresses in network order. `announce` and `announce-default` replace all routes that the
 * same sender announced by the same operation, so a set of routes changes at once or not at all. `withdraw` removes the
 * listed routes, or all of them if it lists none. A default route means routing to the Internet, so it has an operation
 * of its own and is refused among other routes. The gateway must be the sender's own address, and the inventory must
 * list every prefix under the sender's `routes`.
 */
import { routes4, routes6, type Station } from '../../../policy/contract/index.ts';
import { hasHostBits, mask4 } from '../../base/index.ts';
import { FOREIGN_ADDRESS, type Inspector, MALFORMED } from './inspector.ts';

const VERSION = 1;
const HEADER_BYTES = 32;
const ENTRY_BYTES = 24;
/** A larger set is a routing table of the Internet, not of the machines of one host. */
const MAX_ENTRIES = 256;

const permissions = ['announce', 'announce-default', 'withdraw', 'request'] as const;
const ANNOUNCE_DEFAULT = 1;
const WITHDRAW = 2;
const REQUEST = 3;

export const route: Inspector = {
  permissions,
  inspect: (bytes, start, end, { station }) => {
    if (end - start < HEADER_BYTES || bytes[start] !== VERSION) return MALFORMED;
    const operation = (bytes[start + 1] ?? 0) - 1;
    const count = (bytes[start + 2] ?? 0) | ((bytes[start + 3] ?? 0) << 8);
    if (operation < 0 || operation > REQUEST || count > MAX_ENTRIES) return MALFORMED;
    if (end - start !== HEADER_BYTES + count * ENTRY_BYTES || !isZero(bytes, start + 12, start + 16)) return MALFORMED;
    const has4 = !isZero(bytes, start + 8, start + 12);
    const has6 = !isZero(bytes, start + 16, start + 32);
    if (operation === REQUEST) return count === 0 && !has4 && !has6 ? REQUEST : MALFORMED;
    if (has4 && (station.ipv4 === null || big32(bytes, start + 8) !== station.ipv4)) return FOREIGN_ADDRESS;
    if (has6 && !isOwn6(bytes, start + 16, station)) return FOREIGN_ADDRESS;
    for (let at = start + HEADER_BYTES; at < end; at += ENTRY_BYTES) {
      const fault = entryFault(bytes, at, operation, has4, has6, station);
      if (fault < 0) return fault;
    }
    return operation;
  },
};

/** Zero for a good entry, else the reason. A prefix of another router is a claim, not damage. */
function entryFault(
  bytes: Uint8Array,
  at: number,
  operation: number,
  has4: boolean,
  has6: boolean,
  station: Station,
): number {
  const family = bytes[at];
  const length = bytes[at + 1] ?? 0;
  const prefix = at + 8;
  if (bytes[at + 2] !== 0 || bytes[at + 3] !== 0) return MALFORMED;
  if (operation !== WITHDRAW && (length === 0) !== (operation === ANNOUNCE_DEFAULT)) return MALFORMED;
  if (family === 4) {
    const base = big32(bytes, prefix);
    if (length > 32 || !isZero(bytes, prefix + 4, prefix + 16) || mask4(base, length) !== base) return MALFORMED;
    if (operation === WITHDRAW) return 0;
    if (!has4) return MALFORMED;
    return routes4(station, base, length) ? 0 : FOREIGN_ADDRESS;
  }
  if (family !== 6 || length > 128 || hasHostBits(bytes, prefix, length)) return MALFORMED;
  if (operation === WITHDRAW) return 0;
  if (!has6) return MALFORMED;
  return routes6(station, bytes, prefix, length) ? 0 : FOREIGN_ADDRESS;
}

function big32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) * 0x100_0000 + (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
  );
}

function isZero(bytes: Uint8Array, from: number, end: number): boolean {
  for (let at = from; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}

function isOwn6(bytes: Uint8Array, at: number, { ipv6 }: Station): boolean {
  if (ipv6 === null) return false;
  for (let index = 0; index < ipv6.length; index++) if (bytes[at + index] !== ipv6[index]) return false;
  return true;
}
