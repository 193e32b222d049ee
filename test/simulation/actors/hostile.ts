/**
 * A VM with a genuine key that keeps no rule but those of the records: a library of what SECURITY.md says that such a VM
 * tries. It does one thing at a time, next to guests that keep all rules.
 */
import { beginHello, type Hello } from '../../../broker/channel/handshake.ts';
import type { HandshakeContext, Session } from '../../../broker/channel/index.ts';
import { CLOCK_TOLERANCE_SECONDS } from '../../../broker/process/index.ts';
import {
  DATA_FRAME_HEADER_BYTES,
  Deframer,
  DOMID_ANY,
  type DomainFrame,
  encodeDataFrame,
  encodeDomainFrame,
  encodeRecordHeader,
  MAX_NOTIFY_ENTRIES,
  Op,
  RecordType,
} from '../../../broker/wire/index.ts';
import type { Identity } from '../../../keys/index.ts';
import type { Random } from '../../support/random.ts';
import { ephemeralOf } from '../engine/crypto.ts';
import type { Connection, Line } from '../engine/network.ts';
import type { Host } from '../engine/process.ts';
import { type Member, SERVICES } from '../topology.ts';
import type { Witness } from '../witness.ts';

const MAX_WELCOME_BYTES = 32 * 1024 * 1024;
/** Above what the broker reads of a session before it charges the domain, in a few chunks. */
const HALF_RECORD_BYTES = 15 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
const HALF_RECORD_CHUNKS = 8;
const RECORD_BYTES = 60_000;
/** Longer than the soft limit of an epoch: the sealer changes keys with each record. */
const EPOCH_AGE_MS = 121_000;
const NOTIFY_PORT = 10;

/** What it does now, as far as invariants ask. */
export interface HostileState {
  /** Bytes of a record that never ends, as they were written; null while there is none. */
  halfRecordBytes: number | null;
  /** Changes of its key in a row, as they were written in this session; 0 once it has done something else. */
  keyChanges: number;
}

export class Hostile {
  readonly member: Member;
  readonly line: Line;
  readonly state: HostileState = { halfRecordBytes: null, keyChanges: 0 };
  readonly #identity: Identity;
  readonly #random: Random;
  readonly #witness: Witness;
  /** Whom it sends to. */
  readonly victims: readonly Member[];
  readonly #context: HandshakeContext;
  #connection: Connection | null = null;
  #hello: Hello | null = null;
  #session: Session | null = null;
  #deframer = new Deframer(MAX_WELCOME_BYTES);
  #sends = 0;
  #sessions = 0;
  #clockMs = 0;

  constructor(
    host: Host,
    member: Member,
    victims: readonly Member[],
    identity: Identity,
    line: Line,
    random: Random,
    witness: Witness,
  ) {
    this.member = member;
    this.victims = victims.slice(0, 2);
    this.#identity = identity;
    this.line = line;
    this.#random = random;
    this.#witness = witness;
    this.#context = {
      randomBytes: (length) => random.bytes(length),
      ephemeral: () => ephemeralOf(random),
      wallClock: () => host.wall(),
      clock: () => this.#clockMs,
      clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS,
      aead: 'node',
    };
  }

  get isConnected(): boolean {
    return this.#session !== null;
  }

  /** The connection that it attacks on. */
  get connection(): Connection | null {
    return this.#connection;
  }

  /** Opens a session, unless it has one. */
  connect(): void {
    if (this.#connection !== null) return;
    const events = {
      onBytes: (bytes: Uint8Array) => void this.#hear(bytes),
      onDrain: () => {},
      onClose: () => this.#closed(),
    };
    this.line.dial(events, new AbortController().signal).then(
      async (connection) => {
        this.#connection = connection;
        this.#hello = await beginHello(this.#identity, null, ['A256GCM'], this.#context);
        connection.toBroker.write([this.#hello.record]);
      },
      () => {}, // nothing listens: it comes again with its next attack
    );
  }

  /** It is gone, without a word. */
  kill(): void {
    this.line.killGuest();
    this.#closed();
    this.#witness.guestKilled(this.member.name);
  }

  #closed(): void {
    this.#connection = null;
    this.#session = null;
    this.#deframer = new Deframer(MAX_WELCOME_BYTES);
    this.#sends = 0;
    this.state.halfRecordBytes = null;
    this.state.keyChanges = 0;
  }

  async #hear(bytes: Uint8Array): Promise<void> {
    // What the broker says to its session is thrown away unread.
    if (this.#session !== null || this.#hello === null) return;
    this.#deframer.push(Uint8Array.from(bytes));
    const record = this.#deframer.next();
    if (typeof record === 'string' || record.type !== RecordType.welcome) return;
    const welcome = { ...record, headerBytes: record.headerBytes.slice(), body: record.body.slice() };
    const accepted = await this.#hello.accept(welcome);
    if (!accepted.ok) return;
    this.#session = accepted.value;
    this.#sessions++;
    this.#say([{ op: Op.ready, commitment: accepted.value.ourCommitment }]);
  }

  /** Does one of the things in `ATTACKS`. */
  attack(name: AttackName): void {
    if (this.#session === null || this.state.halfRecordBytes !== null) return;
    this.state.keyChanges = 0;
    ATTACKS[name](this, this.#random);
  }

  // What attacks are made of

  stopReading(): void {
    this.#connection?.toGuest.pause(true);
  }

  write(bytes: Uint8Array): void {
    this.#connection?.toBroker.write([bytes]);
  }

  seal(plaintext: Uint8Array): Uint8Array {
    return this.#session?.seal(plaintext) ?? new Uint8Array(0);
  }

  /** The next record is sealed with the next key. */
  growOld(): void {
    this.#clockMs += EPOCH_AGE_MS;
    this.state.keyChanges++;
  }

  /** The hello of this session once more: genuine, and a replay. */
  get hello(): Uint8Array {
    return this.#hello?.record ?? new Uint8Array(0);
  }

  #say(frames: readonly DomainFrame[]): void {
    this.write(this.seal(Buffer.concat(frames.map(encodeDomainFrame))));
  }

  /** One record with `count` of these frames. */
  repeat(count: number, ...frames: readonly DomainFrame[]): Uint8Array {
    const once = Buffer.concat(frames.map(encodeDomainFrame));
    return this.seal(Buffer.concat(Array.from({ length: count }, () => once)));
  }

  /** A message, which the witness knows; `source`: who it says it is from. */
  message(to: Pick<Member, 'name' | 'domid'>, port: number, payload: Uint8Array, source: number): Uint8Array {
    const { number } = this.#witness.sent({
      sender: this.member.name,
      senderDomid: this.member.domid,
      session: this.#sessions,
      receiver: to.name,
      receiverDomid: to.domid,
      port,
      payload,
      hasDeadline: false,
    });
    const frame = new Uint8Array(DATA_FRAME_HEADER_BYTES + payload.length);
    encodeDataFrame(new DataView(frame.buffer), 0, {
      op: Op.sendv,
      flags: 0,
      id: ++this.#sends,
      source,
      destination: to.domid,
      sourcePort: 0,
      destinationPort: port,
      messageType: number,
      payload,
    });
    return frame;
  }

  /** A record that will never end: `chunks` of it are written. */
  beginHalfRecord(): void {
    this.state.halfRecordBytes = 0;
    this.write(encodeRecordHeader(RecordType.data, 0, 0, HALF_RECORD_BYTES));
    for (let left = HALF_RECORD_CHUNKS; left > 0; left--) {
      this.write(new Uint8Array(CHUNK_BYTES));
      this.state.halfRecordBytes += CHUNK_BYTES;
    }
  }
}

const badHello = Buffer.concat([encodeRecordHeader(RecordType.hello, 0, 0, 1), new Uint8Array(1)]);
const queries = Array.from({ length: MAX_NOTIFY_ENTRIES }, () => ({
  domid: 1,
  port: NOTIFY_PORT,
  spaceRequired: 16,
  pad: 0,
}));
const ring = { port: NOTIFY_PORT + 1, partner: DOMID_ANY, pad: 0 };
const register: DomainFrame = { op: Op.registerRing, id: 1, ...ring, length: 4_096, flags: 0, unread: 0 };
const unregister: DomainFrame = { op: Op.unregisterRing, id: 2, ...ring };
const pong: DomainFrame = { op: Op.pong, id: 1 };
const ping: DomainFrame = { op: Op.ping, id: 1 };
const notify: DomainFrame = { op: Op.notify, id: 1, queries };

export const ATTACK_NAMES = [
  'says malformed hellos',
  'says genuine hellos and does not read the answers',
  'changes its key with every record',
  'says a record for each pong',
  'says full records of pongs',
  'asks about 256 rings at a time and does not read the answers',
  'registers and unregisters a ring',
  'begins a record that never ends',
  'registers rings and does not read',
  'returns room that it never used',
  'says that its messages are from another',
  'sends to everybody',
  'says damaged records',
  'says bytes that are no records',
] as const;
export type AttackName = (typeof ATTACK_NAMES)[number];

const ATTACKS: Readonly<Record<AttackName, (hostile: Hostile, random: Random) => void>> = {
  'says malformed hellos': (hostile) => hostile.write(Buffer.concat(Array.from({ length: 1_000 }, () => badHello))),
  'says genuine hellos and does not read the answers': (hostile) => {
    hostile.stopReading();
    hostile.write(Buffer.concat(Array.from({ length: 12 }, () => hostile.hello)));
  },
  'changes its key with every record': (hostile, random) => {
    for (let left = 1 + random.below(20); left > 0; left--) {
      hostile.growOld();
      hostile.write(hostile.repeat(1, pong));
    }
  },
  'says a record for each pong': (hostile) =>
    hostile.write(Buffer.concat(Array.from({ length: 300 }, () => hostile.repeat(1, pong)))),
  'says full records of pongs': (hostile) => {
    hostile.write(Buffer.concat([hostile.repeat(RECORD_BYTES / 12, pong), hostile.repeat(RECORD_BYTES / 12, ping)]));
  },
  'asks about 256 rings at a time and does not read the answers': (hostile, random) => {
    hostile.stopReading();
    const records = random.oneIn(2) ? 20 : 2;
    hostile.write(Buffer.concat(Array.from({ length: records }, () => hostile.repeat(18, notify))));
  },
  'registers and unregisters a ring': (hostile) => hostile.write(hostile.repeat(150, register, unregister)),
  'begins a record that never ends': (hostile) => hostile.beginHalfRecord(),
  'registers rings and does not read': (hostile) => {
    hostile.stopReading();
    for (const { port } of SERVICES) hostile.write(hostile.repeat(1, { ...register, port }));
  },
  'returns room that it never used': (hostile) =>
    hostile.write(hostile.repeat(1, register, { op: Op.credit, ring: 1, bytes: 4_096 })),
  'says that its messages are from another': (hostile, random) => {
    const { port } = random.pick(SERVICES);
    const [victim] = hostile.victims;
    if (victim === undefined) return;
    hostile.write(hostile.seal(hostile.message(victim, port, random.bytes(8), 2)));
  },
  'sends to everybody': (hostile, random) => {
    const { port } = random.pick(SERVICES);
    const frames = hostile.victims.flatMap((each) =>
      Array.from({ length: 8 }, () => hostile.message(each, port, random.bytes(8), DOMID_ANY)),
    );
    hostile.write(hostile.seal(Buffer.concat(frames)));
  },
  'says damaged records': (hostile, random) => hostile.write(random.mutate(hostile.repeat(3, ping))),
  'says bytes that are no records': (hostile, random) => hostile.write(random.bytes(200)),
};
