/**
 * A DHCP message, RFC 2131 §2 figure 1, with its options of RFC 2132. Decoding is total: null for what is no message.
 * Encoding fills `file` and `sname` with options (overload, option 52) when the largest message that the client takes
 * has no room for them otherwise.
 */
import { MAX_DHCP_BYTES } from '../limits.ts';
import { BOOTREPLY, BOOTREQUEST, HTYPE_ETHERNET, MAGIC_COOKIE, MessageType, Option } from './constants.ts';
import { type Options, optionBytes, readOptions, writeOptions } from './options.ts';

export interface DhcpMessage {
  readonly op: number;
  /** Hardware type; 1 = Ethernet. */
  readonly htype: number;
  readonly hops: number;
  /** Transaction id, u32. */
  readonly xid: number;
  /** Seconds since the client began. */
  readonly secs: number;
  /** Bit 15: answer by broadcast. */
  readonly flags: number;
  /** Addresses are u32; 0 = none. */
  readonly ciaddr: number;
  readonly yiaddr: number;
  readonly siaddr: number;
  readonly giaddr: number;
  /** `hlen` bytes, at most 16. */
  readonly chaddr: Uint8Array;
  /** Without its zeros; empty when it held options. */
  readonly sname: Uint8Array;
  readonly file: Uint8Array;
  /** All but pad, end and overload, which are how they are stored. */
  readonly options: Options;
}

const SNAME = { at: 44, bytes: 64 } as const;
const FILE = { at: 108, bytes: 128 } as const;
const COOKIE_AT = 236;
const OPTIONS_AT = 240;
const CHADDR_BYTES = 16;

/** Null for a malformed message, or for a length that no Ethernet frame holds. */
export function decodeDhcp(bytes: Uint8Array): DhcpMessage | null {
  if (bytes.length < OPTIONS_AT || bytes.length > 1_472) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const op = view.getUint8(0);
  const hlen = view.getUint8(2);
  if ((op !== BOOTREQUEST && op !== BOOTREPLY) || hlen > CHADDR_BYTES) return null;
  if (view.getUint32(COOKIE_AT) !== MAGIC_COOKIE) return null;
  const options = new Map<number, Uint8Array>();
  if (!readOptions(bytes.subarray(OPTIONS_AT), options)) return null;
  const overload = options.get(Option.overload);
  if (overload !== undefined && (overload.length !== 1 || (overload[0] ?? 0) < 1 || (overload[0] ?? 0) > 3))
    return null;
  const overloaded = overload?.[0] ?? 0;
  const sname = bytes.subarray(SNAME.at, SNAME.at + SNAME.bytes);
  const file = bytes.subarray(FILE.at, FILE.at + FILE.bytes);
  // RFC 3396 §5: in this order do pieces of one option belong together.
  options.delete(Option.overload);
  if ((overloaded & 1) !== 0 && !readOptions(file, options)) return null;
  if ((overloaded & 2) !== 0 && !readOptions(sname, options)) return null;
  if (options.has(Option.overload)) return null;
  return {
    op,
    htype: view.getUint8(1),
    hops: view.getUint8(3),
    xid: view.getUint32(4),
    secs: view.getUint16(8),
    flags: view.getUint16(10),
    ciaddr: view.getUint32(12),
    yiaddr: view.getUint32(16),
    siaddr: view.getUint32(20),
    giaddr: view.getUint32(24),
    chaddr: bytes.slice(28, 28 + hlen),
    sname: (overloaded & 2) !== 0 ? new Uint8Array(0) : untilZero(sname),
    file: (overloaded & 1) !== 0 ? new Uint8Array(0) : untilZero(file),
    options,
  };
}

/**
 * @param maxBytes largest message, at least 300; options that do not fit it even with overload are left out, the last
 *   first, so callers put first what matters
 */
export function encodeDhcp(message: DhcpMessage, maxBytes: number): Uint8Array {
  const fields = layOut(message, maxBytes - OPTIONS_AT);
  const main = writeOptions(fields.main);
  // BOOTP's 300 bytes: older relays and clients drop a shorter message.
  const bytes = new Uint8Array(Math.max(300, OPTIONS_AT + main.length));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, message.op);
  view.setUint8(1, message.htype);
  view.setUint8(2, message.chaddr.length);
  view.setUint8(3, message.hops);
  view.setUint32(4, message.xid);
  view.setUint16(8, message.secs);
  view.setUint16(10, message.flags);
  view.setUint32(12, message.ciaddr);
  view.setUint32(16, message.yiaddr);
  view.setUint32(20, message.siaddr);
  view.setUint32(24, message.giaddr);
  bytes.set(message.chaddr.subarray(0, CHADDR_BYTES), 28);
  bytes.set(fields.sname ?? message.sname.subarray(0, SNAME.bytes), SNAME.at);
  bytes.set(fields.file ?? message.file.subarray(0, FILE.bytes), FILE.at);
  view.setUint32(COOKIE_AT, MAGIC_COOKIE);
  bytes.set(main, OPTIONS_AT);
  return bytes;
}

/**
 * The message rewritten, for a program that the broker did not protect: nothing is left behind the end marks, and a
 * client identifier that is not the client's MAC is left out. A server such as dnsmasq finds leases by it, so a domain
 * that sent another client's DUID would get that client's lease; without one the MAC decides (RFC 4361 §6.3).
 */
export function cleanDhcp(message: DhcpMessage): Uint8Array {
  const options = new Map(message.options);
  const identifier = options.get(Option.clientIdentifier);
  const isMac = identifier?.[0] === HTYPE_ETHERNET && identifier.length === 1 + message.chaddr.length;
  if (message.op === BOOTREQUEST && !isMac) options.delete(Option.clientIdentifier);
  return encodeDhcp({ ...message, options }, MAX_DHCP_BYTES);
}

interface Layout {
  readonly main: Options;
  /** Null: the field has its own content, and no options. */
  readonly file: Uint8Array | null;
  readonly sname: Uint8Array | null;
}

function layOut({ options, file, sname }: DhcpMessage, room: number): Layout {
  const all = [...options].filter(([code]) => code !== Option.overload);
  const needed = all.reduce((sum, [, value]) => sum + optionBytes(value), 1);
  if (needed <= room) return { main: new Map(all), file: null, sname: null };
  const OVERLOAD_BYTES = 3;
  const buckets = [
    { bit: 0, room: room - 1 - OVERLOAD_BYTES, options: new Map<number, Uint8Array>() },
    ...(file.length === 0 ? [{ bit: 1, room: FILE.bytes - 1, options: new Map<number, Uint8Array>() }] : []),
    ...(sname.length === 0 ? [{ bit: 2, room: SNAME.bytes - 1, options: new Map<number, Uint8Array>() }] : []),
  ];
  for (const [code, value] of all) {
    const size = optionBytes(value);
    const bucket = buckets.find((candidate) => candidate.room >= size);
    if (bucket === undefined) continue;
    bucket.room -= size;
    bucket.options.set(code, value);
  }
  const field = (bit: number): Uint8Array | null => {
    const used = buckets.find((bucket) => bucket.bit === bit)?.options;
    return used === undefined || used.size === 0 ? null : writeOptions(used);
  };
  const overload = (field(1) === null ? 0 : 1) | (field(2) === null ? 0 : 2);
  const main = new Map(buckets[0]?.options);
  if (overload !== 0) main.set(Option.overload, Uint8Array.of(overload));
  return { main, file: field(1), sname: field(2) };
}

function untilZero(field: Uint8Array): Uint8Array {
  const end = field.indexOf(0);
  return field.slice(0, end < 0 ? field.length : end);
}

/** 1 … 8, or null for BOOTP and for a type that is not of RFC 2131. */
export function messageTypeOf({ options }: DhcpMessage): number | null {
  const value = options.get(Option.messageType);
  const type = value?.length === 1 ? (value[0] ?? 0) : 0;
  return type >= MessageType.discover && type <= MessageType.inform ? type : null;
}

/** The address in an option, u32; null when it is not there or has another length. */
export function addressOption({ options }: DhcpMessage, code: number): number | null {
  const value = options.get(code);
  if (value?.length !== 4) return null;
  return new DataView(value.buffer, value.byteOffset, 4).getUint32(0);
}

export function u32Option(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

export function u16Option(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 255);
}

/** The common fields of messages to and from an Ethernet client. */
export function ethernetMessage(
  fields: Partial<DhcpMessage> & Pick<DhcpMessage, 'op' | 'xid' | 'chaddr' | 'options'>,
): DhcpMessage {
  const nothing = new Uint8Array(0);
  return {
    htype: HTYPE_ETHERNET,
    hops: 0,
    secs: 0,
    flags: 0,
    ciaddr: 0,
    yiaddr: 0,
    siaddr: 0,
    giaddr: 0,
    sname: nothing,
    file: nothing,
    ...fields,
  };
}
