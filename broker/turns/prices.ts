/**
 * The price of work, in units. One unit is one nanosecond of CPU as `bench/prices.ts` measures it, rounded. Only the
 * ratios of the prices matter, because the units are shared out and never compared with a clock.
 */
import { Op, PLACES_PER_SEARCH } from '../wire/index.ts';

/** One read of a carrier, however short: a NATS message may hold a single byte. */
export const READ_UNITS = 500;
/**
 * A byte that is copied because its record is not complete, per read. A byte that is searched for a hello costs as much
 * as a byte that is opened.
 */
const READ_BYTE_UNITS = 0.25;
/** A message or a line of a NATS server: found in the stream, and passed to its pipe. */
export const LINE_MESSAGE_UNITS = 1_000;
/** A place in a stream that looked like the beginning of a record, and was none. */
const PLACE_UNITS = 500;
/** A search that tried as many places as it may at once. */
export const SEARCH_UNITS = PLACE_UNITS * PLACES_PER_SEARCH;
/** A record: its header, its nonce, the call of the AEAD. */
const RECORD_UNITS = 9_000;
/** A byte that is opened, copied and sealed again for its receiver. */
const BYTE_UNITS = 1;
/** The same with a suite that is computed in JavaScript (`argus keys aead`): for its record, and for each byte. */
const SLOW_RECORD_UNITS = 25_000;
const SLOW_BYTE_UNITS = 23;
/** The keys of one more epoch. */
const EPOCH_UNITS = 70_000;
/**
 * Verifying and answering a hello: two signatures checked, one made, one key agreement. A false hello costs the same. A
 * third of it is done in other threads, which take their time from everybody on a machine of two cores. A handshake of
 * an honest domain fits in a quantum.
 */
export const HELLO_UNITS = 800_000;
/** A session that ends with a fault. Its end has records and is told to others, and a handshake follows. */
export const FAULT_UNITS = 800_000;
/** One entry of a notify frame. */
const NOTIFY_ENTRY_UNITS = 300;
/** A message: decided, entered into a ring, and delivered. */
const SEND_UNITS = 2_000;
/** One more message of the same record for the same ring: its bytes extend a run, which is copied at once. */
const NEXT_SEND_UNITS = 200;
/** An audit record: made, hashed, and written with others. */
const AUDIT_UNITS = 10_000;
/** A frame without an answer. */
const FRAME_UNITS = 200;
/** A frame with an answer. */
const QUERY_UNITS = 1_500;
/** Opening or closing a ring: it is recorded, and the affected domains are notified. */
const RING_UNITS = 16_000;

/**
 * A `sendv` frame without its bytes.
 *
 * @param isNext the message was accepted without a record, and so was the one before it, for the same ring
 * @param isRecorded it has an audit record of its own
 */
export function sendUnits(isNext: boolean, isRecorded: boolean): number {
  return (isNext ? NEXT_SEND_UNITS : SEND_UNITS) + (isRecorded ? AUDIT_UNITS : 0);
}

/** Prices by op. An array, because a Map computes a hash for each frame. */
const FRAME_PRICES: readonly number[] = Array.from({ length: 256 }, (_, op) => {
  switch (op) {
    case Op.pong:
    case Op.ack:
      return FRAME_UNITS;
    case Op.registerRing:
    case Op.unregisterRing:
      return RING_UNITS;
    case Op.credential:
      return HELLO_UNITS;
    default:
      return QUERY_UNITS;
  }
});

/** The price of the bytes of a read. `isSearched`: the carrier does not tell when its other end restarts. */
export function readByteUnits(bytes: number, isSearched: boolean): number {
  return bytes * (isSearched ? BYTE_UNITS : READ_BYTE_UNITS);
}

/** Sends that a remote broker has decided: each sender is notified. */
export function decidedUnits(sends: number): number {
  return sends * FRAME_UNITS;
}

/** A record, which needed the keys of `epochs` new epochs, without its bytes. */
export function recordUnits(epochs: number): number {
  return RECORD_UNITS + epochs * EPOCH_UNITS;
}

/** The bytes of a record. `isSlow`: see Session. */
export function openUnits(bytes: number, isSlow: boolean): number {
  return isSlow ? SLOW_RECORD_UNITS - RECORD_UNITS + bytes * SLOW_BYTE_UNITS : bytes * BYTE_UNITS;
}

/** The bytes of a frame that was opened for nothing. */
export function byteUnits(bytes: number): number {
  return bytes * BYTE_UNITS;
}

/** What a delivered message earns: twice the price of one that comes alone, in a read, a line and a record of its own. */
export const DELIVERY_UNITS = 2 * (READ_UNITS + LINE_MESSAGE_UNITS + RECORD_UNITS + SEND_UNITS);
/** What a message earns its receiver: the price of the credit for it, which may come alone as well. */
export const RECEIPT_UNITS = READ_UNITS + LINE_MESSAGE_UNITS + RECORD_UNITS + QUERY_UNITS;

/** A frame other than `sendv`, without its bytes: the price of the record includes them. */
export function frameUnits(op: number): number {
  return FRAME_PRICES[op] ?? QUERY_UNITS;
}

/** The price of the entries of a notify frame, in addition to the frame. */
export function notifyUnits(entries: number): number {
  return entries * NOTIFY_ENTRY_UNITS;
}
