/**
 * A session with another broker: the same handshake and records as with a domain, both sides with the role broker.
 *
 * The channel (broker/channel) decides which record is accepted when, and from when on the remote broker is believed.
 *
 * Frames that are queued in one turn share a record. The session ends when the other side is silent, does not decide what
 * it was sent, or says what it may not.
 */
import type { AeadSuite, Identity } from '../../keys/index.ts';
import { Channel, type ChannelFault, type HandshakeContext, type Session } from '../channel/index.ts';
import { MAX_RECORD_PLAINTEXT_BYTES } from '../wire/index.ts';
import type { Bridge, BridgeFault, BridgeHost } from './bridge.ts';
import { encodeFederationFrame, FederationOp } from './frames.ts';
import { DECISION_TIMEOUT_MS, HANDSHAKE_MS, LOOK_MS, REPORT_MS, SILENCE_MS } from './limits.ts';

export type SessionEnd = BridgeFault | ChannelFault | 'TIMEOUT' | 'UNDECIDED' | 'SILENT' | 'CLOSED' | 'LOST';

/** Two brokers in one room: what a session needs of the broker it belongs to. */
export interface SessionContext {
  readonly identity: Identity;
  readonly suites: readonly AeadSuite[];
  readonly handshake: HandshakeContext;
  /** How we are, to be told to the other side. */
  report(): Uint8Array;
}

/** The byte pipe to the other broker. */
export interface BytePipe {
  write(buffers: readonly Uint8Array[]): boolean;
  end(): void;
}

export interface SessionHooks {
  onUp(session: BrokerSession): void;
  /** Once; `wasUp` tells a session that ended from one that never came about. */
  onEnded(session: BrokerSession, reason: SessionEnd, wasUp: boolean): void;
}

export class BrokerSession {
  id = '';
  suite = '';
  readonly #context: SessionContext;
  readonly #bridge: Bridge;
  readonly #bridgeHost: Pick<BridgeHost, 'whenDurable' | 'onReport'>;
  readonly #pipe: BytePipe;
  readonly #hooks: SessionHooks;
  readonly #channel: Channel;
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt: number;
  #isEnded = false;
  /** The remote broker is believed; until then nothing but the handshake is said. */
  #session: Session | null = null;
  #queue: Uint8Array[] = [];
  #isScheduled = false;
  #isCongested = false;
  #heardAt: number;
  #reportedAt = 0;

  constructor(
    context: SessionContext,
    bridge: Bridge,
    bridgeHost: Pick<BridgeHost, 'whenDurable' | 'onReport'>,
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
    this.#startedAt = context.handshake.clock();
    this.#heardAt = this.#startedAt;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** The dialler's first word. */
  async greet(): Promise<void> {
    await this.#channel.begin();
    this.#writeOutput();
  }

  onChunk(chunk: Uint8Array): void {
    if (this.#isEnded) return;
    this.#channel.push(chunk);
    this.#process();
    if (!this.#isEnded) this.#channel.keep();
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
    this.#channel.abandon();
    clearInterval(this.#timer);
    this.#queue = [];
    if (wasUp) this.#bridge.down();
    this.#pipe.end();
    this.#hooks.onEnded(this, reason, wasUp);
  }

  #process(): void {
    while (!this.#isEnded) {
      switch (this.#channel.next()) {
        case 'frames':
          this.#frames();
          break;
        case 'more':
        case 'waiting':
          return;
        case 'handshake':
          this.#verify();
          return;
        case 'proven':
          this.#believe();
          break;
        case 'refused':
        case 'fault':
          this.end(this.#channel.fault ?? 'UNEXPECTED_RECORD');
          return;
        case 'closed':
          this.end('CLOSED');
          return;
      }
    }
  }

  #verify(): void {
    this.#channel.verify().then(
      (outcome) => {
        if (this.#isEnded) return;
        if (outcome === 'answered') {
          this.#writeOutput();
          this.#process();
        } else this.end(this.#channel.fault ?? 'UNEXPECTED_RECORD');
      },
      // Signing failed, or we have a bug: nobody is let in.
      () => this.end('BAD_SIGNATURE'),
    );
  }

  #frames(): void {
    this.#heardAt = this.#context.handshake.clock();
    const fault = this.#bridge.receive(this.#channel.plaintext);
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
      queue: (bytes) => this.#enqueue(bytes),
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
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  /** What waits is bounded: undecided sends by their limit, answers by the sends that the other side may have under way. */
  #flush(): void {
    const queue = this.#queue;
    let sent = 0;
    while (this.#session !== null && !this.#isEnded && sent < queue.length && !this.#isCongested) {
      let bytes = 0;
      let end = sent;
      for (; end < queue.length; end++) {
        const length = queue[end]?.length ?? 0;
        if (end > sent && bytes + length > MAX_RECORD_PLAINTEXT_BYTES) break;
        bytes += length;
      }
      this.#seal(Buffer.concat(queue.slice(sent, end), bytes));
      sent = end;
    }
    queue.splice(0, sent);
  }

  #seal(plaintext: Uint8Array): void {
    if (this.#session === null) return;
    const { header, ciphertext, tag } = this.#session.seal(plaintext);
    this.#isCongested = !this.#pipe.write([header, ciphertext, tag]);
  }

  #look(): void {
    const now = this.#context.handshake.clock();
    if (this.#session === null) {
      if (now - this.#startedAt > HANDSHAKE_MS) this.end('TIMEOUT');
      return;
    }
    const oldest = this.#bridge.oldestUndecided;
    if (oldest !== null && now - oldest > DECISION_TIMEOUT_MS) this.end('UNDECIDED');
    else if (now - this.#heardAt > SILENCE_MS) this.end('SILENT');
    else if (now - this.#reportedAt > REPORT_MS) this.#report();
  }

  #report(): void {
    this.#reportedAt = this.#context.handshake.clock();
    this.#enqueue(encodeFederationFrame(FederationOp.report, 0, this.#context.report()));
  }
}
