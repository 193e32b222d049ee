/**
 * What work costs, in units. One unit is one nanosecond of CPU as `bench/prices.ts` measures it, rounded; what matters is
 * the relation of the prices, because the units are shared out and never compared with a clock.
 */
import { Op } from '../wire/index.ts';

/** Bytes that a carrier hands over at once: a NATS message may hold a single one. */
const READ_UNITS = 500;
/** A byte that is copied because its record has not come whole, per read; one that is searched for a hello costs as much as one that is opened. */
const READ_BYTE_UNITS = 0.25;
/** A message of a NATS server, or one of its lines: found in the stream, and given its place in the pipe. */
export const LINE_MESSAGE_UNITS = 1_000;
/** A record: its header, its nonce, the call of the AEAD. */
const RECORD_UNITS = 5_000;
/** A byte that is opened, copied and sealed again for its receiver. */
const BYTE_UNITS = 1;
/** The keys of one more epoch. */
const EPOCH_UNITS = 40_000;
/** A hello that is verified and answered: two signatures checked, one made, one key agreement. Also for a false one. */
export const HELLO_UNITS = 600_000;
/** One entry of a notify frame. */
const NOTIFY_ENTRY_UNITS = 300;
/** A message: decided, entered into a ring, and delivered. */
const SEND_UNITS = 2_000;
/** A frame that asks for nothing. */
const FRAME_UNITS = 200;
/** A frame that is answered. */
const QUERY_UNITS = 1_500;
/** A ring that is opened or closed: it is recorded, and those concerned are told. */
const RING_UNITS = 16_000;

/** By op. A Map costs a hash for each frame. */
const FRAME_PRICES: readonly number[] = Array.from({ length: 256 }, (_, op) => {
  switch (op) {
    case Op.sendv:
      return SEND_UNITS;
    case Op.pong:
    case Op.ack:
      return FRAME_UNITS;
    case Op.registerRing:
    case Op.unregisterRing:
      return RING_UNITS;
    default:
      return QUERY_UNITS;
  }
});

/** Bytes that came at once; `isSearched`: on a carrier that does not tell when its other end restarts. */
export function readUnits(bytes: number, isSearched: boolean): number {
  return READ_UNITS + bytes * (isSearched ? BYTE_UNITS : READ_BYTE_UNITS);
}

/** Sends that another broker has decided: each sender is told. */
export function decidedUnits(sends: number): number {
  return sends * FRAME_UNITS;
}

/** A record whose plaintext has `bytes`, and which brought the keys of `epochs` new epochs with it. */
export function recordUnits(bytes: number, epochs: number): number {
  return RECORD_UNITS + bytes * BYTE_UNITS + epochs * EPOCH_UNITS;
}

/** A frame without its bytes, which the record has paid for. */
export function frameUnits(op: number): number {
  return FRAME_PRICES[op] ?? QUERY_UNITS;
}

/** What the entries of a notify frame cost beside the frame. */
export function notifyUnits(entries: number): number {
  return entries * NOTIFY_ENTRY_UNITS;
}
