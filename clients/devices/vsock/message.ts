/**
 * A vsock packet as a message of the broker. The CIDs are left out: the broker knows both domains, and believes neither.
 *
 *   u8 version, 1 · u8 operation · u16 type · u32 source port · u32 destination port · u32 flags · u32 buf_alloc
 *   u32 fwd_cnt · payload, with operation `data` only
 *
 * The broker's inspector (broker/core/inspectors/vsock.ts) reads the same layout.
 */
import { isOperation, isSocketType, knownFlags, Operation, type SocketType } from './packet.ts';

export const MESSAGE_HEADER_BYTES = 24;
const VERSION = 1;

export interface PeerMessage {
  readonly operation: Operation;
  readonly type: SocketType;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly flags: number;
  readonly bufAlloc: number;
  readonly fwdCnt: number;
}

export function encodeMessage(message: PeerMessage): Buffer {
  const bytes = Buffer.alloc(MESSAGE_HEADER_BYTES);
  bytes.writeUInt8(VERSION, 0);
  bytes.writeUInt8(message.operation, 1);
  bytes.writeUInt16LE(message.type, 2);
  bytes.writeUInt32LE(message.sourcePort, 4);
  bytes.writeUInt32LE(message.destinationPort, 8);
  bytes.writeUInt32LE(message.flags, 12);
  bytes.writeUInt32LE(message.bufAlloc, 16);
  bytes.writeUInt32LE(message.fwdCnt, 20);
  return bytes;
}

/** Null: another device's process sent nonsense, which the broker's inspector refuses already. */
export function decodeMessage(payload: Uint8Array): PeerMessage | null {
  if (payload.length < MESSAGE_HEADER_BYTES || payload[0] !== VERSION) return null;
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  const operation = bytes.readUInt8(1);
  const type = bytes.readUInt16LE(2);
  if (!isOperation(operation) || !isSocketType(type)) return null;
  if (payload.length > MESSAGE_HEADER_BYTES && operation !== Operation.data) return null;
  const flags = bytes.readUInt32LE(12);
  if (knownFlags(operation, type, flags) !== flags) return null;
  return {
    operation,
    type,
    sourcePort: bytes.readUInt32LE(4),
    destinationPort: bytes.readUInt32LE(8),
    flags,
    bufAlloc: bytes.readUInt32LE(16),
    fwdCnt: bytes.readUInt32LE(20),
  };
}
