/**
 * The two frames that carry messages, `sendv` (domain to broker) and `deliver` (broker to domain). They have one
 * layout, so that the broker turns one into the other by rewriting fields in its private copy:
 *
 *   0        4    5       6          8    12       14       16         20         24            28
 *   | length | op | flags | reserved | id | source | destin | src port | dst port | message type | payload
 *
 * `id` is the send id in a `sendv` (each one the previous plus 1, modulo 2^32) and the ring handle in a `deliver`. Hot
 * loops read and write these offsets through one DataView per record. `decodeDataFrame` is a slow, readable version,
 * and test/wire/data-frame.test.ts compares both.
 */
import { DATA_FRAME_HEADER_BYTES } from './constants.ts';
import { Op } from './op.ts';

export const DataField = {
  length: 0,
  op: 4,
  flags: 5,
  reserved: 6,
  id: 8,
  source: 12,
  destination: 14,
  sourcePort: 16,
  destinationPort: 20,
  messageType: 24,
  payload: DATA_FRAME_HEADER_BYTES,
} as const;

export interface DataFrame {
  readonly op: typeof Op.sendv | typeof Op.deliver;
  readonly flags: number;
  readonly id: number;
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly messageType: number;
  /** A view. */
  readonly payload: Uint8Array;
}

/** Writes header and payload at `at`. There must be room for DATA_FRAME_HEADER_BYTES + payload bytes. */
export function encodeDataFrame(view: DataView, at: number, frame: DataFrame): number {
  const length = DATA_FRAME_HEADER_BYTES + frame.payload.length;
  view.setUint32(at + DataField.length, length, true);
  view.setUint8(at + DataField.op, frame.op);
  view.setUint8(at + DataField.flags, frame.flags);
  view.setUint16(at + DataField.reserved, 0, true);
  view.setUint32(at + DataField.id, frame.id, true);
  view.setUint16(at + DataField.source, frame.source, true);
  view.setUint16(at + DataField.destination, frame.destination, true);
  view.setUint32(at + DataField.sourcePort, frame.sourcePort, true);
  view.setUint32(at + DataField.destinationPort, frame.destinationPort, true);
  view.setUint32(at + DataField.messageType, frame.messageType, true);
  new Uint8Array(view.buffer, view.byteOffset + at + DATA_FRAME_HEADER_BYTES, frame.payload.length).set(frame.payload);
  return length;
}

/** Decodes exactly one frame; `null` when the bytes are not one. */
export function decodeDataFrame(bytes: Uint8Array): DataFrame | null {
  if (bytes.length < DATA_FRAME_HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const op = view.getUint8(DataField.op);
  if (view.getUint32(DataField.length, true) !== bytes.length) return null;
  if (op !== Op.sendv && op !== Op.deliver) return null;
  if (view.getUint16(DataField.reserved, true) !== 0) return null;
  return {
    op,
    flags: view.getUint8(DataField.flags),
    id: view.getUint32(DataField.id, true),
    source: view.getUint16(DataField.source, true),
    destination: view.getUint16(DataField.destination, true),
    sourcePort: view.getUint32(DataField.sourcePort, true),
    destinationPort: view.getUint32(DataField.destinationPort, true),
    messageType: view.getUint32(DataField.messageType, true),
    payload: bytes.subarray(DATA_FRAME_HEADER_BYTES),
  };
}
