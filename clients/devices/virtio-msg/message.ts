/**
 * A virtio-msg message as the payload of one Argo message. Numbers are little-endian.
 *
 *   u8 layout · u8 0 · u16 0 · the message, byte for byte as on other buses
 *   layout 1  u8 type · u8 id · u16 device · u16 size · payload                   Linux RFC of 2025
 *   layout 2  u8 type · u8 id · u16 device · u16 token · u16 size · payload       drafts and trees of 2026 (Arm DEN0153)
 *
 * `type` has bit 0 for a response and bit 1 for a message of the bus. `size` counts header and payload. A token is chosen
 * by the sender of a request and comes back in the response. A size and a token cannot be told apart from outside, so the
 * first byte says which layout it is. The broker's inspector (broker/core/inspectors/virtio-control.ts) reads the same.
 */
import { MAX_MESSAGE_BYTES } from './limits.ts';

export const MessageLayout = { rfc: 1, draft: 2 } as const;
export type MessageLayout = (typeof MessageLayout)[keyof typeof MessageLayout];

export const PREFIX_BYTES = 4;
const HEADER_BYTES: Readonly<Record<MessageLayout, number>> = { 1: 6, 2: 8 };
const TYPE_RESPONSE = 1;
const TYPE_BUS = 2;

/** Numbers of messages about a device. */
export const MessageId = {
  deviceInfo: 0x02,
  getFeatures: 0x03,
  setFeatures: 0x04,
  getConfig: 0x05,
  setConfig: 0x06,
  getStatus: 0x07,
  setStatus: 0x08,
  getQueue: 0x09,
  setQueue: 0x0a,
  resetQueue: 0x0b,
  eventConfig: 0x40,
  eventAvailable: 0x41,
  eventUsed: 0x42,
  /** Ours, among the numbers for events that a bus defines by itself: the bytes of a chain, driver to device. */
  chain: 0xc0,
  /** Ours: the bytes that the device wrote into a chain, device to driver. */
  used: 0xc1,
} as const;

/** Numbers of messages about the bus. */
export const BusMessageId = { getDevices: 0x02, ping: 0x03, eventDevice: 0x40 } as const;

export interface VirtioMessage {
  readonly layout: MessageLayout;
  readonly isResponse: boolean;
  readonly isBus: boolean;
  readonly id: number;
  /** 0 in messages of the bus. */
  readonly device: number;
  /** 0 in layout 1 and in events. */
  readonly token: number;
  readonly payload: Buffer;
}

/** Bytes of a payload that one message can carry. */
export function maxPayload(layout: MessageLayout): number {
  return MAX_MESSAGE_BYTES - HEADER_BYTES[layout];
}

export function encodeMessage(message: VirtioMessage): Buffer {
  const { layout, payload } = message;
  const header = HEADER_BYTES[layout];
  const bytes = Buffer.alloc(PREFIX_BYTES + header + payload.length);
  bytes.writeUInt8(layout, 0);
  bytes.writeUInt8((message.isResponse ? TYPE_RESPONSE : 0) | (message.isBus ? TYPE_BUS : 0), PREFIX_BYTES);
  bytes.writeUInt8(message.id, PREFIX_BYTES + 1);
  bytes.writeUInt16LE(message.device, PREFIX_BYTES + 2);
  if (layout === MessageLayout.draft) bytes.writeUInt16LE(message.token, PREFIX_BYTES + 4);
  bytes.writeUInt16LE(header + payload.length, PREFIX_BYTES + header - 2);
  payload.copy(bytes, PREFIX_BYTES + header);
  return bytes;
}

/** Null for bytes that are no message. The payload is a view of `bytes`. */
export function decodeMessage(payload: Uint8Array): VirtioMessage | null {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  const layout = bytes[0];
  if (
    (layout !== MessageLayout.rfc && layout !== MessageLayout.draft) ||
    bytes.length < PREFIX_BYTES + HEADER_BYTES[layout]
  )
    return null;
  const header = HEADER_BYTES[layout];
  const type = bytes.readUInt8(PREFIX_BYTES);
  if (bytes[1] !== 0 || bytes[2] !== 0 || bytes[3] !== 0 || type > (TYPE_RESPONSE | TYPE_BUS)) return null;
  if (bytes.readUInt16LE(PREFIX_BYTES + header - 2) !== bytes.length - PREFIX_BYTES) return null;
  const device = bytes.readUInt16LE(PREFIX_BYTES + 2);
  const isBus = (type & TYPE_BUS) !== 0;
  if (isBus && device !== 0) return null;
  return {
    layout,
    isResponse: (type & TYPE_RESPONSE) !== 0,
    isBus,
    id: bytes.readUInt8(PREFIX_BYTES + 1),
    device,
    token: layout === MessageLayout.draft ? bytes.readUInt16LE(PREFIX_BYTES + 4) : 0,
    payload: bytes.subarray(PREFIX_BYTES + header),
  };
}
