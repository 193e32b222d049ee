/**
 * The record header. It precedes the sealed body, and all its bytes are the AEAD's additional data.
 *
 *   0   2   3    4       8          16       20        24
 *   | magic | ver | type | epoch | sequence | length | reserved | body: ciphertext and tag
 */
import { RECORD_HEADER_BYTES, RECORD_MAGIC, RecordType, WIRE_VERSION } from './constants.ts';

const VERSION_AT = 2;
const TYPE_AT = 3;
const EPOCH_AT = 4;
const SEQUENCE_LO_AT = 8;
const SEQUENCE_HI_AT = 12;
const LENGTH_AT = 16;
const RESERVED_AT = 20;
const TWO_16 = 0x1_0000;
const TWO_32 = 0x1_0000_0000;

export interface RecordHeader {
  readonly type: RecordType;
  readonly epoch: number;
  /** Below 2^53; the rekey limits keep it far below. */
  readonly sequence: number;
  /** Bytes of body that follow. */
  readonly length: number;
}

/** The reason why a record's header is invalid. A peer can cause it; it ends the session. */
export type RecordFault = 'BAD_MAGIC' | 'BAD_VERSION' | 'BAD_TYPE' | 'BAD_RESERVED' | 'BAD_SEQUENCE' | 'TOO_LONG';

export function encodeRecordHeader(type: RecordType, epoch: number, sequence: number, length: number): Uint8Array {
  const bytes = new Uint8Array(RECORD_HEADER_BYTES);
  writeRecordHeader(bytes, type, epoch, sequence, length);
  return bytes;
}

/** Writes it to the front of `bytes`, the reserved field included. */
export function writeRecordHeader(
  bytes: Uint8Array,
  type: RecordType,
  epoch: number,
  sequence: number,
  length: number,
): void {
  bytes[0] = RECORD_MAGIC & 0xff;
  bytes[1] = RECORD_MAGIC >>> 8;
  bytes[VERSION_AT] = WIRE_VERSION;
  bytes[TYPE_AT] = type;
  setUint32(bytes, EPOCH_AT, epoch);
  setUint32(bytes, SEQUENCE_LO_AT, sequence % TWO_32);
  setUint32(bytes, SEQUENCE_HI_AT, Math.floor(sequence / TWO_32));
  setUint32(bytes, LENGTH_AT, length);
  setUint32(bytes, RESERVED_AT, 0);
}

/**
 * Reads a header from exactly RECORD_HEADER_BYTES at `at`. `maxLength` caps the declared length before memory is
 * allocated for it: small before authentication, the largest message after.
 */
export function decodeRecordHeader(bytes: Uint8Array, at: number, maxLength: number): RecordHeader | RecordFault {
  if (getUint32(bytes, at) % TWO_16 !== RECORD_MAGIC) return 'BAD_MAGIC';
  if (bytes[at + VERSION_AT] !== WIRE_VERSION) return 'BAD_VERSION';
  const type = bytes[at + TYPE_AT] ?? 0;
  if (type < RecordType.hello || type > RecordType.rekey) return 'BAD_TYPE';
  if (getUint32(bytes, at + RESERVED_AT) !== 0) return 'BAD_RESERVED';
  const high = getUint32(bytes, at + SEQUENCE_HI_AT);
  if (high > 0x1f_ffff) return 'BAD_SEQUENCE';
  const length = getUint32(bytes, at + LENGTH_AT);
  if (length > maxLength) return 'TOO_LONG';
  return {
    type: type as RecordType,
    epoch: getUint32(bytes, at + EPOCH_AT),
    sequence: high * TWO_32 + getUint32(bytes, at + SEQUENCE_LO_AT),
    length,
  };
}

// No DataView: creating one moves a small array's bytes out of the heap, which takes a quarter of a microsecond a
// record.

function setUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function getUint32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  const high = (bytes[at + 2] ?? 0) | ((bytes[at + 3] ?? 0) << 8);
  return (low | (high << 16)) >>> 0;
}
