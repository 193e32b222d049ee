/**
 * One session machine for every end: bytes and time in, events and records out. It owns no socket, timer or thread. The
 * broker (towards domains and towards remote brokers), the SDK, tests and benchmarks all drive this one.
 *
 *                     begin()                       verify()                        first record opens
 *   initiator:  silent ------> hello is out ... welcome came ------> proof is out ............ -> authenticated
 *   responder:  silent ............ hello came ------> welcome is out ... proof came (-> admit()) -> authenticated
 *
 * Four promises, each with a test that fails without it:
 *   1. Until the other side is authenticated, a record may declare at most MAX_HANDSHAKE_BODY_BYTES. A signed hello is
 *      not enough, because any process can replay one. The other side is authenticated when a record sealed with fresh
 *      keys has opened and holds the key commitment.
 *   2. A hello during a running session changes nothing until it is proved in the same way.
 *   3. A fault is final. Nothing is read after it.
 *   4. The owner decides when signatures are checked (`verify`), one hello at a time.
 *
 * The owner reads with `push`, then calls `next` until it returns 'more' or 'waiting'. `takeOutput` returns the bytes
 * to write.
 */
import { timingSafeEqual } from 'node:crypto';
import type { AeadSuite, FreshKeys, Identity } from '../../keys/index.ts';
import {
  CloseCode,
  type CloseWord,
  type DeframedRecord,
  Deframer,
  encodeRecordHeader,
  FrameWalker,
  MAX_HANDSHAKE_BODY_BYTES,
  MAX_RECORD_BODY_BYTES,
  type RecordFault,
  RecordType,
  SeekingDeframer,
} from '../wire/index.ts';
import { Asking, answerAsk, decodeRekey, encodeRekey, RekeyKind } from './fresh-keys.ts';
import { answerHello, beginHello, type HandshakeContext, type HandshakeFault, type Hello } from './handshake.ts';
import { type ChannelRole, decodeWelcome, ROLES, type RoleRules, type WelcomeFrame } from './roles.ts';
import type { PlaintextUse, Session } from './session.ts';

/** The reason why the other side's bytes were not accepted. */
export type ChannelFault =
  | HandshakeFault
  | RecordFault
  /** The record is not the next one of the other side under its keys. */
  | 'OPEN_FAILED'
  /** The first record is not the proof of the keys. */
  | 'BAD_COMMITMENT'
  /** A record of this type is not allowed in this state. */
  | 'UNEXPECTED_RECORD'
  /** The other side closed before it had authenticated. */
  | 'CLOSED_EARLY'
  /** The other side changed keys again and again without need. */
  | 'REKEYED_TOO_OFTEN'
  /** The other side did not answer the request for fresh keys. */
  | 'STALE_KEYS';

export type ChannelEvent =
  /** More bytes are needed. */
  | 'more'
  /** No record was found yet. Call `next` again when there is time for PLACES_PER_SEARCH more places. */
  | 'searching'
  /** The owner must call `verify`. Nothing more is read until it has settled. */
  | 'handshake'
  /** `verify` is running, or the owner has not decided about a proven identity yet. */
  | 'waiting'
  /**
   * The other side has authenticated: `session` is new, or the owner must call `admit`, if it decides about admission.
   */
  | 'proven'
  /** `plaintext` holds the frames of one record. */
  | 'frames'
  /** An agreement on fresh keys is running. The output must be written before any other record is sealed. */
  | 'rekey'
  /** The other side closed: see `goodbye`. Final. */
  | 'closed'
  /** A hello or its proof was refused (`fault`). The running session is unchanged. */
  | 'refused'
  /** Final: see `fault`. */
  | 'fault';

/** The close record of the other side. */
export interface Goodbye {
  /** A CloseCode, or a code that this version does not know; undefined in an empty record. */
  readonly code: number | undefined;
  /** False: any process on the carrier may have sent it. */
  readonly isSealed: boolean;
}

export interface ChannelOptions {
  readonly role: ChannelRole;
  readonly identity: Identity;
  readonly suites: readonly AeadSuite[];
  /** The name that the other side must prove; null = any name with the right role. */
  readonly expected: string | null;
  readonly context: HandshakeContext;
  /**
   * The carrier does not tell when its other end restarts, so the channel searches for the first record of a session.
   */
  readonly resynchronises: boolean;
  /** The first value of `Channel.use`. */
  readonly plaintext: PlaintextUse;
}

const NOTHING = new Uint8Array(0);

export class Channel {
  /** Valid after 'frames'. */
  plaintext: Uint8Array = NOTHING;
  /** How the plaintext of the next record may be used. The owner may change it between two records. */
  use: PlaintextUse;
  /** Valid after 'fault' and 'refused'. */
  fault: ChannelFault | null = null;
  /** Valid after 'closed'. */
  goodbye: Goodbye | null = null;
  /** Valid after 'proven', for a domain: the broker's welcome frame, which holds its proof. */
  welcome: WelcomeFrame | null = null;
  readonly #options: ChannelOptions;
  readonly #rules: RoleRules;
  readonly #deframer: Deframer | SeekingDeframer;
  readonly #walker = new FrameWalker();
  #state: 'reading' | 'handshake' | 'verifying' | 'proven' | 'closed' = 'reading';
  /** The authenticated session. */
  #session: Session | null = null;
  /** A session with derived keys. The other side has not proved yet that it has them. */
  #offered: Session | null = null;
  /** A proved session. The owner has not decided about admission yet. */
  #proven: Session | null = null;
  /** Our own hello, until a welcome has answered it. */
  #hello: Hello | null = null;
  /** The statement that `verify` checks. A copy, because views are valid only until the next chunk. */
  #statement: DeframedRecord | null = null;
  /** The responder's requests for fresh keys. Null until the other side is authenticated. */
  #asking: Asking | null = null;
  /** Frames after the proof in the same record. */
  #rest: Uint8Array = NOTHING;
  #output: Uint8Array[] = [];

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.use = options.plaintext;
    this.#rules = ROLES[options.role];
    const sought = this.#rules.isInitiator ? RecordType.welcome : RecordType.hello;
    // A domain skips the rest of an earlier session in the pipe, which can include whole records of any length.
    const first = this.#rules.isInitiator ? MAX_RECORD_BODY_BYTES : MAX_HANDSHAKE_BODY_BYTES;
    this.#deframer = options.resynchronises
      ? new SeekingDeframer(first, sought)
      : new Deframer(MAX_HANDSHAKE_BODY_BYTES);
  }

  /** Null until the other side is authenticated. */
  get session(): Session | null {
    return this.#session;
  }

  /** The proved session that waits for `admit`. */
  get candidate(): Session | null {
    return this.#proven;
  }

  /** True: the keys of a handshake are derived, and the other side has not proved yet that it has them. */
  get isProving(): boolean {
    return this.#offered !== null;
  }

  /** Bytes that arrived and were not processed yet. */
  get heldBytes(): number {
    return this.#deframer.heldBytes;
  }

  /** Bytes of memory that hold the arrived bytes. */
  get memoryBytes(): number {
    return this.#deframer.memoryBytes;
  }

  // Bytes in

  /** Reads a chunk in place. Before its bytes change, call `next` until it returns 'more', or call `keep`. */
  push(chunk: Uint8Array): void {
    if (this.#state !== 'closed') this.#deframer.push(chunk);
  }

  /** Copies the rest of the chunk: the owner stops here for now. */
  keep(): void {
    if (this.#state !== 'closed') this.#deframer.keep();
  }

  /** The next event in the bytes so far. */
  next(): ChannelEvent {
    if (this.#state === 'closed') return this.goodbye === null ? 'fault' : 'closed';
    if (this.#state !== 'reading') return 'waiting';
    if (this.#rest.length > 0) return this.#frames(this.#rest);
    // The request is sealed only now, so that it comes after all records that the owner sealed before this call.
    if (this.#asking?.isDue === true) return this.#ask(this.#asking);
    if (this.#asking?.isOverdue === true) return this.#fail('STALE_KEYS');
    for (;;) {
      const record = this.#deframer.next();
      if (record === 'more' || record === 'searching') return record;
      if (typeof record === 'string') return this.#fail(record);
      if (!this.#isLeftOver(record)) return this.#record(record);
    }
  }

  // The handshake

  /** Signs our hello, and adds it to the output. Only initiators call this, once. */
  async begin(): Promise<void> {
    const { identity, suites, expected, context } = this.#options;
    const hello = await beginHello(identity, expected, suites, context);
    if (this.#state === 'closed') return;
    this.#hello = hello;
    this.#output.push(hello.record);
  }

  /**
   * Checks the received statement, and adds our answer to the output. This costs two signature checks, one signature
   * and one key agreement: the owner decides when it can afford that.
   *
   * @throws when this side cannot sign: a bug or a lost key, never the other side's doing
   */
  async verify(): Promise<'answered' | 'refused' | 'fault'> {
    const statement = this.#statement;
    if (statement === null || this.#state !== 'handshake') return 'fault';
    this.#statement = null;
    this.#state = 'verifying';
    const fault = await (this.#rules.isInitiator ? this.#acceptWelcome(statement) : this.#answerHello(statement));
    if (this.#isClosed()) {
      this.#offered?.free();
      return 'fault';
    }
    this.#state = 'reading';
    return fault === null ? 'answered' : this.#refuse(fault);
  }

  async #answerHello(statement: DeframedRecord): Promise<ChannelFault | null> {
    const { identity, expected, suites, context } = this.#options;
    const result = await answerHello(identity, statement, expected, suites, context, this.#rules.other);
    if (!result.ok) return result.fault;
    this.#offered?.free();
    this.#offered = result.value.session;
    this.#output.push(result.value.record);
    return null;
  }

  async #acceptWelcome(statement: DeframedRecord): Promise<ChannelFault | null> {
    const hello = this.#hello;
    if (hello === null) return 'UNEXPECTED_RECORD';
    const result = await hello.accept(statement);
    // An answer to a hello of an earlier attempt, which the broker got late. The answer to our hello follows.
    if (!result.ok && result.fault === 'WRONG_HELLO' && this.#options.resynchronises) return null;
    if (!result.ok) return result.fault;
    this.#hello = null;
    this.#offered?.free();
    this.#offered = result.value;
    this.#sayProof(result.value);
    return null;
  }

  /** Admits the identity that has authenticated. Its session replaces a running one. */
  admit(): Session {
    const session = this.#proven;
    if (session === null) throw new Error('channel: nobody has proved itself');
    this.#proven = null;
    this.#believe(session);
    return session;
  }

  /** Refuses the identity. 'refused': the running session continues. */
  turnAway(): 'refused' | 'fault' {
    this.#state = 'reading';
    if (this.#session === null) this.#state = 'closed';
    else {
      this.#proven?.free();
      this.#proven = null;
    }
    return this.#session === null ? 'fault' : 'refused';
  }

  // Records out

  /** The buffers to write now, in order; empty when there are none. The caller owns them. */
  takeOutput(): Uint8Array[] {
    const output = this.#output;
    if (output.length > 0) this.#output = [];
    return output;
  }

  /**
   * Ends the channel, and returns a close record, which the caller writes. It is sealed if the other side has
   * authenticated, because such a side ignores any other. For a stranger it is not sealed.
   */
  close(word: CloseWord): Uint8Array[] {
    const keys = this.#session ?? this.#proven;
    this.#state = 'closed';
    if (keys === null) return [encodeRecordHeader(RecordType.close, 0, 0, 1), Uint8Array.of(CloseCode[word])];
    return [keys.sealClose(word)];
  }

  /** Ends the channel and frees the keys of its sessions. After this no record can be read or sealed. */
  free(): void {
    this.#state = 'closed';
    for (const session of [this.#session, this.#offered, this.#proven]) session?.free();
  }

  // Inside

  #record(record: DeframedRecord): ChannelEvent {
    switch (record.type) {
      case RecordType.hello:
        return this.#mayHear(record) ? this.#keepStatement(record) : this.#fail('UNEXPECTED_RECORD');
      case RecordType.welcome:
        return this.#hello === null ? this.#fail('UNEXPECTED_RECORD') : this.#keepStatement(record);
      case RecordType.data:
        return this.#data(record);
      case RecordType.rekey:
        return this.#rekey(record);
      case RecordType.close:
        return this.#close(record);
    }
  }

  #mayHear(hello: DeframedRecord): boolean {
    if (hello.type !== RecordType.hello || this.#rules.isInitiator) return false;
    return this.#rules.mayBeginAgain || (this.#session === null && this.#offered === null);
  }

  #keepStatement(record: DeframedRecord): ChannelEvent {
    // This cap also applies to a hello during a running session, although records of that session may be longer.
    if (record.length > MAX_HANDSHAKE_BODY_BYTES) return this.#fail('TOO_LONG');
    this.#statement = copyOf(record);
    this.#state = 'handshake';
    return 'handshake';
  }

  #data(record: DeframedRecord): ChannelEvent {
    const offered = this.#offered;
    const session = this.#session;
    if (offered !== null && (session === null || (record.epoch === 0 && record.sequence === 0))) {
      // The running session has already had its record 0 of epoch 0. So this record must be the proof of the new keys.
      const plaintext = offered.open(record, this.use);
      this.#offered = null;
      if (plaintext !== null) return this.#prove(offered, plaintext);
      offered.free();
    }
    if (session === null)
      return this.#fail(this.#rules.isInitiator && offered === null ? 'UNEXPECTED_RECORD' : 'OPEN_FAILED');
    const plaintext = session.open(record, this.use);
    if (plaintext === null) return this.#fail('OPEN_FAILED');
    if (session.takeUnconfirmed()) return this.#fail('BAD_COMMITMENT');
    return session.isRekeyedTooOften ? this.#fail('REKEYED_TOO_OFTEN') : this.#frames(plaintext);
  }

  #ask(asking: Asking): 'rekey' {
    this.#sayRekey(RekeyKind.ask, asking.begin());
    return 'rekey';
  }

  #sayRekey(kind: RekeyKind, value: Uint8Array): void {
    if (this.#session === null) return;
    this.#output.push(this.#session.seal(encodeRekey(kind, value), RecordType.rekey));
  }

  #rekey(record: DeframedRecord): ChannelEvent {
    const session = this.#session;
    if (session === null) return this.#fail('UNEXPECTED_RECORD');
    const plaintext = session.open(record, this.use);
    if (plaintext === null) return this.#fail('OPEN_FAILED');
    const message = decodeRekey(plaintext);
    if (message === null) return this.#fail('UNEXPECTED_RECORD');
    if (message.kind !== RekeyKind.confirm) {
      if (session.takeUnconfirmed()) return this.#fail('BAD_COMMITMENT');
      return message.kind === RekeyKind.ask
        ? this.#asked(session, message.value)
        : this.#answered(session, message.value);
    }
    if (!session.takeUnconfirmed() || !session.isConfirmedBy(message.value)) return this.#fail('BAD_COMMITMENT');
    return 'rekey';
  }

  #asked(session: Session, ask: Uint8Array): ChannelEvent {
    if (!this.#rules.isInitiator || session.isAwaitingFresh) return this.#fail('UNEXPECTED_RECORD');
    const answer = answerAsk(this.#options.context, ask);
    if (answer === null) return this.#fail('BAD_KEY');
    this.#sayRekey(RekeyKind.answer, answer.publicKey);
    return this.#refresh(session, answer.keys);
  }

  #answered(session: Session, answer: Uint8Array): ChannelEvent {
    const keys = this.#asking?.finish(answer) ?? 'UNEXPECTED_RECORD';
    return typeof keys === 'string' ? this.#fail(keys) : this.#refresh(session, keys);
  }

  #refresh(session: Session, keys: FreshKeys): 'rekey' {
    session.refresh(keys);
    keys.shared.fill(0);
    this.#sayRekey(RekeyKind.confirm, session.freshCommitment);
    return 'rekey';
  }

  #frames(plaintext: Uint8Array): 'frames' {
    this.#rest = NOTHING;
    this.plaintext = plaintext;
    return 'frames';
  }

  /** The first record under new keys: it must hold the other side's commitment. */
  #prove(offered: Session, plaintext: Uint8Array): ChannelEvent {
    const walker = this.#walker;
    walker.begin(plaintext);
    const commitment = walker.next() === 'frame' ? this.#rules.readProof(walker) : null;
    if (commitment === null || !timingSafeEqual(commitment, offered.peerCommitment)) {
      offered.free();
      return this.#refuse('BAD_COMMITMENT');
    }
    if (this.#rules.isAdmittedByOwner) {
      this.#proven = offered;
      this.#state = 'proven';
      return 'proven';
    }
    this.welcome = decodeWelcome(walker);
    this.#rest = plaintext.subarray(walker.at + walker.length);
    walker.clear();
    this.#believe(offered);
    if (!this.#rules.isInitiator) this.#sayProof(offered);
    return 'proven';
  }

  /** The other side is authenticated now, and its records may be as long as a message. */
  #believe(session: Session): void {
    this.#session?.free();
    this.#session = session;
    this.#asking = this.#rules.isInitiator ? null : new Asking(this.#options.context, session.agreedAt);
    this.#state = 'reading';
    this.#deframer.maxLength = MAX_RECORD_BODY_BYTES;
    if (this.#deframer instanceof SeekingDeframer) this.#deframer.isStrict = true;
  }

  #sayProof(session: Session): void {
    const frame = this.#rules.writeProof(session.ourCommitment);
    if (frame === null) return;
    this.#output.push(session.seal(frame));
  }

  #close(record: DeframedRecord): ChannelEvent {
    const { isInitiator } = this.#rules;
    const keys = this.#session ?? (isInitiator ? this.#offered : null);
    if (keys === null) return isInitiator ? this.#sayGoodbye(record.body[0], false) : this.#fail('CLOSED_EARLY');
    const unsealed = record.body[0];
    const plaintext = keys.open(record, this.use);
    if (keys.takeUnconfirmed()) return this.#fail('BAD_COMMITMENT');
    if (plaintext !== null) return this.#sayGoodbye(plaintext[0], true);
    // A broker that has not seen our proof yet can refuse us only with an unsealed record.
    return this.#session === null ? this.#sayGoodbye(unsealed, false) : this.#fail('OPEN_FAILED');
  }

  #sayGoodbye(code: number | undefined, isSealed: boolean): 'closed' {
    this.goodbye = { code, isSealed };
    this.#state = 'closed';
    return 'closed';
  }

  /**
   * True for records that an earlier session of this domain may have left in the pipe: data records whose position in
   * their sequence is not that of the broker's first record to us, and sealed close records. (A leftover first record
   * comes before any welcome, and the channel skips everything before that.)
   */
  #isLeftOver(record: DeframedRecord): boolean {
    if (this.#session !== null || !this.#options.resynchronises || !this.#rules.isInitiator) return false;
    if (record.type === RecordType.data) return record.epoch !== 0 || record.sequence !== 0;
    if (record.type === RecordType.rekey) return true;
    return record.type === RecordType.close && record.length !== 1;
  }

  /** A handshake has failed. */
  #refuse(fault: ChannelFault): 'refused' | 'fault' {
    this.#offered?.free();
    this.#offered = null;
    if (this.#session === null) return this.#fail(fault);
    this.fault = fault;
    return 'refused';
  }

  #fail(fault: ChannelFault): 'fault' {
    this.fault = fault;
    this.#state = 'closed';
    return 'fault';
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }
}

/** Does not use slice(): that of a Buffer returns a view. */
function copyOf(record: DeframedRecord): DeframedRecord {
  return { ...record, headerBytes: Uint8Array.from(record.headerBytes), body: Uint8Array.from(record.body) };
}
