/**
 * The record header: what is sealed travels behind it, and all of it is the AEAD's additional data.
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
const TWO_32 = 0x1_0000_0000;

export interface RecordHeader {
  readonly type: RecordType;
  readonly epoch: number;
  /** Below 2^53; the rekey limits keep it far below. */
  readonly sequence: number;
  /** Bytes of body that follow. */
  readonly length: number;
}

/** Why a record's header was not understood; peer-controlled, ends the session. */
export type RecordFault = 'BAD_MAGIC' | 'BAD_VERSION' | 'BAD_TYPE' | 'BAD_RESERVED' | 'BAD_SEQUENCE' | 'TOO_LONG';

export function encodeRecordHeader(type: RecordType, epoch: number, sequence: number, length: number): Uint8Array {
  const bytes = new Uint8Array(RECORD_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, RECORD_MAGIC, true);
  view.setUint8(VERSION_AT, WIRE_VERSION);
  view.setUint8(TYPE_AT, type);
  view.setUint32(EPOCH_AT, epoch, true);
  view.setUint32(SEQUENCE_LO_AT, sequence % TWO_32, true);
  view.setUint32(SEQUENCE_HI_AT, Math.floor(sequence / TWO_32), true);
  view.setUint32(LENGTH_AT, length, true);
  return bytes;
}

/**
 * Reads a header from exactly RECORD_HEADER_BYTES at `at`. `maxLength` caps the declared length before anybody
 * allocates for it: small before authentication, the largest message after.
 */
export function decodeRecordHeader(bytes: Uint8Array, at: number, maxLength: number): RecordHeader | RecordFault {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, RECORD_HEADER_BYTES);
  if (view.getUint16(0, true) !== RECORD_MAGIC) return 'BAD_MAGIC';
  if (view.getUint8(VERSION_AT) !== WIRE_VERSION) return 'BAD_VERSION';
  const type = view.getUint8(TYPE_AT);
  if (type < RecordType.hello || type > RecordType.close) return 'BAD_TYPE';
  if (view.getUint32(RESERVED_AT, true) !== 0) return 'BAD_RESERVED';
  const high = view.getUint32(SEQUENCE_HI_AT, true);
  if (high > 0x1f_ffff) return 'BAD_SEQUENCE';
  const length = view.getUint32(LENGTH_AT, true);
  if (length > maxLength) return 'TOO_LONG';
  return {
    type: type as RecordType,
    epoch: view.getUint32(EPOCH_AT, true),
    sequence: high * TWO_32 + view.getUint32(SEQUENCE_LO_AT, true),
    length,
  };
}
