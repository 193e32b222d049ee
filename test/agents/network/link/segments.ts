/** TCP segments for tests, and a slow splitter that shares no code with the product. */
import { frame, ipv4Packet, ipv6Packet, u16 } from '../packets.ts';

export const CHROME = '02:00:00:00:01:01';
export const NET = '02:00:00:00:00:02';
export const OWN4 = '10.137.1.1';
export const OWN6 = 'fd00:0:0:0:0:0:1:1';

export interface Segment {
  readonly bytes?: number;
  readonly from?: string;
  /** Of TCP, in bytes; a multiple of 4. */
  readonly options?: number;
  readonly flags?: number;
  readonly ipOptions?: readonly number[];
  readonly fragment?: number;
  readonly protocol?: number;
}

export function tcp(bytes: number, options = 0, flags = 0x18): number[] {
  const payload = Array.from({ length: bytes }, (_, index) => index % 251);
  const header = [...u16(5_000), ...u16(80), 0xff, 0xff, 0xff, 0, 0, 0, 0, 1, (5 + options / 4) << 4, flags];
  return [...header, 1, 0, 0, 0, 0, 0, ...new Array<number>(options).fill(1), ...payload];
}

export function segment4(parts: Segment = {}): Buffer {
  const { bytes = 3_000, from = OWN4, options = 12, flags, ipOptions = [], fragment = 0, protocol = 6 } = parts;
  const payload = tcp(bytes, options, flags);
  return Buffer.from(frame(NET, CHROME, 0x0800, ipv4Packet({ from, protocol, fragment, options: ipOptions, payload })));
}

export function segment6({ bytes = 3_000, from = OWN6, options = 12, flags, protocol = 6 }: Segment = {}): Buffer {
  return Buffer.from(frame(NET, CHROME, 0x86dd, ipv6Packet(from, protocol, tcp(bytes, options, flags))));
}

/** An IPv6 packet whose TCP hides behind an extension header. */
export function hidden6(bytes: number): Buffer {
  return Buffer.from(frame(NET, CHROME, 0x86dd, ipv6Packet(OWN6, 60, [6, 0, 1, 4, 0, 0, 0, 0, ...tcp(bytes)])));
}

export const foreign6 = (bytes: number): Buffer => segment6({ bytes, from: 'fd00:0:0:0:0:0:0:2' });

/** What a cable would carry, or null when the frame is not one whole TCP segment. */
export function piecesOf(whole: Buffer, pieceBytes: number): Buffer[] | null {
  if (whole.length < 54 || pieceBytes === 0) return null;
  const isIpv4 = whole.readUInt16BE(12) === 0x0800;
  if (!isIpv4 && whole.readUInt16BE(12) !== 0x86dd) return null;
  if ((whole[14] ?? 0) >> 4 !== (isIpv4 ? 4 : 6)) return null;
  const words = (whole[14] ?? 0) & 15;
  if (isIpv4 && (words < 5 || whole.readUInt16BE(16) !== whole.length - 14)) return null;
  if (isIpv4 && (whole.readUInt16BE(20) & 0x3fff) !== 0) return null;
  if (!isIpv4 && whole.readUInt16BE(18) !== whole.length - 54) return null;
  if (whole[isIpv4 ? 23 : 20] !== 6) return null;
  const start = isIpv4 ? 14 + words * 4 : 54;
  if (start + 20 > whole.length) return null;
  const payload = start + ((whole[start + 12] ?? 0) >> 4) * 4;
  if (payload < start + 20 || payload >= whole.length) return null;
  const pieces: Buffer[] = [];
  for (let at = payload; at < whole.length; at += pieceBytes) {
    const piece = Buffer.concat([whole.subarray(0, payload), whole.subarray(at, at + pieceBytes)]);
    if (isIpv4) piece.writeUInt16BE(piece.length - 14, 16);
    else piece.writeUInt16BE(piece.length - 54, 18);
    if (isIpv4) piece.writeUInt16BE((piece.readUInt16BE(18) + pieces.length) % 65_536, 18);
    piece.writeUInt32BE((whole.readUInt32BE(start + 4) + at - payload) % 2 ** 32, start + 4);
    pieces.push(piece);
  }
  return pieces;
}
