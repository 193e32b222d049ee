/**
 * A session with another broker: the same handshake and records as with a domain, both sides with the role broker.
 *
 *   dialler:  hello -> (welcome) -> proof -> (proof) -> up          dialled:  (hello) -> welcome -> (proof) -> proof -> up
 *
 * Frames that are queued in one turn share a record. The session ends when the other side is silent, does not decide what
 * it was sent, or says what it may not.
 */
import { timingSafeEqual } from 'node:crypto';
import type { AeadSuite, Identity } from '../../keys/index.ts';
import {
  answerHello,
  beginHello,
  type Established,
  type HandshakeContext,
  type HandshakeFault,
  type Hello,
} from '../channel/index.ts';
import {
  type DeframedRecord,
  Deframer,
  MAX_HANDSHAKE_BODY_BYTES,
  MAX_RECORD_BODY_BYTES,
  MAX_RECORD_PLAINTEXT_BYTES,
  type RecordFault,
  RecordType,
} from '../wire/index.ts';
import type { Bridge, BridgeFault, BridgeHost } from './bridge.ts';
import { decodeLinkFrame, encodeLinkFrame, LinkOp } from './frames.ts';
import { DECISION_TIMEOUT_MS, HANDSHAKE_MS, LOOK_MS, REPORT_MS, SILENCE_MS } from './limits.ts';

export type SessionEnd =
  | BridgeFault
  | HandshakeFault
  | RecordFault
  | 'OPEN_FAILED'
  | 'BAD_COMMITMENT'
  | 'UNEXPECTED_RECORD'
  | 'TIMEOUT'
  | 'UNDECIDED'
  | 'SILENT'
  | 'CLOSED'
  | 'LOST';

/** Two brokers in one room: what a session needs of the broker it belongs to. */
export interface SessionContext {
  readonly identity: Identity;
  readonly suites: readonly AeadSuite[];
  readonly handshake: HandshakeContext;
  /** How we are, to be told to the other side. */
  report(): Uint8Array;
}

/** The byte pipe to the other broker. */
export interface Way {
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
  readonly #way: Way;
  readonly #isDialler: boolean;
  readonly #hooks: SessionHooks;
  readonly #deframer = new Deframer(MAX_HANDSHAKE_BODY_BYTES);
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt: number;
  #phase: 'greeting' | 'verifying' | 'proving' | 'up' | 'ended' = 'greeting';
  #hello: Hello | null = null;
  #keys: Established | null = null;
  #queue: Uint8Array[] = [];
  #isScheduled = false;
  #isCongested = false;
  #heardAt: number;
  #reportedAt = 0;

  constructor(
    context: SessionContext,
    bridge: Bridge,
    bridgeHost: Pick<BridgeHost, 'whenDurable' | 'onReport'>,
    way: Way,
    isDialler: boolean,
    hooks: SessionHooks,
  ) {
    this.#context = context;
    this.#bridge = bridge;
    this.#bridgeHost = bridgeHost;
    this.#way = way;
    this.#isDialler = isDialler;
    this.#hooks = hooks;
    this.#startedAt = context.handshake.clock();
    this.#heardAt = this.#startedAt;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** The dialler's first word. */
  async greet(): Promise<void> {
    const { identity, suites, handshake } = this.#context;
    const hello = await beginHello(identity, this.#bridge.peer, suites, handshake);
    if (this.#phase !== 'greeting') return;
    this.#hello = hello;
    this.#way.write([hello.record]);
  }

  onChunk(chunk: Uint8Array): void {
    if (this.#phase === 'ended') return;
    this.#deframer.push(chunk);
    for (;;) {
      const record = this.#deframer.next();
      if (record === 'more') return;
      if (typeof record === 'string') this.end(record);
      else this.#record(record);
      if (this.#isEnded) return;
    }
  }

  onDrain(): void {
    this.#isCongested = false;
    this.#flush();
  }

  onClosed(): void {
    this.end('LOST');
  }

  end(reason: SessionEnd): void {
    if (this.#phase === 'ended') return;
    const wasUp = this.#phase === 'up';
    this.#phase = 'ended';
    clearInterval(this.#timer);
    this.#queue = [];
    if (wasUp) this.#bridge.down();
    this.#way.end();
    this.#hooks.onEnded(this, reason, wasUp);
  }

  get #isEnded(): boolean {
    return this.#phase === 'ended';
  }

  #record(record: DeframedRecord): void {
    const keys = this.#keys;
    if (keys !== null && record.type === RecordType.data) {
      const plaintext = keys.opener.open(record);
      if (plaintext === null) this.end('OPEN_FAILED');
      else this.#frames(plaintext, keys);
      return;
    }
    if (this.#phase !== 'greeting') {
      this.end('UNEXPECTED_RECORD');
      return;
    }
    // Copied here: the views die with the next chunk, and verifying waits for the thread pool.
    const copy = { ...record, headerBytes: new Uint8Array(record.headerBytes), body: new Uint8Array(record.body) };
    const hello = this.#hello;
    if (!this.#isDialler && record.type === RecordType.hello) this.#verify(() => this.#answer(copy));
    else if (hello !== null && record.type === RecordType.welcome) this.#verify(() => this.#accept(hello, copy));
    else this.end('UNEXPECTED_RECORD');
  }

  #verify(step: () => Promise<HandshakeFault | null>): void {
    this.#phase = 'verifying';
    step().then(
      (fault) => {
        if (fault !== null) this.end(fault);
      },
      // Signing failed, or we have a bug: nobody is let in.
      () => this.end('BAD_SIGNATURE'),
    );
  }

  async #answer(hello: DeframedRecord): Promise<HandshakeFault | null> {
    const { identity, suites, handshake } = this.#context;
    const result = await answerHello(identity, hello, this.#bridge.peer, suites, handshake, 'broker');
    if (!result.ok || this.#isEnded) return result.ok ? null : result.fault;
    this.#establish(result.value.established);
    this.#way.write([result.value.record]);
    return null;
  }

  async #accept(hello: Hello, welcome: DeframedRecord): Promise<HandshakeFault | null> {
    const result = await hello.accept(welcome);
    if (!result.ok || this.#isEnded) return result.ok ? null : result.fault;
    this.#establish(result.value);
    this.#seal(encodeLinkFrame(LinkOp.proof, 0, result.value.ourCommitment));
    return null;
  }

  #establish(keys: Established): void {
    this.#keys = keys;
    this.#phase = 'proving';
    this.id = keys.id;
    this.suite = keys.suite;
  }

  #frames(plaintext: Uint8Array, keys: Established): void {
    this.#heardAt = this.#context.handshake.clock();
    if (this.#phase === 'proving') {
      this.#prove(plaintext, keys);
      return;
    }
    const fault = this.#bridge.receive(plaintext);
    if (fault !== null) this.end(fault);
  }

  #prove(plaintext: Uint8Array, keys: Established): void {
    const frame = decodeLinkFrame(plaintext, 0, plaintext.length);
    const { peerCommitment } = keys;
    const isProof =
      frame?.op === LinkOp.proof &&
      frame.body.length === peerCommitment.length &&
      timingSafeEqual(frame.body, peerCommitment);
    if (!isProof) {
      this.end('BAD_COMMITMENT');
      return;
    }
    if (!this.#isDialler) this.#seal(encodeLinkFrame(LinkOp.proof, 0, keys.ourCommitment));
    this.#phase = 'up';
    this.#deframer.maxLength = MAX_RECORD_BODY_BYTES;
    this.#hooks.onUp(this);
    this.#bridge.up({
      ...this.#bridgeHost,
      queue: (bytes) => this.#enqueue(bytes),
      now: this.#context.handshake.clock,
    });
    this.#report();
  }

  #enqueue(frame: Uint8Array): void {
    if (this.#phase !== 'up') return;
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
    while (this.#phase === 'up' && sent < queue.length && !this.#isCongested) {
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
    if (this.#keys === null) return;
    const { header, ciphertext, tag } = this.#keys.sealer.seal(RecordType.data, plaintext);
    this.#isCongested = !this.#way.write([header, ciphertext, tag]);
  }

  #look(): void {
    const now = this.#context.handshake.clock();
    if (this.#phase !== 'up') {
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
    this.#enqueue(encodeLinkFrame(LinkOp.report, 0, this.#context.report()));
  }
}
