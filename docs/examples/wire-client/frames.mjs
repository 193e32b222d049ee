/** Frames: one operation each. See "Frames" in docs/wire.md. */
import { assert } from './identity.mjs';

const FRAME_HEADER_BYTES = 12;
const DATA_FRAME_HEADER_BYTES = 28;
export const DOMID_ANY = 0x7ff4;
export const Op = {
  ready: 0x01,
  registerRing: 0x10,
  unregisterRing: 0x11,
  sendv: 0x12,
  notify: 0x13,
  credit: 0x14,
  resolve: 0x15,
  ping: 0x16,
  pong: 0x17,
  welcome: 0x81,
  reply: 0x90,
  notified: 0x91,
  ack: 0x92,
  refused: 0x93,
  deliver: 0x94,
  introduce: 0x95,
  space: 0xa0,
  peerGone: 0xa1,
  revoked: 0xa2,
  ringClosed: 0xa3,
  revision: 0xa4,
  brokerPing: 0xb0,
  brokerPong: 0xb1,
};

/** The number of bytes that a message occupies in a ring. */
export function ringBytes(payloadLength) {
  return 16 + Math.ceil(payloadLength / 16) * 16;
}

function frame(op, id, ...fields) {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  const bytes = Buffer.concat([header, ...fields]);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes[4] = op;
  bytes.writeUInt32LE(id, 8);
  return bytes;
}

const u16 = (value) => Uint8Array.of(value, value >>> 8);
const u32 = (value) => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);

export const encode = {
  ready: (commitment) => frame(Op.ready, 0, commitment),
  registerRing: (id, port, partner, length) =>
    frame(Op.registerRing, id, u32(port), u16(partner), u16(0), u32(length), u32(0), u32(0)),
  unregisterRing: (id, port, partner) => frame(Op.unregisterRing, id, u32(port), u16(partner), u16(0)),
  notify: (id, queries) =>
    frame(
      Op.notify,
      id,
      u16(queries.length),
      u16(0),
      ...queries.flatMap(({ domid, port, space }) => [u16(domid), u16(0), u32(port), u32(space)]),
    ),
  credit: (ring, bytes) => frame(Op.credit, 0, u32(ring), u32(bytes)),
  resolve: (id, name) => frame(Op.resolve, id, Uint8Array.of(name.length), Buffer.from(name)),
  ping: (id) => frame(Op.ping, id),
  pong: (id) => frame(Op.pong, id),
  sendv: (id, domid, port, payload, type = 0) =>
    frame(Op.sendv, id, u16(DOMID_ANY), u16(domid), u32(0), u32(port), u32(type), payload),
};

/** The frames of one record. Throws when they are not whole, or when reserved bits are set. */
export function* walk(plaintext) {
  for (let at = 0; at < plaintext.length; ) {
    assert(plaintext.length - at >= FRAME_HEADER_BYTES, 'half a frame');
    const length = plaintext.readUInt32LE(at);
    const op = plaintext[at + 4];
    const least = op === Op.deliver ? DATA_FRAME_HEADER_BYTES : FRAME_HEADER_BYTES;
    assert(length >= least && at + length <= plaintext.length, 'a frame that does not fit its record');
    assert(plaintext[at + 5] === 0 && plaintext.readUInt16LE(at + 6) === 0, 'flags or reserved bytes that are not 0');
    yield decode(op, plaintext.readUInt32LE(at + 8), plaintext.subarray(at, at + length));
    at += length;
  }
}

function decode(op, id, bytes) {
  const fields = bytes.subarray(FRAME_HEADER_BYTES);
  switch (op) {
    case Op.welcome: {
      const [name, rest] = text(fields.subarray(40));
      const [broker] = text(rest);
      const [commitment, domid] = [fields.subarray(0, 32), fields.readUInt16LE(32)];
      return { op, commitment, domid, revision: fields.readUInt32LE(36), name, broker };
    }
    case Op.reply:
      return { op, id, status: fields.readUInt16LE(0), value: fields.readUInt32LE(4) };
    case Op.notified: {
      const answers = [];
      for (let at = 4; at < fields.length; at += 8)
        answers.push({ flags: fields.readUInt16LE(at), largest: fields.readUInt32LE(at + 4) });
      assert(answers.length === fields.readUInt16LE(2), 'another number of answers than said');
      return { op, id, status: fields.readUInt16LE(0), answers };
    }
    case Op.refused:
      return { op, id, status: fields.readUInt16LE(0), largest: fields.readUInt32LE(4) };
    case Op.deliver:
      return {
        op,
        ring: id,
        source: fields.readUInt16LE(0),
        destinationPort: fields.readUInt32LE(8),
        type: fields.readUInt32LE(12),
        payload: bytes.subarray(DATA_FRAME_HEADER_BYTES),
      };
    case Op.introduce: {
      const [name, rest] = text(fields.subarray(4));
      const labels = [];
      for (let left = rest; left.length > 0; ) {
        const [label, others] = text(left);
        labels.push(label);
        left = others;
      }
      return { op, domid: fields.readUInt16LE(0), name, labels };
    }
    case Op.ack:
    case Op.brokerPing:
    case Op.brokerPong:
      return { op, id };
    case Op.space:
    case Op.peerGone:
    case Op.revoked:
    case Op.ringClosed:
    case Op.revision:
      return { op, fields };
    default:
      throw new Error(`an unknown op ${op}`);
  }
}

/** A text, and what follows it. */
function text(bytes) {
  const end = 1 + bytes[0];
  assert(end <= bytes.length, 'a text that does not fit its frame');
  return [bytes.toString('utf8', 1, end), bytes.subarray(end)];
}
