/**
 * One session of the SDK, from the hello to its end: drives a channel over a carrier, and matches the broker's answers
 * with what was asked and sent. It ends once, with a reason, and never throws at what comes off the carrier.
 */
import type { ChannelFault, WelcomeFrame } from '../../../broker/channel/index.ts';
import {
  type BrokerFrame,
  DataField,
  type DomainFrame,
  decodeBrokerFrame,
  encodeDomainFrame,
  FrameWalker,
  Op,
  RECORD_HEADER_BYTES,
  type Status,
} from '../../../broker/wire/index.ts';
import { release } from '../../../keys/index.ts';
import type { CarrierEvents, ClientCarrier } from '../carriers/carrier.ts';
import { ArgusError } from '../errors.ts';
import { CHECKS_PER_SILENCE, MAX_OUTSTANDING_REQUESTS, PINGS_PER_SILENCE } from '../limits.ts';
import type { Platform } from '../platform.ts';
import { closeError, handshakeError } from './close-reasons.ts';
import { InFlight } from './sending/inflight.ts';
import type { Send } from './sending/send.ts';
import type { SendBufferPool } from './sending/send-buffer.ts';
import { type OpenRecord, SendQueue } from './sending/send-queue.ts';
import type { SessionChannel } from './session-channel.ts';

/** Answers carry the id of their request. */
export type BrokerAnswer = Extract<BrokerFrame, { readonly op: typeof Op.reply | typeof Op.notified }>;
/** The broker's messages that answer no request. */
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
type RequestFrame = Extract<DomainFrame, { readonly id: number }>;

/** A session's events for its VM. The session calls each one synchronously, in the order of the broker's frames. */
export interface SessionHandlers {
  onUp(session: ClientSession, welcome: WelcomeFrame): void;
  /**
   * The deliver frame at `bytes[at, at + length)`. `isLent`: the bytes are valid during the call only.
   *
   * @returns 'kept': a reader keeps the payload. Unless it was lent, `bytes` is not used again
   */
  onDeliver(
    bytes: Uint8Array,
    view: DataView,
    at: number,
    length: number,
    isLent: boolean,
  ): 'kept' | 'lent' | 'nonsense';
  /** The record with these deliveries ends. Its payloads are valid until this returns. */
  onRecordEnd(): void;
  /** A record is about to be sealed: what is told now shares it. */
  onLeaving(): void;
  onAccepted(send: Send): void;
  onRefused(send: Send, status: Status, maxMessageSize: number): void;
  onNotice(notice: Notice): void;
  /** Once, if and only if `onUp` was called. */
  onDown(reason: ArgusError): void;
}

export interface SessionOptions {
  /** Made when the carrier is open. */
  readonly openChannel: (carrier: ClientCarrier) => SessionChannel;
  /** Name that the broker must prove; null = any broker of the same authority. */
  readonly broker: string | null;
  /** Nothing heard for this long ends the session, ms. */
  readonly silenceLimitMs: number;
}

interface Request {
  readonly onAnswer: (answer: BrokerAnswer) => void;
  readonly onLost: () => void;
}

export class ClientSession implements CarrierEvents {
  readonly #handlers: SessionHandlers;
  readonly #platform: Platform;
  readonly #pool: SendBufferPool;
  readonly #options: SessionOptions;
  readonly #requests = new Map<number, Request>();
  readonly inFlight = new InFlight();
  readonly outbox: SendQueue;
  readonly #walker = new FrameWalker();
  #phase: 'dialling' | 'handshake' | 'up' | 'closed' = 'dialling';
  #carrier: ClientCarrier | null = null;
  #channel: SessionChannel | null = null;
  #requestId = 0;
  #lastHeardAt = 0;
  #lastWroteAt = 0;
  #cancelKeepalive: (() => void) | null = null;
  #cancelWatch: (() => void) | null = null;
  #onHandshake: ((failure: ArgusError | null) => void) | null = null;
  readonly #accept = (send: Send): void => this.#handlers.onAccepted(send);

  constructor(handlers: SessionHandlers, platform: Platform, pool: SendBufferPool, options: SessionOptions) {
    this.#handlers = handlers;
    this.#platform = platform;
    this.#pool = pool;
    this.#options = options;
    const session = this;
    this.outbox = new SendQueue(
      pool,
      {
        get isCongested() {
          return session.#carrier?.isCongested ?? true;
        },
        beforeRecord: () => {
          if (this.#phase === 'up') this.#handlers.onLeaving();
        },
        writeRecord: (record) => this.#writeRecord(record),
      },
      platform.defer,
    );
  }

  /** Runs the handshake on a carrier that has just opened; resolves after `onUp`, rejects with an ArgusError. */
  async greet(carrier: ClientCarrier): Promise<void> {
    this.#carrier = carrier;
    const channel = this.#options.openChannel(carrier);
    this.#channel = channel;
    await channel.begin();
    if (this.#isClosed()) throw new ArgusError('ERR_CLIENT_LOST', 'the carrier closed before the handshake');
    this.#phase = 'handshake';
    await new Promise<void>((resolve, reject) => {
      this.#onHandshake = (failure) => (failure === null ? resolve() : reject(failure));
      this.#writeOutput(channel);
    });
  }

  /**
   * Sends a request. False without a session, or when too many are open. `onLost` is called if the session ends first.
   */
  request(frame: RequestFrame, onAnswer: (answer: BrokerAnswer) => void, onLost: () => void): boolean {
    if (this.#phase !== 'up' || this.#requests.size >= MAX_OUTSTANDING_REQUESTS) return false;
    do this.#requestId = (this.#requestId + 1) >>> 0;
    while (this.#requests.has(this.#requestId));
    this.#requests.set(this.#requestId, { onAnswer, onLost });
    this.outbox.push(encodeDomainFrame({ ...frame, id: this.#requestId }));
    return true;
  }

  /** Names this session in a statement; null where the agent of the machine holds it. */
  get transcript(): string | null {
    return this.#channel?.session?.transcript ?? null;
  }

  /** Starts a watch that ends with this session. */
  accompany(start: () => () => void): void {
    if (this.#phase === 'up') this.#cancelWatch = start();
  }

  /** Sends a frame that has no answer. */
  tell(frame: DomainFrame): void {
    if (this.#phase === 'up') this.outbox.push(encodeDomainFrame(frame));
  }

  /** Writes all that is packed, an authenticated goodbye, and closes the carrier when both are out. */
  close(reason: ArgusError): void {
    const session = this.#channel?.session ?? null;
    if (this.#phase === 'up' && session !== null && this.#carrier !== null) {
      this.outbox.flushAll();
      this.#carrier.write(session.sealClose('done'));
    }
    this.#finish(reason, 'end');
  }

  /** Ends it without a word. */
  abandon(reason: ArgusError): void {
    this.#finish(reason, 'destroy');
  }

  onBytes(chunk: Uint8Array): void {
    const channel = this.#channel;
    if (this.#isClosed() || channel === null) return;
    this.#lastHeardAt = this.#platform.now();
    channel.push(chunk);
    this.#process(channel);
    // While signatures are checked the carrier reads on.
    if (!this.#isClosed()) channel.keep();
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

  #process(channel: SessionChannel): void {
    while (!this.#isClosed()) {
      switch (channel.next()) {
        case 'frames':
          this.#onFrames(channel);
          break;
        case 'rekey':
          this.#writeOutput(channel);
          break;
        case 'searching':
          break;
        case 'more':
        case 'waiting':
          return;
        case 'handshake':
          void this.#verify(channel);
          return;
        case 'proven':
          this.#onProven(channel.welcome);
          break;
        case 'closed':
          this.#onGoodbye(channel);
          return;
        case 'refused':
        case 'fault':
          this.#onChannelFault(channel);
          return;
      }
    }
  }

  async #verify(channel: SessionChannel): Promise<void> {
    try {
      const outcome = await channel.verify();
      if (this.#isClosed()) return;
      if (outcome === 'answered') {
        this.#writeOutput(channel);
        this.#process(channel);
      } else {
        this.#finish(handshakeError(channel.fault, this.#options.broker), 'destroy');
      }
    } catch (error) {
      this.#finish(new ArgusError('ERR_CLIENT_PROTOCOL', 'the handshake failed', { cause: error }), 'destroy');
    }
  }

  #onGoodbye({ goodbye }: SessionChannel): void {
    this.#finish(closeError(goodbye?.code, goodbye?.isSealed === true ? 'sealed' : 'unsealed'), 'destroy');
  }

  #onChannelFault({ fault, refusal = null }: SessionChannel): void {
    if (refusal !== null) this.#finish(refusal, 'destroy');
    else this.#fault(FAULTS.get(fault) ?? `record header: ${fault}`);
  }

  #writeOutput(channel: SessionChannel): void {
    for (const bytes of channel.takeOutput()) this.#carrier?.write(bytes);
  }

  /**
   * A record is opened where it was read if the last one was only looked at (`Ring.consume`). Readers that keep
   * messages get records in memory of their own.
   */
  #onFrames(channel: SessionChannel): void {
    const { plaintext, use } = channel;
    const walker = this.#walker;
    walker.begin(plaintext);
    let isKept = false;
    let hasMessages = false;
    while (this.#phase !== 'closed') {
      const step = walker.next();
      if (step === 'fault') this.#fault('a frame does not fit its record');
      if (step !== 'frame') break;
      const { bytes, view, at, length } = walker;
      if (walker.op === Op.deliver && this.#phase === 'up') {
        const isWellFormed = view.getUint16(at + DataField.reserved, true) === 0;
        const fate = isWellFormed ? this.#handlers.onDeliver(bytes, view, at, length, use === 'lent') : 'nonsense';
        if (fate === 'nonsense') this.#fault('a deliver frame makes no sense');
        hasMessages = true;
        if (fate === 'kept') isKept = true;
      } else {
        const frame = decodeBrokerFrame(bytes, at, at + length);
        if (frame === null) this.#fault('a frame was not understood');
        else this.#onFrame(frame);
      }
    }
    if (hasMessages) this.#handlers.onRecordEnd();
    if (hasMessages) channel.use = isKept ? 'owned' : 'lent';
    if (use === 'owned' && !isKept) release(plaintext);
  }

  #onFrame(frame: BrokerFrame): void {
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

  /** The broker has proved that it has derived the same keys. Only now does the client believe its messages. */
  #onProven(welcome: WelcomeFrame | null): void {
    if (welcome === null) return;
    this.#phase = 'up';
    this.#lastWroteAt = this.#platform.now();
    this.#keepAlive();
    this.#handlers.onUp(this, welcome);
    this.#settleHandshake(null);
  }

  #keepAlive(): void {
    const { silenceLimitMs } = this.#options;
    this.#cancelKeepalive = this.#platform.schedule(silenceLimitMs / CHECKS_PER_SILENCE, () => {
      const now = this.#platform.now();
      if (now - this.#lastHeardAt >= silenceLimitMs) {
        this.#finish(new ArgusError('ERR_CLIENT_LOST', `nothing heard for ${silenceLimitMs / 1000} s`), 'destroy');
        return;
      }
      if (now - this.#lastWroteAt >= silenceLimitMs / PINGS_PER_SILENCE) this.tell({ op: Op.ping, id: 0 });
      this.#keepAlive();
    });
  }

  /** Seals the record in place. If it may be needed again, a copy is sealed instead. */
  #writeRecord({ chunk, start, length, isKept }: OpenRecord): void {
    const session = this.#channel?.session ?? null;
    if (session === null || this.#carrier === null) return;
    this.#lastWroteAt = this.#platform.now();
    const pool = this.#pool;
    let memory = chunk;
    let at = start;
    if (isKept) {
      memory = pool.take(length);
      at = 0;
      const from = start + RECORD_HEADER_BYTES;
      memory.bytes.set(chunk.bytes.subarray(from, from + length), RECORD_HEADER_BYTES);
    } else chunk.references++;
    this.#carrier.write(session.sealInPlace(memory.bytes, at, length), () => pool.release(memory));
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
    this.#channel?.free();
    this.#cancelKeepalive?.();
    this.#cancelWatch?.();
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

/** What the channel found, in words. All else is a record header that makes no sense. */
const FAULTS: ReadonlyMap<ChannelFault | null, string> = new Map([
  ['OPEN_FAILED', 'a record could not be opened'],
  ['BAD_COMMITMENT', 'the broker could not prove its keys'],
  ['UNEXPECTED_RECORD', 'a record of a type that has no place here'],
]);
