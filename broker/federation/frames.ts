/**
 * The frames between two brokers inside sealed records. Brokers also use the sendv, ack and refused frames of the wire
 * unchanged (the source of a sendv names the sender, and its home is checked). "Local" means: at home at the broker
 * that sends the frame.
 *
 *   up      {domid}               a local domain has a session; from here on it may send
 *   down    {domid}               its session has ended
 *   event   {domid, frame}        a space, peer-gone or revoked event for a domain of the receiving broker
 *   asked   {domid, notify}       a notify frame of a local domain, about rings at the receiving broker
 *   told    {notified}            the answer to it, with its id
 *   report  {…}                   the state of the sending broker
 *   list    {bytes}               a piece of the sending broker's revocation list; the id is the length of the list
 *   witness {key}                 the key with which the sending broker cosigns checkpoints (cosigning.ts)
 *   shown   {request}             a checkpoint of the sending broker's audit log, for the receiving broker to cosign
 *   cosigned {answer}             the answer to it; the id is its status
 *
 * The header is that of every frame: length u32, op u8, flags u8 = 0, reserved u16 = 0, id u32 (the domid, else 0).
 *
 * A broker ends a session when it gets a frame that it does not know. So a newer frame is sent only to a broker that
 * has said that it knows it: the id of a report holds the features of its sender. Earlier brokers send 0 there, and
 * do not look at it.
 */
import { FRAME_HEADER_BYTES, type Op } from '../wire/index.ts';

export const FederationOp = {
  up: 0xf1,
  down: 0xf2,
  event: 0xf3,
  report: 0xf4,
  asked: 0xf5,
  told: 0xf6,
  list: 0xf7,
  witness: 0xf8,
  shown: 0xf9,
  cosigned: 0xfa,
} as const;
export type FederationOp = (typeof FederationOp)[keyof typeof FederationOp];

/** Bits of a report's id. */
export const Feature = {
  /** It knows witness, shown and cosigned. */
  witness: 1,
} as const;

const OPS: readonly number[] = Object.values(FederationOp);
const OP_AT = 4;
const FLAGS_AT = 5;
const ID_AT = 8;

export interface FederationFrame {
  readonly op: FederationOp;
  readonly domid: number;
  /** A view. */
  readonly body: Uint8Array;
}

export function encodeFederationFrame(
  op: FederationOp | typeof Op.proof,
  domid: number,
  body: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint8(OP_AT, op);
  view.setUint32(ID_AT, domid, true);
  bytes.set(body, FRAME_HEADER_BYTES);
  return bytes;
}

/** The frame in `bytes[at, end)`, whose length the caller has matched to `end`. Null: it is not one of these frames. */
export function decodeFederationFrame(bytes: Uint8Array, at: number, end: number): FederationFrame | null {
  if (end - at < FRAME_HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, end - at);
  const op = view.getUint8(OP_AT);
  if (!OPS.includes(op) || view.getUint8(FLAGS_AT) !== 0 || view.getUint16(FLAGS_AT + 1, true) !== 0) return null;
  return {
    op: op as FederationOp,
    domid: view.getUint32(ID_AT, true),
    body: bytes.subarray(at + FRAME_HEADER_BYTES, end),
  };
}
