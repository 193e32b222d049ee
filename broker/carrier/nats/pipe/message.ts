/**
 * What one NATS message holds: a piece of one direction of a pipe. NATS has no connections between two clients, may drop
 * messages and takes no notice of a slow reader; sixteen bytes make up for it.
 *
 *   0     1      2                8             16
 *   | ver | kind | pipe id, 6 B   | position u64 | bytes
 *
 *   open    first bytes of a new pipe, position 0          data    bytes that follow `position` bytes before them
 *   credit  `position` bytes have been consumed in all     close   nothing follows the `position` bytes sent
 *
 * None of it is believed: whoever holds the right credentials, or is the server, can forge it, and gains what any carrier
 * can do: end the session. Records inside are sealed and numbered.
 */

export const MessageKind = { open: 1, data: 2, credit: 3, close: 4 } as const;
export type MessageKind = (typeof MessageKind)[keyof typeof MessageKind];

export const MESSAGE_HEADER_BYTES = 16;
/**
 * No pipe has it. A goodbye to it says that a listener has just come: who has opened a pipe and heard nothing may say its
 * first piece once more, since nobody was there for it; who has heard something may know that its pipe is gone.
 */
export const NO_PIPE = 0;
/** Bytes of randomness in a pipe's id; as a number it stays exact. */
export const PIPE_ID_BYTES = 6;

const VERSION = 1;
const KIND_AT = 1;
const ID_AT = 2;
const POSITION_LO_AT = 8;
const POSITION_HI_AT = 12;
const MAX_POSITION_HI = 0x1f_ffff;
const TWO_32 = 0x1_0000_0000;

export interface PipeMessage {
  readonly kind: MessageKind;
  readonly id: number;
  readonly position: number;
  /** A view. Empty but for `open` and `data`. */
  readonly bytes: Uint8Array;
}

/** Who takes messages for the server. */
export interface Publisher {
  /**
   * Has `write` fill in a message of `length` bytes before it returns, in the memory that goes to the socket. Where the
   * connection is gone `write` is not called: what is said then reaches nobody.
   */
  publish(length: number, write: (message: Uint8Array) => void): void;
}

/** A message that is only its header. */
export function publishBare(to: Publisher, kind: MessageKind, id: number, position: number): void {
  to.publish(MESSAGE_HEADER_BYTES, (message) => writeMessageHeader(message, kind, id, position));
}

/** Writes MESSAGE_HEADER_BYTES at the beginning of `message`. */
export function writeMessageHeader(message: Uint8Array, kind: MessageKind, id: number, position: number): void {
  const view = new DataView(message.buffer, message.byteOffset, MESSAGE_HEADER_BYTES);
  view.setUint8(0, VERSION);
  view.setUint8(KIND_AT, kind);
  view.setUint16(ID_AT, Math.floor(id / TWO_32), true);
  view.setUint32(ID_AT + 2, id % TWO_32, true);
  view.setUint32(POSITION_LO_AT, position % TWO_32, true);
  view.setUint32(POSITION_HI_AT, Math.floor(position / TWO_32), true);
}

/** Null for what is no message of ours; never throws. */
export function decodeMessage(message: Uint8Array): PipeMessage | null {
  if (message.length < MESSAGE_HEADER_BYTES) return null;
  const view = new DataView(message.buffer, message.byteOffset, MESSAGE_HEADER_BYTES);
  const kind = view.getUint8(KIND_AT);
  const high = view.getUint32(POSITION_HI_AT, true);
  if (view.getUint8(0) !== VERSION || high > MAX_POSITION_HI) return null;
  if (kind < MessageKind.open || kind > MessageKind.close) return null;
  const position = high * TWO_32 + view.getUint32(POSITION_LO_AT, true);
  const hasBytes = kind === MessageKind.open || kind === MessageKind.data;
  if (hasBytes !== message.length > MESSAGE_HEADER_BYTES || (kind === MessageKind.open && position !== 0)) return null;
  return {
    kind: kind as MessageKind,
    id: view.getUint16(ID_AT, true) * TWO_32 + view.getUint32(ID_AT + 2, true),
    position,
    bytes: message.subarray(MESSAGE_HEADER_BYTES),
  };
}
