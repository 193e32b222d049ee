/**
 * Messages of the stream proxy: many streams over two rings, one at each side.
 *
 *   byte 0  type       4  stream, u32, chosen by the side that connects
 *        1  zero       8  value, u32: see each type
 *                     12  payload (data only)
 *
 * A stream is known by the other side's domain and port (which the broker vouches for) and its number, never by the
 * number alone: who guesses it still has another domain.
 */

export const StreamType = {
  /** Connects. value = window that this side grants, bytes. */
  connect: 1,
  /** Answers `connect`. value = window. */
  accept: 2,
  /** value = offset of the first payload byte, modulo 2^32: a message that is missing is noticed. */
  data: 3,
  /** No more data from this side. value = offset of the end. The other direction goes on. */
  finish: 4,
  /** value = bytes consumed, which may be sent again; 0 = only asks whether the stream is known. */
  credit: 5,
  /** The stream has ended. value = a StreamFault. */
  reset: 6,
} as const;

export const StreamFault = {
  none: 0,
  /** No program listens, or the listener does not accept this domain. */
  refused: 1,
  timeout: 2,
  /** The program's connection broke. */
  broken: 3,
  tooMany: 4,
  protocol: 5,
  /** No such stream here. */
  unknown: 6,
} as const;

export interface StreamMessage {
  readonly type: number;
  readonly stream: number;
  readonly value: number;
  readonly payload: Uint8Array;
}

const HEADER_BYTES = 12;
const NOTHING = new Uint8Array(0);

/** The header. The payload is sent next to it. */
export function encodeStream(type: number, stream: number, value: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, type);
  view.setUint32(4, stream, true);
  view.setUint32(8, value, true);
  return bytes;
}

/** Null for a malformed message. The payload is a view. */
export function decodeStream(bytes: Uint8Array): StreamMessage | null {
  if (bytes.length < HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = view.getUint8(0);
  if (type < StreamType.connect || type > StreamType.reset || view.getUint8(1) !== 0 || view.getUint16(2) !== 0)
    return null;
  const hasPayload = bytes.length > HEADER_BYTES;
  if (hasPayload !== (type === StreamType.data)) return null;
  return {
    type,
    stream: view.getUint32(4, true),
    value: view.getUint32(8, true),
    payload: hasPayload ? bytes.subarray(HEADER_BYTES) : NOTHING,
  };
}
