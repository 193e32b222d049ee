/**
 * One session, from the hello to its end. It ends once, with a reason, and never throws at what comes off the carrier.
 *
 *   dialling -> greeting (hello written) -> proving (ready written) -> up -> closed
 */
import { timingSafeEqual } from 'node:crypto';
import { beginHello, type Established, type Hello } from '../../../broker/channel/index.ts';
import {
  type BrokerFrame,
  CloseCode,
  DataField,
  type DeframedRecord,
  Deframer,
  type DomainFrame,
  decodeBrokerFrame,
  encodeDomainFrame,
  FrameWalker,
  MAX_HANDSHAKE_BODY_BYTES,
  MAX_RECORD_BODY_BYTES,
  Op,
  RecordType,
  SeekingDeframer,
} from '../../../broker/wire/index.ts';
import {
  type AeadProvider,
  type AeadSuite,
  CLOCK_TOLERANCE_SECONDS,
  type Identity,
  release,
} from '../../../keys/index.ts';
import type { Carrier, CarrierEvents } from '../carriers/carrier.ts';
import { ArgusError } from '../errors.ts';
import { DEAD_AFTER_MS, KEEPALIVE_CHECK_MS, MAX_OUTSTANDING_REQUESTS, PING_AFTER_MS } from '../limits.ts';
import type { Platform } from '../platform.ts';
import type { ChunkPool } from './chunk.ts';
import { closeError, handshakeError } from './close-reasons.ts';
import { InFlight } from './inflight.ts';
import { Outbox } from './outbox.ts';
import type { Send } from './send.ts';

/** Answers carry the id of their request. */
export type Answer = Extract<BrokerFrame, { readonly op: typeof Op.reply | typeof Op.notified }>;
/** What the broker says unasked. */
export type Notice = Extract<
  BrokerFrame,
  {
    readonly op:
      | typeof Op.introduce
      | typeof Op.space
      | typeof Op.peerGone
      | typeof Op.revoked
      | typeof Op.ringClosed
      | typeof Op.revision;
  }
>;
export type WelcomeFrame = Extract<BrokerFrame, { readonly op: typeof Op.welcome }>;
type RequestFrame = Extract<DomainFrame, { readonly id: number }>;

/** What a session tells its VM; everything is called synchronously, in the order of the broker's frames. */
export interface LinkHandlers {
  onUp(link: Link, welcome: WelcomeFrame): void;
  /** The deliver frame at `bytes[at, at + length)`. 'kept': `bytes` may be looked at from now on, and is never reused. */
  onDeliver(bytes: Uint8Array, view: DataView, at: number, length: number): 'kept' | 'lent' | 'nonsense';
  onAccepted(send: Send): void;
  onRefused(send: Send, status: number, maxMessageSize: number): void;
  onNotice(notice: Notice): void;
  /** Once, if and only if `onUp` was called. */
  onDown(reason: ArgusError): void;
}

export interface LinkOptions {
  readonly identity: Identity;
  readonly broker: string | null;
  readonly suites: readonly AeadSuite[];
  readonly aead: AeadProvider | null;
}

interface Request {
  readonly onAnswer: (answer: Answer) => void;
  readonly onLost: () => void;
}

export class Link implements CarrierEvents {
  readonly #handlers: LinkHandlers;
  readonly #platform: Platform;
  readonly #options: LinkOptions;
  #deframer: Deframer | SeekingDeframer = new Deframer(MAX_HANDSHAKE_BODY_BYTES);
  readonly #requests = new Map<number, Request>();
  readonly inFlight = new InFlight();
  readonly outbox: Outbox;
  readonly #walker = new FrameWalker();
  #phase: 'dialling' | 'greeting' | 'proving' | 'up' | 'closed' = 'dialling';
  #carrier: Carrier | null = null;
  #hello: Hello | null = null;
  #session: Established | null = null;
  #requestId = 0;
  #lastHeardAt = 0;
  #lastWroteAt = 0;
  #cancelKeepalive: (() => void) | null = null;
  #onHandshake: ((failure: ArgusError | null) => void) | null = null;
  readonly #accept = (send: Send): void => this.#handlers.onAccepted(send);

  constructor(handlers: LinkHandlers, platform: Platform, pool: ChunkPool, options: LinkOptions) {
    this.#handlers = handlers;
    this.#platform = platform;
    this.#options = options;
    const link = this;
    this.outbox = new Outbox(
      pool,
      {
        get isCongested() {
          return link.#carrier?.isCongested ?? true;
        },
        writeRecord: (plaintext) => this.#writeRecord(plaintext),
      },
      platform.defer,
    );
  }

  /** Runs the handshake on a carrier that has just opened; resolves after `onUp`, rejects with an ArgusError. */
  async greet(carrier: Carrier): Promise<void> {
    this.#carrier = carrier;
    // Records of an earlier session may come before and after the welcome, whole ones of any length among them.
    if (carrier.tellsOfRestart === false)
      this.#deframer = new SeekingDeframer(MAX_RECORD_BODY_BYTES, RecordType.welcome);
    const { identity, broker, suites, aead } = this.#options;
    this.#hello = await beginHello(identity, broker, suites, {
      randomBytes: this.#platform.randomBytes,
      wallClock: this.#platform.wallClock,
      clock: this.#platform.now,
      clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS,
      aead,
    });
    if (this.#isClosed()) throw new ArgusError('ERR_CLIENT_LOST', 'the carrier closed before the handshake');
    this.#phase = 'greeting';
    await new Promise<void>((resolve, reject) => {
      this.#onHandshake = (failure) => (failure === null ? resolve() : reject(failure));
      const { record } = this.#hello as Hello;
      carrier.write(record, NOTHING, NOTHING);
    });
  }

  /** Sends a request; false when there is no session or too many are open. `onLost` is called if the session ends first. */
  request(frame: RequestFrame, onAnswer: (answer: Answer) => void, onLost: () => void): boolean {
    if (this.#phase !== 'up' || this.#requests.size >= MAX_OUTSTANDING_REQUESTS) return false;
    do this.#requestId = (this.#requestId + 1) >>> 0;
    while (this.#requests.has(this.#requestId));
    this.#requests.set(this.#requestId, { onAnswer, onLost });
    this.outbox.push(encodeDomainFrame({ ...frame, id: this.#requestId }));
    return true;
  }

  /** Sends a frame that has no answer. */
  tell(frame: DomainFrame): void {
    if (this.#phase === 'up') this.outbox.push(encodeDomainFrame(frame));
  }

  /** Writes all that is packed, an authenticated goodbye, and closes the carrier when both are out. */
  close(reason: ArgusError): void {
    if (this.#phase === 'up' && this.#session !== null && this.#carrier !== null) {
      this.outbox.flushAll();
      const goodbye = this.#session.sealer.seal(RecordType.close, Uint8Array.of(CloseCode.done));
      this.#carrier.write(goodbye.header, goodbye.ciphertext, goodbye.tag);
    }
    this.#finish(reason, 'end');
  }

  /** Ends it without a word. */
  abandon(reason: ArgusError): void {
    this.#finish(reason, 'destroy');
  }

  onBytes(chunk: Uint8Array): void {
    if (this.#isClosed()) return;
    this.#lastHeardAt = this.#platform.now();
    this.#deframer.push(chunk);
    for (;;) {
      const record = this.#deframer.next();
      if (record === 'more') return;
      if (typeof record === 'string') this.#fault(`record header: ${record}`);
      else this.#onRecord(record);
      if (this.#isClosed()) return;
    }
  }

  onDrain(): void {
    if (!this.#isClosed()) this.outbox.flush();
  }

  onClose(error: Error | null): void {
    const why = error === null ? 'the other end closed the carrier' : 'the carrier failed';
    this.#finish(new ArgusError('ERR_CLIENT_LOST', why, { cause: error ?? undefined }), 'destroy');
  }

  #isClosed(): boolean {
    return this.#phase === 'closed';
  }

  #onRecord(record: DeframedRecord): void {
    const session = this.#session;
    if (this.#phase !== 'up' && this.#carrier?.tellsOfRestart === false && isLeftOver(record)) return;
    if (session !== null) {
      const plaintext = session.opener.open(record);
      if (plaintext === null) this.#onUnopened(record);
      else if (record.type === RecordType.data) this.#onFrames(plaintext);
      else if (record.type === RecordType.close) this.#finish(closeError(plaintext[0], 'sealed'), 'destroy');
      else this.#fault(`record type ${record.type} in a session`);
    } else if (this.#phase === 'greeting' && record.type === RecordType.welcome) void this.#onWelcome(record);
    else if (record.type === RecordType.close) this.#finish(closeError(record.body[0], 'unsealed'), 'destroy');
    else this.#fault(`record type ${record.type} during the handshake`);
  }

  /** While we prove ourselves the broker may turn us away still, in the clear: it has not seen that we have the keys. */
  #onUnopened(record: DeframedRecord): void {
    if (this.#phase === 'proving' && record.type === RecordType.close)
      this.#finish(closeError(record.body[0], 'unsealed'), 'destroy');
    else this.#fault('a record could not be opened');
  }

  async #onWelcome(record: DeframedRecord): Promise<void> {
    const hello = this.#hello;
    if (hello === null) return;
    this.#hello = null; // a second welcome finds the phase changed
    this.#phase = 'proving';
    // Copied here: the views die with the next chunk, and verifying waits for the thread pool.
    // Not slice(): of a Buffer that is another view.
    const copy = { ...record, headerBytes: Uint8Array.from(record.headerBytes), body: Uint8Array.from(record.body) };
    try {
      const result = await hello.accept(copy);
      if (this.#isClosed()) return;
      if (!result.ok && result.fault === 'WRONG_HELLO' && this.#carrier?.tellsOfRestart === false) {
        // The answer to a hello of an earlier attempt, which the host got late; the answer to ours follows.
        this.#hello = hello;
        this.#phase = 'greeting';
        return;
      }
      if (!result.ok) {
        this.#finish(handshakeError(result.fault, this.#options.broker), 'destroy');
        return;
      }
      this.#session = result.value;
      this.#deframer.maxLength = MAX_RECORD_BODY_BYTES;
      this.#writeRecord(encodeDomainFrame({ op: Op.ready, commitment: result.value.ourCommitment }));
    } catch (error) {
      this.#finish(new ArgusError('ERR_CLIENT_PROTOCOL', 'the handshake failed', { cause: error }), 'destroy');
    }
  }

  #onFrames(plaintext: Uint8Array): void {
    const walker = this.#walker;
    walker.begin(plaintext);
    let isKept = false;
    while (this.#phase !== 'closed') {
      const step = walker.next();
      if (step === 'fault') this.#fault('a frame does not fit its record');
      if (step !== 'frame') break;
      const { bytes, view, at, length } = walker;
      if (walker.op === Op.deliver && this.#phase === 'up') {
        const isWellFormed = view.getUint16(at + DataField.reserved, true) === 0;
        const fate = isWellFormed ? this.#handlers.onDeliver(bytes, view, at, length) : 'nonsense';
        if (fate === 'nonsense') this.#fault('a deliver frame makes no sense');
        if (fate === 'kept') isKept = true;
      } else {
        const frame = decodeBrokerFrame(bytes, at, at + length);
        if (frame === null) this.#fault('a frame was not understood');
        else this.#onFrame(frame);
      }
    }
    if (!isKept) release(plaintext);
  }

  #onFrame(frame: BrokerFrame): void {
    if (this.#phase === 'proving') {
      if (frame.op === Op.welcome) this.#onProof(frame);
      else this.#fault('the first frame was not the broker’s proof');
      return;
    }
    switch (frame.op) {
      case Op.ack:
        if (!this.inFlight.acknowledge(frame.through, this.#accept)) this.#fault('acknowledged what was never sent');
        return;
      case Op.refused: {
        const send = this.inFlight.refuse(frame.id);
        if (send === null) this.#fault('refused what was never sent');
        else this.#handlers.onRefused(send, frame.status, frame.maxMessageSize);
        return;
      }
      case Op.reply:
      case Op.notified: {
        const request = this.#requests.get(frame.id);
        this.#requests.delete(frame.id);
        if (request === undefined) this.#fault('answered what was never asked');
        else request.onAnswer(frame);
        return;
      }
      case Op.brokerPing:
        this.tell({ op: Op.pong, id: frame.id });
        return;
      case Op.brokerPong:
        return; // that it came is all it says
      case Op.welcome:
        this.#fault('a second welcome');
        return;
      default:
        this.#handlers.onNotice(frame);
    }
  }

  /** The broker proves that it has derived the same keys. Only now is anything it says believed. */
  #onProof(welcome: WelcomeFrame): void {
    const session = this.#session;
    if (session === null || !timingSafeEqual(welcome.commitment, session.peerCommitment)) {
      this.#fault('the broker could not prove its keys');
      return;
    }
    this.#phase = 'up';
    if (this.#deframer instanceof SeekingDeframer) this.#deframer.isStrict = true;
    this.#lastWroteAt = this.#platform.now();
    this.#keepAlive();
    this.#handlers.onUp(this, welcome);
    this.#settleHandshake(null);
  }

  #keepAlive(): void {
    this.#cancelKeepalive = this.#platform.schedule(KEEPALIVE_CHECK_MS, () => {
      const now = this.#platform.now();
      if (now - this.#lastHeardAt >= DEAD_AFTER_MS) {
        this.#finish(new ArgusError('ERR_CLIENT_LOST', `nothing heard for ${DEAD_AFTER_MS / 1000} s`), 'destroy');
        return;
      }
      if (now - this.#lastWroteAt >= PING_AFTER_MS) this.tell({ op: Op.ping, id: 0 });
      this.#keepAlive();
    });
  }

  #writeRecord(plaintext: Uint8Array): void {
    if (this.#session === null || this.#carrier === null) return;
    this.#lastWroteAt = this.#platform.now();
    const { header, ciphertext, tag } = this.#session.sealer.seal(RecordType.data, plaintext);
    this.#carrier.write(header, ciphertext, tag);
  }

  #fault(what: string): void {
    this.#finish(new ArgusError('ERR_CLIENT_PROTOCOL', `session ended: ${what}`), 'destroy');
  }

  #settleHandshake(failure: ArgusError | null): void {
    this.#onHandshake?.(failure);
    this.#onHandshake = null;
  }

  #finish(reason: ArgusError, how: 'end' | 'destroy'): void {
    if (this.#phase === 'closed') return;
    const wasUp = this.#phase === 'up';
    this.#phase = 'closed';
    this.#cancelKeepalive?.();
    this.outbox.stop();
    this.#carrier?.[how]();
    this.#settleHandshake(reason);
    if (!wasUp) return;
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    this.#handlers.onDown(reason);
    for (const request of requests) request.onLost();
  }
}

const NOTHING = new Uint8Array(0);

/**
 * True for what an earlier session of this domain may have left in the pipe: data with another place in its sequence than
 * the broker's first word to us, and sealed goodbyes. (Its own first word lies before any welcome, where all is skipped.)
 */
function isLeftOver(record: DeframedRecord): boolean {
  if (record.type === RecordType.data) return record.epoch !== 0 || record.sequence !== 0;
  return record.type === RecordType.close && record.length !== 1;
}
