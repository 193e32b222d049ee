/**
 * The content of one NATS message: a piece of one direction of a pipe. NATS has no connections between two clients, may
 * drop messages, and does not slow a sender down for a slow reader. A header of sixteen bytes adds what is missing.
 *
 *   0     1      2                8             16
 *   | ver | kind | pipe id, 6 B   | position u64 | bytes
 *
 *   open    first bytes of a new pipe, position 0          data    bytes that follow `position` bytes before them
 *   credit  `position` bytes have been consumed in all     close   nothing follows the `position` bytes sent
 *
 * Nothing here is authenticated. The server, or a client with the right credentials, can forge a message. The effect is
 * no more than any carrier can do: end the session. The records inside are sealed and numbered.
 */

export const MessageKind = { open: 1, data: 2, credit: 3, close: 4 } as const;
export type MessageKind = (typeof MessageKind)[keyof typeof MessageKind];

export const MESSAGE_HEADER_BYTES = 16;
/**
 * No pipe has this id. A `close` with it means that a listener has just connected. A dialler that has opened a pipe and
 * received nothing then sends its first piece again, because no listener got it. A dialler that has received something
 * knows that its pipe is gone.
 */
export const NO_PIPE = 0;
/** Random bytes in a pipe's id. As a number it stays exact. */
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
  /** A view. Empty except for `open` and `data`. */
  readonly bytes: Uint8Array;
}

/** Sends messages to the server. */
export interface Publisher {
  /**
   * Calls `write` once, before it returns. `write` fills a message of `length` bytes in the memory that goes to the
   * socket. If the connection is gone, `write` is not called, and the message is lost.
   */
  publish(length: number, write: (message: Uint8Array) => void): void;
}

/** Publishes a message without bytes: only its header. */
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

/** Null for bytes that are not a message of this format; never throws. */
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
