/**
 * The payloads of virtio-msg. Each is a row of little-endian numbers, some with bytes behind it. The two layouts differ in
 * one of them: messages about a queue have two reserved words in layout 2, where layout 1 has none, or one.
 *
 * A decoder returns null for a payload that has another length, or sets what this bus does not have. A queue has no
 * address here: the bytes of a chain travel in the message, so both sides keep their memory to themselves.
 */
import { MessageLayout } from './message.ts';

/** A row of u32. */
export function u32s(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, 4 * index);
  return bytes;
}

/** One u32 and nothing else: a queue, a status, the data of a ping. */
export function decodeU32(bytes: Buffer): number | null {
  return bytes.length === 4 ? bytes.readUInt32LE(0) : null;
}

export interface DeviceInfo {
  /** Type of the device: 1 net, 3 console, 25 sound (VIRTIO 1.2 §5). */
  readonly deviceId: number;
  readonly vendorId: number;
  readonly featureBits: number;
  readonly configBytes: number;
  readonly queues: number;
}

export function encodeDeviceInfo({ deviceId, vendorId, featureBits, configBytes, queues }: DeviceInfo): Buffer {
  // The last word is u16 first admin queue, u16 admin queues: there are none.
  return u32s(deviceId, vendorId, featureBits, configBytes, queues, 0);
}

export function decodeDeviceInfo(bytes: Buffer): DeviceInfo | null {
  if (bytes.length !== 24) return null;
  return {
    deviceId: bytes.readUInt32LE(0),
    vendorId: bytes.readUInt32LE(4),
    featureBits: bytes.readUInt32LE(8),
    configBytes: bytes.readUInt32LE(12),
    queues: bytes.readUInt32LE(16),
  };
}

/** Two numbers: the first block of features and how many, or the offset of config bytes and how many. */
export interface Span {
  readonly first: number;
  readonly count: number;
}

export function decodeSpan(bytes: Buffer): Span | null {
  return bytes.length === 8 ? { first: bytes.readUInt32LE(0), count: bytes.readUInt32LE(4) } : null;
}

export interface FeatureBlocks {
  readonly first: number;
  readonly blocks: readonly number[];
}

/** The answer about features, and the request that sets them. */
export function encodeFeatures({ first, blocks }: FeatureBlocks): Buffer {
  return u32s(first, blocks.length, ...blocks);
}

export function decodeFeatures(bytes: Buffer): FeatureBlocks | null {
  if (bytes.length < 8 || bytes.length !== 8 + 4 * bytes.readUInt32LE(4)) return null;
  const blocks: number[] = [];
  for (let at = 8; at < bytes.length; at += 4) blocks.push(bytes.readUInt32LE(at));
  return { first: bytes.readUInt32LE(0), blocks };
}

export interface ConfigBytes {
  readonly generation: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export function encodeConfig({ generation, offset, bytes }: ConfigBytes): Buffer {
  return Buffer.concat([u32s(generation, offset, bytes.length), bytes]);
}

export function decodeConfig(bytes: Buffer): ConfigBytes | null {
  if (bytes.length < 12 || bytes.length !== 12 + bytes.readUInt32LE(8)) return null;
  return { generation: bytes.readUInt32LE(0), offset: bytes.readUInt32LE(4), bytes: bytes.subarray(12) };
}

/** EVENT_CONFIG: the device's status, and config bytes that changed. */
export function encodeConfigEvent(status: number, config: ConfigBytes): Buffer {
  return Buffer.concat([u32s(status), encodeConfig(config)]);
}

export function decodeConfigEvent(bytes: Buffer): { readonly status: number; readonly config: ConfigBytes } | null {
  const config = bytes.length < 4 ? null : decodeConfig(bytes.subarray(4));
  return config === null ? null : { status: bytes.readUInt32LE(0), config };
}

const ADDRESS_BYTES = 24;

export interface QueueSize {
  readonly queue: number;
  /** Chains; 0: there is no such queue, or it is not set up. */
  readonly size: number;
}

export function encodeSetQueue(layout: MessageLayout, { queue, size }: QueueSize): Buffer {
  const words = layout === MessageLayout.rfc ? u32s(queue, 0, size) : u32s(queue, 0, size, 0);
  return Buffer.concat([words, Buffer.alloc(ADDRESS_BYTES)]);
}

/** Null also when an address is named. */
export function decodeSetQueue(layout: MessageLayout, bytes: Buffer): QueueSize | null {
  const addresses = layout === MessageLayout.rfc ? 12 : 16;
  if (bytes.length !== addresses + ADDRESS_BYTES || bytes.subarray(addresses).some((byte) => byte !== 0)) return null;
  return { queue: bytes.readUInt32LE(0), size: bytes.readUInt32LE(8) };
}

export interface QueueState extends QueueSize {
  readonly maxSize: number;
}

export function encodeQueueState(layout: MessageLayout, { queue, maxSize, size }: QueueState): Buffer {
  const words = layout === MessageLayout.rfc ? u32s(queue, maxSize, size) : u32s(queue, maxSize, size, 0);
  return Buffer.concat([words, Buffer.alloc(ADDRESS_BYTES)]);
}

export function decodeQueueState(layout: MessageLayout, bytes: Buffer): QueueState | null {
  if (bytes.length !== (layout === MessageLayout.rfc ? 12 : 16) + ADDRESS_BYTES) return null;
  return { queue: bytes.readUInt32LE(0), maxSize: bytes.readUInt32LE(4), size: bytes.readUInt32LE(8) };
}

/** A chain: its queue, the driver's name for it, the bytes that the device may write, and those that it reads. */
export interface ChainBytes {
  readonly queue: number;
  readonly id: number;
  readonly room: number;
  readonly bytes: Buffer;
}

export const CHAIN_HEADER_BYTES = 12;

export function encodeChain(queue: number, id: number, room: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([u32s(queue, id, room), bytes]);
}

export function decodeChain(bytes: Buffer): ChainBytes | null {
  if (bytes.length < CHAIN_HEADER_BYTES) return null;
  const [queue, id, room] = [bytes.readUInt32LE(0), bytes.readUInt32LE(4), bytes.readUInt32LE(8)];
  return { queue, id, room, bytes: bytes.subarray(CHAIN_HEADER_BYTES) };
}

/** What the device wrote into a chain. */
export interface UsedBytes {
  readonly queue: number;
  readonly id: number;
  readonly bytes: Buffer;
}

export const USED_HEADER_BYTES = 8;

export function encodeUsed(queue: number, id: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([u32s(queue, id), bytes]);
}

export function decodeUsed(bytes: Buffer): UsedBytes | null {
  if (bytes.length < USED_HEADER_BYTES) return null;
  return { queue: bytes.readUInt32LE(0), id: bytes.readUInt32LE(4), bytes: bytes.subarray(USED_HEADER_BYTES) };
}

/** GET_DEVICES: u16 first device, u16 how many; both are multiples of 8. */
export function decodeDevicesRequest(bytes: Buffer): Span | null {
  if (bytes.length !== 4) return null;
  const [first, count] = [bytes.readUInt16LE(0), bytes.readUInt16LE(2)];
  return first % 8 === 0 && count % 8 === 0 ? { first, count } : null;
}

export function encodeDevicesRequest(first: number, count: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16LE(first, 0);
  bytes.writeUInt16LE(count, 2);
  return bytes;
}

/** The answer: first, count, u16 where to go on (0: nowhere), and a bitmap with the lowest bit first. */
export function encodeDevices(first: number, count: number, has: (device: number) => boolean): Buffer {
  const bytes = Buffer.alloc(6 + count / 8);
  bytes.writeUInt16LE(first, 0);
  bytes.writeUInt16LE(count, 2);
  for (let bit = 0; bit < count; bit++)
    if (has(first + bit)) bytes[6 + (bit >> 3)] = (bytes[6 + (bit >> 3)] ?? 0) | (1 << (bit & 7));
  return bytes;
}

export function decodeDevices(bytes: Buffer): readonly number[] | null {
  if (bytes.length < 6 || bytes.length !== 6 + bytes.readUInt16LE(2) / 8) return null;
  const first = bytes.readUInt16LE(0);
  const found: number[] = [];
  for (let bit = 0; bit < 8 * (bytes.length - 6); bit++)
    if (((bytes[6 + (bit >> 3)] ?? 0) & (1 << (bit & 7))) !== 0) found.push(first + bit);
  return found;
}
