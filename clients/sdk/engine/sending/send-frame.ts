/**
 * Writes a sendv frame in place; the hot twin of `encodeDataFrame`, with which test/sdk/send-frame.test.ts compares it.
 *
 */
import { DATA_FRAME_HEADER_BYTES, DataField, DOMID_ANY, Op } from '../../../../broker/wire/index.ts';
import type { SendBuffer } from './send-buffer.ts';

export function writeSendFrame(
  chunk: SendBuffer,
  at: number,
  id: number,
  domid: number,
  from: number,
  port: number,
  type: number,
  iov: Uint8Array | readonly Uint8Array[],
  length: number,
): void {
  const { view, bytes } = chunk;
  view.setUint32(at + DataField.length, length, true);
  // op, flags and the reserved field in one write
  view.setUint32(at + DataField.op, Op.sendv, true);
  view.setUint32(at + DataField.id, id, true);
  view.setUint16(at + DataField.source, DOMID_ANY, true);
  view.setUint16(at + DataField.destination, domid, true);
  view.setUint32(at + DataField.sourcePort, from, true);
  view.setUint32(at + DataField.destinationPort, port, true);
  view.setUint32(at + DataField.messageType, type, true);
  let to = at + DATA_FRAME_HEADER_BYTES;
  if (iov instanceof Uint8Array) {
    bytes.set(iov, to);
    return;
  }
  for (const part of iov) {
    bytes.set(part, to);
    to += part.length;
  }
}
