/** Ethernet frames of the simulation. Each says in its last bytes which domain has made it, whatever its addresses say. */
import { parseIpv4, parseMac } from '../../../broker/base/index.ts';

const FRAME_BYTES = 60;
const MARK_AT = 42;
/** For experiments, IEEE 802. */
const ETHERTYPE_EXPERIMENT = 0x88b5;
export const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_AT = 12;
const ARP_SENDER_AT = 28;

export interface FrameClaim {
  readonly mac: string;
  /** Not null: the frame is ARP, and says that it is about this address. */
  readonly ipv4: string | null;
}

export function frameOf(domid: number, number: number, { mac, ipv4 }: FrameClaim, to: string | null): Uint8Array {
  const frame = Buffer.alloc(FRAME_BYTES);
  const source = parseMac(mac) ?? new Uint8Array(6);
  frame.set(to === null ? new Uint8Array(6).fill(0xff) : (parseMac(to) ?? []), 0);
  frame.set(source, 6);
  frame.writeUInt16BE(ipv4 === null ? ETHERTYPE_EXPERIMENT : ETHERTYPE_ARP, ETHERTYPE_AT);
  if (ipv4 !== null) {
    frame.set([0, 1, 8, 0, 6, 4, 0, 1], 14);
    frame.set(source, 22);
    frame.writeUInt32BE(parseIpv4(ipv4) ?? 0, ARP_SENDER_AT);
  }
  frame.writeUInt16BE(domid, MARK_AT);
  frame.writeUInt32BE(number, MARK_AT + 2);
  return frame;
}

export interface ReadFrame {
  readonly domid: number;
  readonly number: number;
  readonly mac: Uint8Array;
  /** Of ARP. */
  readonly ipv4: number | null;
}

/** Null: a frame that no agent of the simulation has made, such as DHCP. */
export function readFrame(bytes: Uint8Array): ReadFrame | null {
  const frame = Buffer.from(bytes);
  if (frame.length !== FRAME_BYTES) return null;
  const type = frame.readUInt16BE(ETHERTYPE_AT);
  if (type !== ETHERTYPE_ARP && type !== ETHERTYPE_EXPERIMENT) return null;
  return {
    domid: frame.readUInt16BE(MARK_AT),
    number: frame.readUInt32BE(MARK_AT + 2),
    mac: frame.subarray(6, 12),
    ipv4: type === ETHERTYPE_ARP ? frame.readUInt32BE(ARP_SENDER_AT) : null,
  };
}
