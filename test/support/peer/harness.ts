/**
 * The broker's side of sessions with real parts (handshake, keys, records, core, audit in memory) and a carrier in
 * memory. The domain's side is a client that the test drives.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { pino } from 'pino';
import { type AuditLog, type MemoryAudit, memoryAudit } from '../../../broker/audit/index.ts';
import { type Clock, nodeClock } from '../../../broker/base/index.ts';
import type { Carrier, CarrierHandlers } from '../../../broker/carrier/index.ts';
import { beginHello, type Hello } from '../../../broker/channel/handshake.ts';
import type { HandshakeContext, Session } from '../../../broker/channel/index.ts';
import { Argo } from '../../../broker/core/index.ts';
import {
  ChunkPool,
  DeferredCopies,
  DurableEffects,
  Flusher,
  type Peer,
  type PeerContext,
} from '../../../broker/peer/index.ts';
import { CARRIER_HIGH_WATER_BYTES } from '../../../broker/process/index.ts';
import { adoptPolicy } from '../../../broker/service/adopt.ts';
import { Sessions } from '../../../broker/service/sessions.ts';
import { Turns } from '../../../broker/turns/index.ts';
import {
  type BrokerFrame,
  type DataFrame,
  type DeframedRecord,
  Deframer,
  DOMID_ANY,
  type DomainFrame,
  decodeBrokerFrame,
  decodeDataFrame,
  encodeDataFrame,
  encodeDomainFrame,
  Op,
  RecordType,
} from '../../../broker/wire/index.ts';
import {
  AEAD_SUITES,
  type Authority,
  createAuthority,
  type Identity,
  issueIdentity,
  type Role,
} from '../../../keys/index.ts';
import { restlessClock } from '../clock.ts';
import { compile, OPEN, PORT, type PolicyText } from '../core/harness.ts';
import { temporaryDirectory } from '../temp.ts';

/** Runs everything that is due: microtasks, and then the end of the turn, which flushes outboxes. */
export async function turns(count = 4): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** An authority and identities that it has issued, each in a directory of its own. */
export class Keys {
  readonly authority: Authority;
  readonly #directory: string;
  readonly #made = new Map<string, Promise<Identity>>();

  private constructor(authority: Authority, directory: string) {
    this.authority = authority;
    this.#directory = directory;
  }

  static async create(): Promise<Keys> {
    const directory = temporaryDirectory();
    return new Keys(await createAuthority(join(directory, 'authority'), 'unsealed'), directory);
  }

  of(name: string, role: Role = 'domain'): Promise<Identity> {
    const known = this.#made.get(`${role}-${name}`);
    if (known !== undefined) return known;
    const terms = { name, role, ttlSeconds: 3600 };
    const made = issueIdentity(this.authority, join(this.#directory, `${role}-${name}`), terms, 'unsealed');
    this.#made.set(`${role}-${name}`, made);
    return made;
  }
}

export const KEYS = await Keys.create();

export const HANDSHAKE: HandshakeContext = {
  randomBytes,
  wallClock: Date.now,
  clock: () => performance.now(),
  clockToleranceSeconds: 60,
};

/** A pipe whose two ends are arrays. */
export class MemoryCarrier implements Carrier {
  readonly name = 'memory';
  readonly domain: string | null;
  /** False: a serial port, behind which a guest may restart. */
  tellsOfRestart = true;
  /** The result of `write`. */
  hasRoom = true;
  /** The number of held bytes that it reports. */
  heldBytes = 0;
  /** True: it refers to written buffers until the test calls `lent`, like a socket whose other end does not read. */
  borrows = false;
  /** True: what is written stays in this process until the client takes it, like a socket that the kernel has filled. */
  isFull = false;
  readonly lent: (() => void)[] = [];
  isPaused = false;
  isEnded = false;
  isClosed = false;
  /** Bytes that the broker has written and the client has not taken. */
  written: Uint8Array[] = [];
  #handlers: CarrierHandlers | null = null;
  readonly #waiting: Uint8Array[] = [];
  #onWritten: (() => void)[] = [];

  constructor(domain: string | null = null) {
    this.domain = domain;
  }

  open(handlers: CarrierHandlers): void {
    this.#handlers = handlers;
  }

  write(buffers: readonly Uint8Array[], onWritten?: () => void): boolean {
    if (this.isClosed) return true;
    for (const buffer of buffers) this.written.push(this.borrows ? buffer : buffer.slice());
    if (onWritten !== undefined) {
      if (this.borrows) this.lent.push(onWritten);
      else onWritten();
    }
    this.#wakeUp();
    return this.hasRoom && this.unsentBytes < CARRIER_HIGH_WATER_BYTES;
  }

  get unsentBytes(): number {
    return this.isFull ? this.written.reduce((sum, { length }) => sum + length, 0) : 0;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    queueMicrotask(() => this.#drainWaiting());
  }

  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    queueMicrotask(() => this.lose());
  }

  destroy(): void {
    this.end();
  }

  /** Breaks the carrier. */
  lose(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#handlers?.onClosed();
    this.#wakeUp();
  }

  /** The domain sends bytes. */
  feed(chunk: Uint8Array): void {
    this.#waiting.push(chunk);
    this.#drainWaiting();
  }

  /** The congested carrier takes bytes again. */
  drain(): void {
    this.hasRoom = true;
    this.#handlers?.onDrain();
  }

  #drainWaiting(): void {
    while (!this.isPaused && !this.isClosed) {
      const chunk = this.#waiting.shift();
      if (chunk === undefined) return;
      // A copy, because the broker opens records in place, and a test may send the same bytes again.
      this.#handlers?.onChunk(Uint8Array.from(chunk));
    }
  }

  /** Settles when the broker has written bytes, or has closed. */
  whenWritten(): Promise<void> {
    if (this.written.length > 0 || this.isClosed) return Promise.resolve();
    return new Promise((resolve) => this.#onWritten.push(resolve));
  }

  #wakeUp(): void {
    const waiting = this.#onWritten;
    this.#onWritten = [];
    for (const resolve of waiting) resolve();
  }
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export interface SendFields {
  readonly to: number;
  readonly payload?: Uint8Array | string;
  readonly port?: number;
  readonly flags?: number;
  readonly source?: number;
  readonly id?: number;
}

/** The domain's end, driven by the test. */
export class Client {
  readonly carrier: MemoryCarrier;
  readonly identity: Identity;
  readonly #deframer = new Deframer(32 * 1024 * 1024);
  #hello: Hello | null = null;
  established: Session | null = null;
  nextSendId = 1;
  /** All frames of the broker so far, in order. */
  readonly frames: BrokerFrame[] = [];
  readonly messages: DataFrame[] = [];
  /** Types of the received records. */
  readonly records: number[] = [];

  readonly #handshake: HandshakeContext;

  /** `handshake`: its clock decides when the client changes keys. */
  constructor(carrier: MemoryCarrier, identity: Identity, handshake: HandshakeContext = HANDSHAKE) {
    this.carrier = carrier;
    this.identity = identity;
    this.#handshake = handshake;
  }

  async sayHello(broker: string | null = null): Promise<Uint8Array> {
    this.#hello = await beginHello(this.identity, broker, AEAD_SUITES, this.#handshake);
    this.carrier.feed(this.#hello.record);
    return this.#hello.record;
  }

  /** Reads the welcome. False: there was none. */
  async takeWelcome(): Promise<boolean> {
    await this.carrier.whenWritten();
    const record = this.#nextRecord();
    if (record === null || record.type !== RecordType.welcome || this.#hello === null) return false;
    const accepted = await this.#hello.accept({
      ...record,
      headerBytes: record.headerBytes.slice(),
      body: record.body.slice(),
    });
    if (!accepted.ok) return false;
    this.established = accepted.value;
    return true;
  }

  ready(): void {
    const commitment = this.#session.ourCommitment;
    this.sayFrames(encodeDomainFrame({ op: Op.ready, commitment }));
  }

  /** Makes the whole handshake. Returns when the broker's first sealed frame has arrived. */
  async handshake(): Promise<boolean> {
    await this.sayHello();
    if (!(await this.takeWelcome())) return false;
    this.ready();
    await turns();
    this.read();
    return this.of(Op.welcome).length > 0;
  }

  get #session(): Session {
    if (this.established === null) throw new Error('no session');
    return this.established;
  }

  seal(plaintext: Uint8Array, type: RecordType = RecordType.data): Uint8Array {
    return this.#session.seal(plaintext, type);
  }

  /** Sends one record of these frames. */
  sayFrames(...frames: readonly Uint8Array[]): void {
    this.carrier.feed(this.seal(joined(...frames)));
  }

  say(...frames: readonly DomainFrame[]): void {
    this.sayFrames(...frames.map(encodeDomainFrame));
  }

  sendFrame(fields: SendFields): Uint8Array {
    const { to, payload = '', port = PORT, flags = 0, source = DOMID_ANY } = fields;
    const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
    const frame = new Uint8Array(28 + bytes.length);
    const id = fields.id ?? this.nextSendId;
    if (fields.id === undefined) this.nextSendId = (this.nextSendId + 1) >>> 0;
    const values = { op: Op.sendv, flags, id, source, destination: to, sourcePort: 0, destinationPort: port };
    encodeDataFrame(new DataView(frame.buffer), 0, { ...values, messageType: 7, payload: bytes });
    return frame;
  }

  send(...sends: readonly SendFields[]): void {
    this.sayFrames(...sends.map((fields) => this.sendFrame(fields)));
  }

  register(port = PORT, partner: number = DOMID_ANY, length = 65_536): void {
    this.say({ op: Op.registerRing, id: 1, port, partner, pad: 0, length, flags: 0, unread: 0 });
  }

  /** Opens all records that the broker has written. */
  read(): this {
    for (let record = this.#nextRecord(); record !== null; record = this.#nextRecord()) {
      this.records.push(record.type);
      if (record.type !== RecordType.data || this.established === null) continue;
      const plaintext = this.established.open(record, 'owned');
      if (plaintext === null) throw new Error('a record of the broker does not open');
      this.#walk(plaintext);
    }
    return this;
  }

  #walk(plaintext: Uint8Array): void {
    const view = new DataView(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength);
    for (let at = 0; at < plaintext.length; ) {
      const end = at + view.getUint32(at, true);
      if (plaintext[at + 4] === Op.deliver) {
        const message = decodeDataFrame(plaintext.slice(at, end));
        if (message === null) throw new Error('the broker delivered what is no frame');
        this.messages.push(message);
      } else {
        const frame = decodeBrokerFrame(plaintext, at, end);
        if (frame === null) throw new Error(`the broker said what is no frame: op ${plaintext[at + 4]}`);
        this.frames.push(frame);
      }
      at = end;
    }
  }

  #nextRecord(): DeframedRecord | null {
    for (;;) {
      const record = this.#deframer.next();
      if (record === 'more') {
        const chunk = this.carrier.written.shift();
        if (chunk === undefined) return null;
        this.#deframer.push(chunk);
      } else if (typeof record === 'string') throw new Error(`the broker wrote what is no record: ${record}`);
      else return record;
    }
  }

  of<T extends BrokerFrame['op']>(op: T): Extract<BrokerFrame, { op: T }>[] {
    return this.frames.filter((frame): frame is Extract<BrokerFrame, { op: T }> => frame.op === op);
  }

  get payloads(): string[] {
    return this.messages.map(({ payload }) => Buffer.from(payload).toString('latin1'));
  }
}

export class PeerHarness {
  readonly context: PeerContext;
  readonly audit: MemoryAudit;
  readonly argo: Argo;
  readonly sessions: Sessions;
  /** What the watch of keys says of a proved key. */
  isKeyGood = true;
  /** All clients that `client` has made. */
  readonly clients: Client[] = [];

  private constructor(context: PeerContext, audit: MemoryAudit, clock: Clock) {
    this.context = context;
    this.audit = audit;
    this.argo = context.argo;
    this.sessions = new Sessions(context, clock, { proven: () => this.isKeyGood, twoSessions: () => undefined });
  }

  /** `clock` null: the host's. `schedule` runs the waiting turns. `log` null: the log in memory, `audit`. */
  static async of(
    text: PolicyText,
    handshake: HandshakeContext = HANDSHAKE,
    clock: Clock | null = null,
    schedule: (task: () => void) => void = setImmediate,
    memoryBytes = 2 ** 40,
    log: AuditLog | null = null,
  ): Promise<PeerHarness> {
    if (clock !== null) handshake = { ...handshake, wallClock: clock.wall, clock: clock.mono };
    const memory = memoryAudit();
    const audit = log ?? memory;
    const limits = { ringBytesPerDomain: 64 * 1024 * 1024, routesPerDomain: 4096, memoryBytes };
    const turns = new Turns(schedule, clock ?? restlessClock());
    const context: PeerContext = {
      identity: await KEYS.of('the-broker', 'broker'),
      suites: ['A256GCM', 'C20P'],
      argo: new Argo(await compile(text), audit, limits),
      audit,
      durable: new DurableEffects(audit),
      pool: new ChunkPool(),
      deferredCopies: new DeferredCopies(),
      flusher: new Flusher(setImmediate, turns),
      turns,
      handshake,
      clock: clock ?? nodeClock,
      log: pino({ level: 'silent' }),
    };
    return new PeerHarness(context, memory, clock ?? nodeClock);
  }

  static open(...domains: string[]): Promise<PeerHarness> {
    return PeerHarness.of({ domains, rows: OPEN });
  }

  carrier(domain: string | null = null): MemoryCarrier {
    const carrier = new MemoryCarrier(domain);
    this.sessions.accept(carrier, () => {});
    return carrier;
  }

  async client(name: string, domain: string | null = null): Promise<Client> {
    const client = new Client(this.carrier(domain), await KEYS.of(name));
    this.clients.push(client);
    return client;
  }

  /** A client whose session is up. */
  async connect(name: string): Promise<Client> {
    const client = await this.client(name);
    if (!(await client.handshake())) throw new Error(`"${name}" was not let in`);
    return client;
  }

  /** A client with a ring at PORT. */
  async listen(name: string, length = 65_536): Promise<Client> {
    const client = await this.connect(name);
    client.register(PORT, DOMID_ANY, length);
    await turns();
    client.read();
    return client;
  }

  domid(name: string): number {
    return this.argo.domain(name)?.domain.domid ?? -1;
  }

  peer(name: string): Peer {
    const peer = this.sessions.peerOf(name);
    if (peer === undefined) throw new Error(`"${name}" has no session`);
    return peer;
  }

  async adopt(text: PolicyText): Promise<void> {
    adoptPolicy(await compile(text, this.argo.policy.revision + 1), this.argo, this.sessions);
  }

  /** Passes turns of the event loop until no work of any domain waits for one. */
  async settled(): Promise<void> {
    do await turns();
    while ([...this.context.turns.shares()].some(({ waiting }) => waiting.length > 0));
  }

  close(): void {
    this.sessions.endAll('shutdown');
  }

  /** `event reason` of the records about sessions. */
  get sessionLog(): string[] {
    return this.audit.records
      .filter(({ event }) => /^(session|peer)\./.test(event))
      .map(({ event, reason }) => (reason === undefined ? event : `${event} ${reason}`));
  }
}
