/**
 * The attacks by name. Each gets what it needs to open sessions, and a `flood` that writes chunks as fast as the socket
 * takes them until the bench says halt. Nothing here waits for the broker's consent.
 */
import { join } from 'node:path';
import { encode } from '../../docs/examples/wire-client/frames.mjs';
import { makeHello } from '../../docs/examples/wire-client/handshake.mjs';
import { loadIdentity } from '../../docs/examples/wire-client/identity.mjs';
import {
  encodeHeader,
  MAX_RECORD_BODY_BYTES,
  MAX_RECORD_PLAINTEXT_BYTES,
  RecordType,
} from '../../docs/examples/wire-client/records.mjs';
import { openSession } from '../../docs/examples/wire-client/session.mjs';
import { openPipe } from './nats-pipe.mjs';
import { openRaw, openSocket } from './raw.mjs';

const CHUNK_BYTES = 262_144;
const RECORD_BYTES = 97_000;
const PONG_EVERY_MS = 1_000;
const LARGEST_RING = 16_777_152;
/** Piece of a pipe that an honest end makes. */
const FRAGMENT_BYTES = 32_512;
const FRAME_HEADER_BYTES = 12;
/** `down`: see broker/federation/frames.ts. */
const FederationOp = { down: 0xf2 };
/** As many as a record of more than one frame may hold. */
const RECORD_OF_FRAMES = Math.floor(MAX_RECORD_PLAINTEXT_BYTES / FRAME_HEADER_BYTES);

/** Pieces of one byte that are sent before credit is given for what has come. */
const PIECES = 400_000;
const PIECES_AT_ONCE = 2_000;

const repeat = (bytes, total) => Buffer.concat(Array(Math.floor(total / bytes.length)).fill(bytes));
const many = (count, make) => Array.from({ length: count }, (_, index) => make(index));

/** `place`: { folder, index, domid, port }, as the bench gives them. */
function party(place, kind) {
  const name = `${kind}-${place.index}`;
  return { identity: () => loadIdentity(join(place.folder, name)), path: join(place.folder, 'run', `${name}.sock`) };
}

async function attacker(place) {
  const { identity, path } = party(place, 'attacker');
  return openRaw(identity(), path);
}

/** A ring of the accomplice for the attacker; it takes all messages and gives credit for them. */
async function accomplice(place, port) {
  const { identity, path } = party(place, 'accomplice');
  const session = await openSession(identity(), { path });
  await session.registerRing(port, place.domid.attacker + place.index, LARGEST_RING);
  return session;
}

/** The attacker as a domain that comes over NATS. */
async function natsDomain(place) {
  const name = `pipe-${place.index}`;
  const subjects = { up: `argus.broker.up.${name}`, down: `argus.broker.down.${name}` };
  return openPipe(...pipeEnd(place, name, subjects));
}

/** The attacker as another broker, which is the home of a domain. Its name comes first, so it is the one that dials. */
async function remoteBroker(place) {
  const name = `a-broker-${place.index}`;
  const subjects = { up: `argus.broker.peer-up.${name}`, down: `argus.broker.peer-down.${name}` };
  const pipe = await openPipe(...pipeEnd(place, name, subjects), true);
  // Everything that the broker says is taken, as a sound broker does.
  const write = (bytes) => pipe.pieces(bytes, FRAGMENT_BYTES);
  return { pipe, write };
}

function pipeEnd(place, name, subjects) {
  const folder = join(place.folder, name);
  return [
    loadIdentity(folder),
    { host: '127.0.0.1', port: place.natsPort, seedFile: join(folder, 'nats.seed'), ...subjects },
  ];
}

/** Writes the records that `make` makes over a pipe, as far as the window goes. */
function pipeFlood(flood, { pipe, write }, make) {
  return flood(pipe.socket, async () => {
    const record = make();
    while (pipe.room < record.length && !pipe.socket.destroyed) await pipe.hasRoom();
    return Buffer.concat([write(record), pipe.credit()]);
  });
}

export const attacks = {
  'bad-hellos': async (place, flood) => {
    const raw = await attacker(place);
    const hello = Buffer.concat([encodeHeader(RecordType.hello, 0, 0, 1), Buffer.from('x')]);
    const chunk = repeat(hello, CHUNK_BYTES);
    return flood(raw.socket, () => chunk);
  },

  'valid-hellos': async (place, flood) => {
    const { identity, path } = party(place, 'attacker');
    const holder = identity();
    const raw = await openRaw(holder, path);
    raw.socket.pause();
    let lastPong = performance.now();
    return flood(raw.socket, () => {
      const { record } = makeHello(holder);
      if (performance.now() - lastPong < PONG_EVERY_MS) return record;
      lastPong = performance.now();
      return Buffer.concat([record, raw.seal(encode.pong(0))]);
    });
  },

  rekeys: async (place, flood) => {
    const raw = await attacker(place);
    const next = () => {
      raw.rekey();
      return raw.seal(encode.pong(0));
    };
    return flood(raw.socket, () => Buffer.concat(many(64, next)));
  },

  'tiny-records': async (place, flood) => {
    const raw = await attacker(place);
    return flood(raw.socket, () => Buffer.concat(many(256, () => raw.seal(encode.pong(0)))));
  },

  'full-records': async (place, flood) => {
    const raw = await attacker(place);
    const pongs = repeat(encode.pong(0), RECORD_BYTES);
    return flood(raw.socket, () => raw.seal(pongs));
  },

  notify: async (place, flood) => {
    const raw = await attacker(place);
    const query = { domid: place.domid.accomplice + place.index, port: place.port.data, space: 64 };
    const asked = repeat(encode.notify(1, Array(256).fill(query)), RECORD_BYTES);
    return flood(raw.socket, () => raw.seal(asked));
  },

  registrations: async (place, flood) => {
    const raw = await attacker(place);
    const partner = place.domid.accomplice + place.index;
    const pair = [
      encode.registerRing(1, place.port.data, partner, 4096),
      encode.unregisterRing(2, place.port.data, partner),
    ];
    const pairs = repeat(Buffer.concat(pair), RECORD_BYTES);
    return flood(raw.socket, () => raw.seal(pairs));
  },

  'audited-sends': async (place, flood) => {
    const receiver = await accomplice(place, place.port.audited);
    const raw = await attacker(place);
    const send = sends(place.domid.accomplice + place.index, place.port.audited, Buffer.alloc(4));
    return flood(
      raw.socket,
      () => raw.seal(...many(1_000, send)),
      () => receiver.close(),
    );
  },

  'denied-sends': async (place, flood) => {
    const raw = await attacker(place);
    const send = sends(place.domid.answerer, place.port.echo, Buffer.alloc(4));
    return flood(raw.socket, () => raw.seal(...many(1_000, send)));
  },

  'false-headers': async (place, flood) => {
    const socket = await openSocket(party(place, 'serial').path);
    socket.resume();
    const chunk = repeat(encodeHeader(RecordType.hello, 0, 0, 0).subarray(0, 16), CHUNK_BYTES);
    return flood(socket, () => chunk);
  },

  'deaf-receiver': async (place, flood) => {
    const { identity, path } = party(place, 'accomplice');
    const deaf = await openRaw(identity(), path);
    const { attacker: first, accomplice: other } = place.domid;
    const ports = many(4, (index) => place.port.data + index);
    deaf.socket.write(
      deaf.seal(...ports.map((port) => encode.registerRing(port, port, first + place.index, LARGEST_RING))),
    );
    deaf.socket.pause();
    const raw = await attacker(place);
    let id = 0;
    const empty = Buffer.alloc(0);
    const send = (index) => encode.sendv(++id >>> 0, other + place.index, ports[index % ports.length], empty);
    return flood(
      raw.socket,
      () => raw.seal(...many(3_000, send)),
      () => deaf.socket.destroy(),
    );
  },

  'half-records': async (place, flood) => {
    const raw = await attacker(place);
    raw.socket.write(encodeHeader(RecordType.data, 0, 1, MAX_RECORD_BODY_BYTES));
    const chunk = Buffer.alloc(65_536);
    let left = MAX_RECORD_BODY_BYTES - 1;
    return flood(raw.socket, () => {
      const piece = chunk.subarray(0, Math.min(left, chunk.length));
      left -= piece.length;
      return piece.length === 0 ? null : piece;
    });
  },

  'nats-pieces': async (place, flood) => {
    const pipe = await natsDomain(place);
    const pings = repeat(encode.ping(1), RECORD_BYTES);
    let [record, at, left] = [pipe.seal(pings), 0, PIECES];
    return flood(pipe.socket, async () => {
      if (at === record.length) [record, at] = [pipe.seal(pings), 0];
      if (left <= 0) {
        left = PIECES;
        return pipe.credit();
      }
      while (pipe.room < PIECES_AT_ONCE && !pipe.socket.destroyed) {
        pipe.socket.write(pipe.credit());
        await pipe.hasRoom();
      }
      const cut = record.subarray(at, at + PIECES_AT_ONCE);
      at += cut.length;
      left -= cut.length;
      return pipe.pieces(cut, 1);
    });
  },

  'broker-frames': async (place, flood) => {
    const broker = await remoteBroker(place);
    const frames = repeat(federationFrame(FederationOp.down), RECORD_OF_FRAMES * FRAME_HEADER_BYTES);
    return pipeFlood(flood, broker, () => broker.pipe.seal(frames));
  },

  'broker-records': async (place, flood) => {
    const broker = await remoteBroker(place);
    const frame = federationFrame(FederationOp.down);
    return pipeFlood(flood, broker, () => Buffer.concat(many(256, () => broker.pipe.seal(frame))));
  },
};

/** A frame of one broker to another that says nothing new: a domain of the speaker has no session. */
function federationFrame(op) {
  const frame = encode.pong(0);
  frame[4] = op;
  return frame;
}

/** Frames of sends with ids of their own, one after the other. */
function sends(domid, port, payload) {
  let id = 0;
  return () => encode.sendv(++id >>> 0, domid, port, payload);
}
