/**
 * Control frames: all frames except the two that carry messages. Encoder and decoder of a frame are next to each other.
 * A decoder checks the minimum length, the exact length, reserved bits and fields, allows no trailing bytes, and never
 * throws on any input.
 *
 * A non-zero `pad` inside an operation is decoded: it is not a decoding fault, but EINVAL of that operation, as in
 * Argo.
 */
import {
  COMMITMENT_BYTES,
  MAX_LABELS,
  MAX_NAME_BYTES,
  MAX_NOTIFY_DECODED,
  MAX_NOTIFY_ENTRIES,
  MAX_STATEMENT_BYTES,
} from './constants.ts';
import { type LentFrame, Reader, Writer } from './cursor.ts';
import { Op } from './op.ts';
import { Status, statusOf } from './status.ts';

export interface NotifyQuery {
  readonly domid: number;
  readonly pad: number;
  readonly port: number;
  /** Payload bytes that the caller wants to send. */
  readonly spaceRequired: number;
}

export interface NotifyAnswer {
  /** RingFlag bits. */
  readonly flags: number;
  /** Largest payload that the ring can ever take; 0 when there is no ring. */
  readonly maxMessageSize: number;
}

/** Domain to broker. `id` is the request id that the answer repeats. */
export type DomainFrame =
  | { readonly op: typeof Op.ready; readonly commitment: Uint8Array }
  | {
      readonly op: typeof Op.registerRing;
      readonly id: number;
      readonly port: number;
      readonly partner: number;
      readonly pad: number;
      readonly length: number;
      readonly flags: number;
      /** Ring bytes still unread at the domain from an earlier session: they stay charged to the ring. */
      readonly unread: number;
    }
  | {
      readonly op: typeof Op.unregisterRing;
      readonly id: number;
      readonly port: number;
      readonly partner: number;
      readonly pad: number;
    }
  | { readonly op: typeof Op.notify; readonly id: number; readonly queries: readonly NotifyQuery[] | null }
  | { readonly op: typeof Op.credit; readonly ring: number; readonly bytes: number }
  | { readonly op: typeof Op.resolve; readonly id: number; readonly name: string }
  | { readonly op: typeof Op.ping; readonly id: number }
  | { readonly op: typeof Op.pong; readonly id: number }
  /** The domain has another credential, or another key: a statement that is bound to this session. */
  | { readonly op: typeof Op.credential; readonly id: number; readonly statement: string };

/** Broker to domain. */
export type BrokerFrame =
  | {
      readonly op: typeof Op.welcome;
      readonly commitment: Uint8Array;
      readonly domid: number;
      readonly revision: number;
      readonly name: string;
      readonly broker: string;
    }
  | {
      readonly op: typeof Op.reply;
      readonly id: number;
      readonly status: Status;
      /** registerRing: ring handle; resolve: domid. */
      readonly value: number;
    }
  | {
      readonly op: typeof Op.notified;
      readonly id: number;
      readonly status: Status;
      readonly answers: readonly NotifyAnswer[];
    }
  /** Each send up to and including `through` is in its ring, unless it was refused before this frame. */
  | { readonly op: typeof Op.ack; readonly through: number }
  | { readonly op: typeof Op.refused; readonly id: number; readonly status: Status; readonly maxMessageSize: number }
  | {
      readonly op: typeof Op.introduce;
      readonly domid: number;
      readonly name: string;
      readonly labels: readonly string[];
    }
  | { readonly op: typeof Op.space; readonly domid: number; readonly port: number }
  | {
      readonly op: typeof Op.peerGone;
      readonly domid: number;
      readonly port: number;
      /** Number of your accepted messages that the peer may not have consumed. */
      readonly messages: number;
      readonly bytes: number;
    }
  | {
      readonly op: typeof Op.revoked;
      readonly domid: number;
      readonly port: number;
      readonly messages: number;
      readonly bytes: number;
    }
  | { readonly op: typeof Op.ringClosed; readonly ring: number; readonly status: Status }
  | { readonly op: typeof Op.revision; readonly revision: number }
  | { readonly op: typeof Op.brokerPing; readonly id: number }
  | { readonly op: typeof Op.brokerPong; readonly id: number };

/** One for all frames: each is copied before the next one begins. */
const WRITER = new Writer();

function begin(op: Op, id: number): Writer {
  return WRITER.restart().u32(0).u8(op).u8(0).u16(0).u32(id);
}

export function encodeDomainFrame(frame: DomainFrame): Uint8Array {
  return writeDomainFrame(frame).finish().copy();
}

function writeDomainFrame(frame: DomainFrame): Writer {
  switch (frame.op) {
    case Op.ready:
      return begin(frame.op, 0).bytes(frame.commitment);
    case Op.registerRing:
      return begin(frame.op, frame.id)
        .u32(frame.port)
        .u16(frame.partner)
        .u16(frame.pad)
        .u32(frame.length)
        .u32(frame.flags)
        .u32(frame.unread);
    case Op.unregisterRing:
      return begin(frame.op, frame.id).u32(frame.port).u16(frame.partner).u16(frame.pad);
    case Op.notify: {
      const writer = begin(frame.op, frame.id)
        .u16(frame.queries?.length ?? 0)
        .u16(frame.queries === null ? 1 : 0);
      for (const query of frame.queries ?? []) {
        writer.u16(query.domid).u16(query.pad).u32(query.port).u32(query.spaceRequired);
      }
      return writer;
    }
    case Op.credit:
      return begin(frame.op, 0).u32(frame.ring).u32(frame.bytes);
    case Op.resolve:
      return begin(frame.op, frame.id).text(frame.name);
    case Op.ping:
    case Op.pong:
      return begin(frame.op, frame.id);
    case Op.credential:
      return begin(frame.op, frame.id).longText(frame.statement);
  }
}

/** Decodes the control frame in `bytes[start, end)`, whose length field the caller has already matched to `end`. */
export function decodeDomainFrame(bytes: Uint8Array, start: number, end: number): DomainFrame | null {
  const reader = new Reader(bytes, start, end);
  const { op, id } = readHeader(reader);
  const frame = readDomainBody(op, id, reader);
  return frame !== null && reader.finish() ? frame : null;
}

function readDomainBody(op: number, id: number, reader: Reader): DomainFrame | null {
  switch (op) {
    case Op.ready:
      return { op, commitment: reader.bytes(COMMITMENT_BYTES) };
    case Op.registerRing:
      return {
        op,
        id,
        port: reader.u32(),
        partner: reader.u16(),
        pad: reader.u16(),
        length: reader.u32(),
        flags: reader.u32(),
        unread: reader.u32(),
      };
    case Op.unregisterRing:
      return { op, id, port: reader.u32(), partner: reader.u16(), pad: reader.u16() };
    case Op.notify: {
      const count = reader.u16();
      const isNull = reader.u16();
      reader.expect(count <= MAX_NOTIFY_DECODED && isNull <= 1 && (isNull === 0 || count === 0));
      if (isNull === 1) return { op, id, queries: null };
      const queries: NotifyQuery[] = [];
      for (let i = 0; i < count && reader.remaining > 0; i++) {
        queries.push({ domid: reader.u16(), pad: reader.u16(), port: reader.u32(), spaceRequired: reader.u32() });
      }
      reader.expect(queries.length === count);
      return { op, id, queries };
    }
    case Op.credit:
      return { op, ring: reader.u32(), bytes: reader.u32() };
    case Op.resolve:
      return { op, id, name: reader.text(MAX_NAME_BYTES) };
    case Op.ping:
    case Op.pong:
      return { op, id };
    case Op.credential:
      return { op, id, statement: reader.longText(MAX_STATEMENT_BYTES) };
    default:
      return null;
  }
}

export function encodeBrokerFrame(frame: BrokerFrame): Uint8Array {
  return writeBrokerFrame(frame).finish().copy();
}

/** As `encodeBrokerFrame`, but without memory of its own: the caller copies it before the next frame is encoded. */
export function lendBrokerFrame(frame: BrokerFrame): LentFrame {
  return writeBrokerFrame(frame).finish();
}

function writeBrokerFrame(frame: BrokerFrame): Writer {
  switch (frame.op) {
    case Op.welcome:
      return begin(frame.op, 0)
        .bytes(frame.commitment)
        .u16(frame.domid)
        .u16(0)
        .u32(frame.revision)
        .text(frame.name)
        .text(frame.broker);
    case Op.reply:
      return begin(frame.op, frame.id).u16(frame.status).u16(0).u32(frame.value);
    case Op.notified: {
      const writer = begin(frame.op, frame.id).u16(frame.status).u16(frame.answers.length);
      for (const answer of frame.answers) writer.u16(answer.flags).u16(0).u32(answer.maxMessageSize);
      return writer;
    }
    case Op.ack:
      return begin(frame.op, frame.through);
    case Op.refused:
      return begin(frame.op, frame.id).u16(frame.status).u16(0).u32(frame.maxMessageSize);
    case Op.introduce: {
      const writer = begin(frame.op, 0).u16(frame.domid).u16(frame.labels.length).text(frame.name);
      for (const label of frame.labels) writer.text(label);
      return writer;
    }
    case Op.space:
      return begin(frame.op, 0).u16(frame.domid).u16(0).u32(frame.port);
    case Op.peerGone:
    case Op.revoked:
      return begin(frame.op, 0).u16(frame.domid).u16(0).u32(frame.port).u32(frame.messages).u32(frame.bytes);
    case Op.ringClosed:
      return begin(frame.op, 0).u32(frame.ring).u16(frame.status).u16(0);
    case Op.revision:
      return begin(frame.op, 0).u32(frame.revision);
    case Op.brokerPing:
    case Op.brokerPong:
      return begin(frame.op, frame.id);
  }
}

/** Decodes the control frame in `bytes[start, end)`, whose length field the caller has already matched to `end`. */
export function decodeBrokerFrame(bytes: Uint8Array, start: number, end: number): BrokerFrame | null {
  const reader = new Reader(bytes, start, end);
  const { op, id } = readHeader(reader);
  const frame = readBrokerBody(op, id, reader);
  return frame !== null && reader.finish() ? frame : null;
}

function readBrokerBody(op: number, id: number, reader: Reader): BrokerFrame | null {
  switch (op) {
    case Op.welcome: {
      const commitment = reader.bytes(COMMITMENT_BYTES);
      const domid = reader.u16();
      readZero16(reader);
      return {
        op,
        commitment,
        domid,
        revision: reader.u32(),
        name: reader.text(MAX_NAME_BYTES),
        broker: reader.text(MAX_NAME_BYTES),
      };
    }
    case Op.reply: {
      const status = readStatus(reader);
      readZero16(reader);
      return { op, id, status, value: reader.u32() };
    }
    case Op.notified: {
      const status = readStatus(reader);
      const count = reader.u16();
      reader.expect(count <= MAX_NOTIFY_ENTRIES);
      const answers: NotifyAnswer[] = [];
      for (let i = 0; i < count && reader.remaining > 0; i++) {
        const flags = reader.u16();
        readZero16(reader);
        answers.push({ flags, maxMessageSize: reader.u32() });
      }
      reader.expect(answers.length === count);
      return { op, id, status, answers };
    }
    case Op.ack:
      return { op, through: id };
    case Op.refused: {
      const status = readStatus(reader);
      readZero16(reader);
      return { op, id, status, maxMessageSize: reader.u32() };
    }
    case Op.introduce: {
      const domid = reader.u16();
      const count = reader.u16();
      reader.expect(count <= MAX_LABELS);
      const name = reader.text(MAX_NAME_BYTES);
      const labels: string[] = [];
      for (let i = 0; i < count && reader.remaining > 0; i++) labels.push(reader.text(MAX_NAME_BYTES + 1));
      reader.expect(labels.length === count);
      return { op, domid, name, labels };
    }
    case Op.space: {
      const domid = reader.u16();
      readZero16(reader);
      return { op, domid, port: reader.u32() };
    }
    case Op.peerGone:
    case Op.revoked: {
      const domid = reader.u16();
      readZero16(reader);
      return { op, domid, port: reader.u32(), messages: reader.u32(), bytes: reader.u32() };
    }
    case Op.ringClosed: {
      const ring = reader.u32();
      const status = readStatus(reader);
      readZero16(reader);
      return { op, ring, status };
    }
    case Op.revision:
      return { op, revision: reader.u32() };
    case Op.brokerPing:
    case Op.brokerPong:
      return { op, id };
    default:
      return null;
  }
}

function readHeader(reader: Reader): { readonly op: number; readonly id: number } {
  reader.u32(); // length: the frame walker has matched it already
  const op = reader.u8();
  reader.expect(reader.u8() === 0); // flags: only data frames have any
  readZero16(reader);
  return { op, id: reader.u32() };
}

/** A frame with an unknown status word is malformed: new words need a new version. */
function readStatus(reader: Reader): Status {
  const status = statusOf(reader.u16());
  reader.expect(status !== null);
  return status ?? Status.EINVAL;
}

function readZero16(reader: Reader): void {
  reader.expect(reader.u16() === 0);
}
