/**
 * The header of a virtio-vsock packet (VIRTIO 1.2 §5.10.6), 44 bytes, little-endian:
 *
 *   u64 source CID · u64 destination CID · u32 source port · u32 destination port · u32 length · u16 type · u16 operation
 *   u32 flags · u32 buf_alloc · u32 fwd_cnt
 */
export const PACKET_HEADER_BYTES = 44;
/** The first CID of a guest; below are the hypervisor, the loopback and the host. */
export const FIRST_GUEST_CID = 3;

export const Operation = {
  request: 1,
  response: 2,
  reset: 3,
  shutdown: 4,
  data: 5,
  creditUpdate: 6,
  creditRequest: 7,
} as const;
export type Operation = (typeof Operation)[keyof typeof Operation];

export const SocketType = { stream: 1, seqpacket: 2 } as const;
export type SocketType = (typeof SocketType)[keyof typeof SocketType];

/** Flags of `data` on a SEQPACKET socket: the end of a message, the end of a record. */
export const SEQPACKET_FLAGS = 3;
export const SEQPACKET_END_OF_MESSAGE = 1;
/** Flags of `shutdown`: no more is received, no more is sent. */
export const SHUTDOWN_FLAGS = 3;

export interface Packet {
  readonly sourceCid: number;
  readonly destinationCid: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly type: SocketType;
  readonly operation: Operation;
  readonly flags: number;
  readonly bufAlloc: number;
  readonly fwdCnt: number;
}

/** A packet of the guest. Its payload follows the header. Null: the packet makes no sense. */
export function decodePacket(bytes: Buffer): Packet | null {
  if (bytes.length < PACKET_HEADER_BYTES) return null;
  const operation = bytes.readUInt16LE(30);
  const type = bytes.readUInt16LE(28);
  const length = bytes.length - PACKET_HEADER_BYTES;
  // The upper halves of the CIDs are reserved and zero.
  if (bytes.readUInt32LE(4) !== 0 || bytes.readUInt32LE(12) !== 0) return null;
  if (bytes.readUInt32LE(24) !== length || (length > 0 && operation !== Operation.data)) return null;
  if (!isOperation(operation) || !isSocketType(type)) return null;
  return {
    sourceCid: bytes.readUInt32LE(0),
    destinationCid: bytes.readUInt32LE(8),
    sourcePort: bytes.readUInt32LE(16),
    destinationPort: bytes.readUInt32LE(20),
    type,
    operation,
    flags: bytes.readUInt32LE(32),
    bufAlloc: bytes.readUInt32LE(36),
    fwdCnt: bytes.readUInt32LE(40),
  };
}

/** The header with `payload` behind it. */
export function encodePacket(packet: Packet, payload: Uint8Array | null): Buffer {
  const length = payload?.length ?? 0;
  const bytes = Buffer.allocUnsafe(PACKET_HEADER_BYTES + length);
  writeHeader(bytes, 0, packet, length);
  if (payload !== null) bytes.set(payload, PACKET_HEADER_BYTES);
  return bytes;
}

/** Writes all PACKET_HEADER_BYTES at `at`. */
export function writeHeader(bytes: Buffer, at: number, packet: Packet, length: number): void {
  bytes.writeUInt32LE(packet.sourceCid, at);
  bytes.writeUInt32LE(0, at + 4);
  bytes.writeUInt32LE(packet.destinationCid, at + 8);
  bytes.writeUInt32LE(0, at + 12);
  bytes.writeUInt32LE(packet.sourcePort, at + 16);
  bytes.writeUInt32LE(packet.destinationPort, at + 20);
  bytes.writeUInt32LE(length, at + 24);
  bytes.writeUInt16LE(packet.type, at + 28);
  bytes.writeUInt16LE(packet.operation, at + 30);
  bytes.writeUInt32LE(packet.flags, at + 32);
  bytes.writeUInt32LE(packet.bufAlloc, at + 36);
  bytes.writeUInt32LE(packet.fwdCnt, at + 40);
}

/** Flags that mean something for the operation; a guest's other bits are not passed on. */
export function knownFlags(operation: Operation, type: SocketType, flags: number): number {
  if (operation === Operation.shutdown) return flags & SHUTDOWN_FLAGS;
  return operation === Operation.data && type === SocketType.seqpacket ? flags & SEQPACKET_FLAGS : 0;
}

export function isOperation(word: number): word is Operation {
  return word >= Operation.request && word <= Operation.creditRequest;
}

export function isSocketType(word: number): word is SocketType {
  return word === SocketType.stream || word === SocketType.seqpacket;
}
