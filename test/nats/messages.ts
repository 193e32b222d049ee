/** Messages of pipes, whole, as a test forges or hands them over. */
import {
  MESSAGE_HEADER_BYTES,
  type MessageKind,
  type Publisher,
  writeMessageHeader,
} from '../../broker/carrier/nats/pipe/message.ts';

/** With `room` zero bytes behind its header. */
export function messageOf(kind: MessageKind, id: number, position: number, room = 0): Uint8Array {
  const message = new Uint8Array(MESSAGE_HEADER_BYTES + room);
  writeMessageHeader(message, kind, id, position);
  return message;
}

export function publishBytes(to: Publisher, bytes: Uint8Array): void {
  to.publish(bytes.length, (message) => message.set(bytes));
}
