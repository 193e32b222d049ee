/**
 * Numbers and layouts of the vhost-user protocol (QEMU, docs/interop/vhost-user.rst). Numbers are in the byte order of
 * the host, and the device process supports little-endian hosts only.
 *
 *   header    u32 request · u32 flags · u32 size of the payload         file descriptors come with the header's bytes
 */
export const HEADER_BYTES = 12;
/** Largest payload that any request here has: GET_CONFIG with 256 bytes, or a table of eight regions. */
export const MAX_PAYLOAD_BYTES = 1_024;

export const Request = {
  getFeatures: 1,
  setFeatures: 2,
  setOwner: 3,
  resetOwner: 4,
  setMemTable: 5,
  setVringNum: 8,
  setVringAddr: 9,
  setVringBase: 10,
  getVringBase: 11,
  setVringKick: 12,
  setVringCall: 13,
  setVringErr: 14,
  getProtocolFeatures: 15,
  setProtocolFeatures: 16,
  getQueueNum: 17,
  setVringEnable: 18,
  getConfig: 24,
  setConfig: 25,
  resetDevice: 34,
  getMaxMemSlots: 36,
  addMemReg: 37,
  remMemReg: 38,
  setStatus: 39,
  getStatus: 40,
} as const;

export const VERSION_MASK = 3;
export const VERSION = 1;
export const FLAG_REPLY = 4;
export const FLAG_NEED_REPLY = 8;

/** Virtio feature bits that are the same for all devices. */
export const Feature = {
  protocolFeatures: 1n << 30n,
  indirect: 1n << 28n,
  eventIndex: 1n << 29n,
  version1: 1n << 32n,
  packed: 1n << 34n,
} as const;

export const ProtocolFeature = {
  multiqueue: 1n << 0n,
  replyAck: 1n << 3n,
  config: 1n << 9n,
  resetDevice: 1n << 13n,
  configureMemSlots: 1n << 15n,
  status: 1n << 16n,
} as const;

export const MAX_QUEUE_SIZE = 32_768;
export const REGION_BYTES = 32;
/** Config space: at most this much at once (VHOST_USER_MAX_CONFIG_SIZE). */
export const MAX_CONFIG_BYTES = 256;
/** SET_VRING_KICK, _CALL, _ERR: the queue's number, and "no descriptor". */
export const VRING_INDEX_MASK = 0xff;
export const VRING_NO_DESCRIPTOR = 0x100;

/** A 64-bit number that is exact as a JavaScript number; null for one that is not. */
export function exactU64(bytes: Buffer, at: number): number | null {
  const value = Number(bytes.readBigUInt64LE(at));
  return Number.isSafeInteger(value) ? value : null;
}

export interface RegionWords {
  readonly guestAddress: number;
  readonly size: number;
  readonly userAddress: number;
  readonly fileOffset: number;
}

/** One region of SET_MEM_TABLE or ADD_MEM_REG: u64 guest address, size, user address, offset. Null: it makes no sense. */
export function decodeRegion(payload: Buffer, at: number): RegionWords | null {
  const guestAddress = exactU64(payload, at);
  const size = exactU64(payload, at + 8);
  const userAddress = exactU64(payload, at + 16);
  const fileOffset = exactU64(payload, at + 24);
  if (guestAddress === null || size === null || userAddress === null || fileOffset === null || size === 0) return null;
  const ends = [guestAddress + size, userAddress + size, fileOffset + size];
  return ends.every(Number.isSafeInteger) ? { guestAddress, size, userAddress, fileOffset } : null;
}

export function encodeReply(request: number, payload: Buffer): Buffer {
  const message = Buffer.alloc(HEADER_BYTES + payload.length);
  message.writeUInt32LE(request, 0);
  message.writeUInt32LE(VERSION | FLAG_REPLY, 4);
  message.writeUInt32LE(payload.length, 8);
  payload.copy(message, HEADER_BYTES);
  return message;
}

export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

export function nameOf(request: number): string {
  const found = Object.entries(Request).find(([, number]) => number === request);
  return found === undefined ? `request ${request}` : found[0];
}
