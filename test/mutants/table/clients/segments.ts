/** Lines that hold one long TCP segment to what holds for each of its pieces, and keep unchecked headers from a kernel. */
import type { Mutant } from '../../mutant.ts';

const INSPECTED = ['test/agents/network/link/segment-inspector.test.ts'];
const HEADER = ['test/agents/network/link/offload.test.ts'];
const LINK = ['test/agents/network/link/segments-link.test.ts'];

/** Of the broker's inspector. */
const INSPECTOR: readonly (readonly [find: string, replace: string])[] = [
  ['if (size > MAX_FRAME_BYTES && !isLongSegment(bytes, at, type)) return MALFORMED;', ''],
  [' || size > MAX_SEGMENT_FRAME_BYTES', ''],
  ['return bytes[at + 6] === PROTOCOL_TCP;', 'return true;'],
  ['type !== ETHERTYPE_IPV4 || bytes[at + 9]', 'bytes[at + 9]'],
  [' || bytes[at + 9] !== PROTOCOL_TCP', ''],
  ['return (u16(bytes, at + 6) & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) === 0;', 'return true;'],
];

/** Of the end that writes a header for its kernel. */
const RECEIVER: readonly (readonly [find: string, replace: string])[] = [
  ['type >>> VERSION_SHIFT !== OFFLOAD_VERSION >>> VERSION_SHIFT || ', ''],
  [' || (type & ~(OFFLOAD_VERSION | WORK)) !== 0)', ')'],
  ['if ((type & PARTIAL_CHECKSUM) === 0) return false;', ''],
  ['if (length > (pieceBytes === 0 ? MAX_FRAME_BYTES : MAX_SEGMENT_FRAME_BYTES)) return false;', ''],
  ['frame.length >= ETHERNET_BYTES && frame.length <= MAX_FRAME_BYTES', 'true'],
  ['return pieceBytes === 0 && length - start', 'return length - start'],
  [' && frame.readUInt16BE(start + 4) === length - start', ''],
  ['payload < start + TCP_BYTES || ', ''],
  [' || payload > length) return false;', ') return false;'],
  ['payload === length || ', ''],
  [' || payload + pieceBytes > MAX_FRAME_BYTES', ''],
  ['return length - payload <= pieceBytes * MAX_NET_PIECES;', 'return true;'],
  ['headerBytes < IPV4_BYTES || ', ''],
  [' || frame.readUInt16BE(ETHERNET_BYTES + 2) !== length - ETHERNET_BYTES', ''],
  ['if ((frame.readUInt16BE(ETHERNET_BYTES + 6) & FRAGMENT) !== 0) return -1;', ''],
  ['if (frame.readUInt16BE(ETHERNET_BYTES + 4) !== length - ETHERNET_BYTES - IPV6_BYTES) return -1;', ''],
  [' && first >> 4 === 4', ''],
  [' || first >> 4 !== 6', ''],
];

/** Of the end whose kernel leaves work out. */
const SENDER: readonly (readonly [find: string, replace: string])[] = [
  ['packet.readUInt16LE(AT.checksumStart) !== start || ', ''],
  [' || packet.readUInt16LE(AT.checksumOffset) !== checksumOffset', ''],
  ['return kind === GSO_NONE || kind === transport.kind ? type : -1;', 'return type;'],
  ['(kind !== GSO_NONE) !== (pieceBytes !== 0) || ', ''],
];

const OFFLOAD = 'clients/agents/network/link/offload.ts';
const LINKS = 'clients/agents/network/link/link.ts';

export const SEGMENTS: readonly Mutant[] = [
  ...INSPECTOR.map(([find, replace]): Mutant => {
    return { in: 'broker/core/inspectors/ethernet.ts', find, replace, promise: 'no spoofed source', tests: INSPECTED };
  }),
  ...[...RECEIVER, ...SENDER].map(([find, replace]): Mutant => {
    return { in: OFFLOAD, find, replace, promise: 'no input breaks the parser', tests: HEADER };
  }),
  {
    in: 'clients/agents/network/link/segment-tap.ts',
    find: 'if (!writeHeader(this.#outgoing.subarray(0, length), type)) return false;',
    replace: 'writeHeader(this.#outgoing.subarray(0, length), type);',
    promise: 'no input breaks the parser',
    tests: LINK,
  },
  {
    in: 'clients/agents/network/link/segment-tap.ts',
    find: 'if (length > PACKET_BYTES) return false;',
    replace: '',
    promise: 'no input breaks the parser',
    tests: LINK,
  },
  {
    in: LINKS,
    find: 'if (payload.length > MAX_FRAME_BYTES) {',
    replace: 'if (payload.length > 2 * MAX_FRAME_BYTES) {',
    promise: 'no input breaks the parser',
    tests: LINK,
  },
];
