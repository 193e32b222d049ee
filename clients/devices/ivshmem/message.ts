/**
 * A doorbell as a message of the broker: the sender's section, and the vector to ring.
 *
 *   u8 version, 1 · u8 vector · u8 peers · u8 sender · u32 bytes of a section · the section, or its bytes that count
 *
 * Peers and size are sent so that two devices with different regions notice. The sender's place is compared with the
 * domain that the broker has authenticated; nothing is believed because it stands here.
 */
export const DOORBELL_HEADER_BYTES = 8;
const VERSION = 1;

export interface Doorbell {
  readonly vector: number;
  readonly peers: number;
  readonly sender: number;
  readonly sectionBytes: number;
}

export function encodeDoorbell({ vector, peers, sender, sectionBytes }: Doorbell): Buffer {
  const header = Buffer.alloc(DOORBELL_HEADER_BYTES);
  header.set([VERSION, vector, peers, sender]);
  header.writeUInt32LE(sectionBytes, 4);
  return header;
}

/** Null: not a doorbell of this version. */
export function decodeDoorbell(payload: Uint8Array): Doorbell | null {
  if (payload.length < DOORBELL_HEADER_BYTES || payload[0] !== VERSION) return null;
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  return {
    vector: bytes.readUInt8(1),
    peers: bytes.readUInt8(2),
    sender: bytes.readUInt8(3),
    sectionBytes: bytes.readUInt32LE(4),
  };
}
