/**
 * A session with another broker: the same handshake and records as with a domain, both sides with the role broker.
 *
 * The channel (broker/channel) decides which records are accepted, and when the remote broker is authenticated.
 *
 * Frames that are queued in one turn share a record. The session ends when the other side is silent, does not decide
 * about the sends that it got, or sends a frame that is not allowed.
 */
import type { AeadSuite, Credential, Identity } from '../../keys/index.ts';
import type { LineHost } from '../carrier/index.ts';
import { Channel, type ChannelFault, type HandshakeContext, type Session } from '../channel/index.ts';
import {
  FEDERATION_IDLE,
  HELLO_UNITS,
  type Job,
  openUnits,
  READ_UNITS,
  readByteUnits,
  recordUnits,
  type Turns,
  type Worker,
} from '../turns/index.ts';
import type { Bridge, BridgeFault, BridgeHost } from './bridge.ts';
import { encodeFederationFrame, FederationOp } from './frames.ts';
import { DECISION_TIMEOUT_MS, HANDSHAKE_MS, LOOK_MS, MAX_QUEUED_BYTES, REPORT_MS, SILENCE_MS } from './limits.ts';
import { cutList } from './list-pieces.ts';
import { RecordQueue } from './record-queue.ts';

export type SessionEnd = BridgeFault | ChannelFault | 'TIMEOUT' | 'UNDECIDED' | 'SILENT' | 'CLOSED' | 'LOST';

/** The part of its own broker that a session needs. */
export interface SessionContext {
  readonly identity: Identity;
  readonly suites: readonly AeadSuite[];
  readonly handshake: HandshakeContext;
  readonly turns: Turns;
  /** Its timers and turns. */
  readonly host: Pick<LineHost, 'schedule' | 'nextTurn'>;
  /** Bits of `Feature`: what this broker understands, besides what every broker does. Default: nothing. */
  readonly features?: number;
  /** Encodes this broker's report for the other side. */
  report(): Uint8Array;
}

/** The byte pipe to the other broker. */
export interface BytePipe {
  /** `onWritten`: see Carrier. */
  write(buffers: readonly Uint8Array[], onWritten?: () => void): boolean;
  pause(): void;
  resume(): void;
  end(): void;
}

/** The part of the bridge's host that the federation implements. The session implements the rest. */
export type SessionBridgeHost = Pick<BridgeHost, 'whenDurable' | 'onReport' | 'onListPiece' | 'onCosigning'>;

export interface SessionHooks {
  onUp(session: BrokerSession): void;
  /** Called once. `wasUp` is false when the session never came up. */
  onEnded(session: BrokerSession, reason: SessionEnd, wasUp: boolean): void;
}

/** The share that pays for the work that a remote broker causes. No domain has such a name. */
export function shareOf(broker: string): string {
  return `broker ${broker}`;
}

export class BrokerSession implements Worker {
  id = '';
  suite = '';
  readonly #context: SessionContext;
  readonly #bridge: Bridge;
  readonly #bridgeHost: SessionBridgeHost;
  readonly #pipe: BytePipe;
  readonly #hooks: SessionHooks;
  readonly #channel: Channel;
  readonly #job: Job;
  /** Cancels the next look. */
  #stopLooking: () => void;
  readonly #startedAt: number;
  #isEnded = false;
  /** Set once the remote broker is authenticated. Until then only the handshake is sent. */
  #session: Session | null = null;
  readonly #queue = new RecordQueue();
  /** A signature check is running. */
  #isVerifying = false;
  /** The channel may hold bytes that were not processed yet. */
  #hasRest = false;
  #isPaused = false;
  /** Number of key epochs of the session that were paid for. */
  #paidEpochs = 1;
  #isScheduled = false;
  #isCongested = false;
  #heardAt: number;
  #reportedAt = 0;

  constructor(
    context: SessionContext,
    bridge: Bridge,
    bridgeHost: SessionBridgeHost,
    pipe: BytePipe,
    isDialler: boolean,
    hooks: SessionHooks,
  ) {
    this.#context = context;
    this.#bridge = bridge;
    this.#bridgeHost = bridgeHost;
    this.#pipe = pipe;
    this.#hooks = hooks;
    this.#channel = new Channel({
      role: isDialler ? 'remote-dialler' : 'remote-listener',
      identity: context.identity,
      suites: context.suites,
      expected: bridge.peer,
      context: context.handshake,
      resynchronises: false,
      plaintext: 'lent',
    });
    this.#job = context.turns.job(shareOf(bridge.peer), this, FEDERATION_IDLE);
    this.#startedAt = context.handshake.clock();
    this.#heardAt = this.#startedAt;
    this.#stopLooking = this.#lookLater();
  }

  /** The key that the remote broker has proved; null until then. */
  get credential(): Credential | null {
    return this.#session?.peer ?? null;
  }

  /** Sends a revocation list to the remote broker. */
  sendList(jws: string): void {
    for (const frame of cutList(jws)) this.#enqueue(frame);
  }

  /** Sends a frame about cosigning. The caller knows that the remote broker understands it. */
  sendCosigning(frame: Uint8Array): void {
    this.#enqueue(frame);
  }

  /** Sends the hello of the dialling broker. */
  async greet(): Promise<void> {
    await this.#channel.begin();
    this.#writeOutput();
  }

  onChunk(chunk: Uint8Array): void {
    if (this.#isEnded) return;
    this.#channel.push(chunk);
    this.#hasRest = true;
    this.#job.ready();
    const { share } = this.#job;
    share.spendIdle(READ_UNITS);
    share.spend(readByteUnits(chunk.length, false));
    if (!this.#hasRest || this.#isEnded) return;
    // The work stops before the end of the chunk. The chunk's memory is reused, so the rest is copied.
    this.#channel.keep();
    this.#pause();
  }

  onDrain(): void {
    this.#isCongested = false;
    this.#flush();
  }

  onClosed(): void {
    this.end('LOST');
  }

  end(reason: SessionEnd): void {
    if (this.#isEnded) return;
    const wasUp = this.#session !== null;
    this.#isEnded = true;
    this.#channel.free();
    this.#job.cancel();
    this.#stopLooking();
    this.#queue.clear();
    if (wasUp) this.#bridge.down();
    this.#pipe.end();
    this.#hooks.onEnded(this, reason, wasUp);
  }

  work(): boolean {
    while (!this.#isEnded && !this.#isVerifying && this.#hasRoom) {
      const { share } = this.#job;
      if (share.isSpent) return true;
      if (this.#bridge.hasMore) {
        this.#checked(this.#bridge.receiveMore(share));
        continue;
      }
      switch (this.#channel.next()) {
        case 'frames':
          this.#frames();
          break;
        case 'searching': // only on carriers whose other end may restart without notice
          break;
        case 'more':
          this.#hasRest = false;
          this.#readOn();
          return false;
        case 'waiting':
          return false;
        case 'handshake':
          this.#verify();
          break;
        case 'rekey':
          share.spendPiece(HELLO_UNITS);
          this.#writeOutput();
          break;
        case 'proven':
          this.#believe();
          break;
        case 'refused':
        case 'fault':
          this.end(this.#channel.fault ?? 'UNEXPECTED_RECORD');
          break;
        case 'closed':
          this.end('CLOSED');
          break;
      }
    }
    return false;
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#pipe.pause();
  }

  #readOn(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#pipe.resume();
  }

  #verify(): void {
    this.#isVerifying = true;
    this.#job.share.spendPiece(HELLO_UNITS);
    this.#channel.verify().then(
      (outcome) => {
        this.#isVerifying = false;
        if (this.#isEnded) return;
        if (outcome === 'answered') {
          this.#writeOutput();
          this.#job.ready();
        } else this.end(this.#channel.fault ?? 'UNEXPECTED_RECORD');
      },
      // Signing failed, or we have a bug: the session ends.
      () => this.end('BAD_SIGNATURE'),
    );
  }

  #frames(): void {
    this.#heardAt = this.#context.handshake.clock();
    const { share } = this.#job;
    const { plaintext, session } = this.#channel;
    const epochs = session?.openedEpochs ?? 1;
    share.spend(openUnits(plaintext.length, session?.isSlow === true));
    share.spendIdle(recordUnits(epochs - this.#paidEpochs));
    this.#paidEpochs = epochs;
    this.#checked(this.#bridge.receive(plaintext, share));
  }

  #checked(fault: BridgeFault | null): void {
    if (fault !== null) this.end(fault);
  }

  #believe(): void {
    const { session } = this.#channel;
    if (session === null) return;
    this.#writeOutput();
    this.#session = session;
    this.id = session.id;
    this.suite = session.suite;
    this.#heardAt = this.#context.handshake.clock();
    this.#hooks.onUp(this);
    this.#bridge.up({
      ...this.#bridgeHost,
      queue: (frame) => this.#enqueue(frame),
      lend: (bytes, start, end) => this.#lend(bytes, start, end),
      copyLent: () => this.#queue.copyLent(),
      now: this.#context.handshake.clock,
    });
    this.#report();
  }

  #writeOutput(): void {
    const output = this.#channel.takeOutput();
    if (output.length > 0) this.#isCongested = !this.#pipe.write(output);
  }

  #enqueue(frame: Uint8Array): void {
    if (this.#session === null || this.#isEnded) return;
    this.#queue.push(frame);
    this.#flushLater();
  }

  #lend(bytes: Uint8Array, start: number, end: number): void {
    if (this.#session === null || this.#isEnded) return;
    this.#queue.lend(bytes, start, end);
    this.#flushLater();
  }

  #flushLater(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#context.host.nextTurn(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  /**
   * The queue is bounded: undecided sends by their limit, answers by the sends that the other side may have in flight.
   */
  #flush(): void {
    while (this.#session !== null && !this.#isEnded && !this.#isCongested) {
      const record = this.#queue.take();
      if (record === null) break;
      const sealed = this.#session.sealInPlace(record.memory, 0, record.used);
      this.#isCongested = !this.#pipe.write([sealed], () => this.#queue.give(record));
    }
    if (this.#hasRest && this.#hasRoom) this.#job.ready();
  }

  /** Answers that wait for the log count too: a remote broker must not fill the memory while the log stands still. */
  get #hasRoom(): boolean {
    return this.#queue.bytes + this.#bridge.heldBytes <= MAX_QUEUED_BYTES;
  }

  #lookLater(): () => void {
    return this.#context.host.schedule(LOOK_MS, () => this.#look(), false);
  }

  #look(): void {
    this.#stopLooking = this.#lookLater();
    const now = this.#context.handshake.clock();
    if (this.#session === null) {
      if (now - this.#startedAt > HANDSHAKE_MS) this.end('TIMEOUT');
      return;
    }
    const { wallClock, clockToleranceSeconds } = this.#context.handshake;
    const oldest = this.#bridge.oldestUndecided;
    if (wallClock() / 1_000 > this.#session.peer.expiresAt + clockToleranceSeconds) this.end('EXPIRED');
    else if (oldest !== null && now - oldest > DECISION_TIMEOUT_MS) this.end('UNDECIDED');
    else if (now - this.#heardAt > SILENCE_MS) this.end('SILENT');
    else if (now - this.#reportedAt > REPORT_MS) this.#report();
  }

  #report(): void {
    this.#reportedAt = this.#context.handshake.clock();
    this.#enqueue(encodeFederationFrame(FederationOp.report, this.#context.features ?? 0, this.#context.report()));
  }
}
