/** The wire format: encodes and decodes records, frames and status words, and has the limits of the format. Pure. */
export { CloseCode, type CloseWord, closeWord } from './close-code.ts';
export {
  DATA_FRAME_HEADER_BYTES,
  DOMID_ANY,
  FRAME_HEADER_BYTES,
  MAX_DATA_FRAME_BYTES,
  MAX_HANDSHAKE_BODY_BYTES,
  MAX_IOV,
  MAX_IOV_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_NAME_BYTES,
  MAX_NOTIFY_ENTRIES,
  MAX_PENDING_PER_RING,
  MAX_RECORD_BODY_BYTES,
  MAX_RECORD_PLAINTEXT_BYTES,
  MAX_RING_BYTES,
  MAX_RINGS_PER_DOMAIN,
  MAX_SKIPPED_BYTES,
  MESSAGE_HEADER_BYTES,
  MIN_RING_BYTES,
  MSG_SLOT_BYTES,
  NONCE_BYTES,
  PLACES_PER_SEARCH,
  PORT_ALL,
  RECORD_HEADER_BYTES,
  RECORD_OVERHEAD_BYTES,
  REGISTER_FAIL_EXIST,
  RecordType,
  RingFlag,
  SEND_FLAGS_MASK,
  SendFlag,
  TAG_BYTES,
  WIRE_VERSION,
} from './constants.ts';
export { DataField, type DataFrame, decodeDataFrame, encodeDataFrame } from './data-frame.ts';
export { type DeframedRecord, Deframer } from './deframer.ts';
export {
  type BrokerFrame,
  type DomainFrame,
  decodeBrokerFrame,
  decodeDomainFrame,
  encodeBrokerFrame,
  encodeDomainFrame,
  lendBrokerFrame,
  type NotifyAnswer,
  type NotifyQuery,
} from './frame.ts';
export { FrameStream } from './frame-stream.ts';
export { FrameWalker } from './frame-walker.ts';
export { Op } from './op.ts';
export { decodeRecordHeader, encodeRecordHeader, type RecordFault, writeRecordHeader } from './record.ts';
export { SeekingDeframer } from './seeking-deframer.ts';
export { Status, type StatusWord, statusOf, statusWord } from './status.ts';
