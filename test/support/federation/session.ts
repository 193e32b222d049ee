/** One end of a session between two brokers, in memory. The test plays the other end. */
import { randomBytes } from 'node:crypto';
import { NODE_LINE_HOST } from '../../../broker/carrier/index.ts';
import { answerHello, beginHello, type Hello } from '../../../broker/channel/handshake.ts';
import type { HandshakeContext, Session } from '../../../broker/channel/index.ts';
import type { Bridge } from '../../../broker/federation/bridge.ts';
import { BrokerSession } from '../../../broker/federation/broker-session.ts';
import { encodeFederationFrame } from '../../../broker/federation/frames.ts';
import { Turns } from '../../../broker/turns/index.ts';
import {
  type DeframedRecord,
  Deframer,
  encodeRecordHeader,
  Op,
  RECORD_HEADER_BYTES,
  RecordType,
} from '../../../broker/wire/index.ts';
import type { Identity, Role } from '../../../keys/index.ts';
import { restlessClock } from '../clock.ts';
import { KEYS } from '../peer/harness.ts';
import { BridgeHarness, REMOTE } from './harness.ts';

const HOME = 'one';
const NOTHING = new Uint8Array(0);

function context(): HandshakeContext {
  return { randomBytes, wallClock: Date.now, clock: () => 0, clockToleranceSeconds: 60 };
}

export class SessionHarness {
  /** Calls of the session to its owner, in order. */
  readonly log: string[] = [];
  readonly dials: boolean;
  readonly turns = new Turns(setImmediate, restlessClock());
  readonly share = this.turns.share(`broker ${REMOTE}`);
  isPaused = false;
  readonly #session: BrokerSession;
  #written: Uint8Array[] = [];
  #onWritten: (() => void) | null = null;
  #onEnded: () => void = () => {};
  readonly ended = new Promise<void>((resolve) => {
    this.#onEnded = resolve;
  });

  private constructor(dials: boolean, bridge: Bridge, identity: Identity) {
    this.dials = dials;
    const suites = ['A256GCM', 'C20P'] as const;
    this.#session = new BrokerSession(
      { identity, suites, handshake: context(), turns: this.turns, host: NODE_LINE_HOST, report: () => NOTHING },
      bridge,
      { whenDurable: (effect) => effect(), onReport: () => {}, onListPiece: () => true, onCosigning: () => true },
      {
        write: (buffers) => this.#write(buffers),
        pause: () => {
          this.isPaused = true;
        },
        resume: () => {
          this.isPaused = false;
        },
        end: () => {},
      },
      dials,
      {
        onUp: () => void this.log.push('up'),
        onEnded: (_, reason, wasUp) => {
          this.log.push(`ended ${reason}${wasUp ? '' : ' before it was up'}`);
          this.#onEnded();
          this.#onWritten?.();
        },
      },
    );
  }

  static async start(dials: boolean): Promise<SessionHarness> {
    const { bridge } = await BridgeHarness.start();
    bridge.down();
    const harness = new SessionHarness(dials, bridge, await KEYS.of(HOME, 'broker'));
    if (dials) await harness.#session.greet();
    return harness;
  }

  #write(buffers: readonly Uint8Array[]): boolean {
    this.#written.push(new Uint8Array(Buffer.concat(buffers)));
    this.#onWritten?.();
    return true;
  }

  hear(bytes: Uint8Array): void {
    this.#session.onChunk(Uint8Array.from(bytes));
  }

  /** Settles when the session has written bytes, or has ended. */
  get written(): Promise<void> {
    if (this.#written.length > 0 || this.log.some((line) => line.startsWith('ended'))) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onWritten = resolve;
    });
  }

  take(): Uint8Array {
    const bytes = new Uint8Array(Buffer.concat(this.#written));
    this.#written = [];
    return bytes;
  }

  end(): void {
    this.#session.end('CLOSED');
  }
}

/** The remote broker, driven by the test. */
export class RemoteDouble {
  readonly #identity: Identity;
  readonly #session: SessionHarness;
  #established: Session | null = null;
  #hello: Hello | null = null;

  private constructor(identity: Identity, session: SessionHarness) {
    this.#identity = identity;
    this.#session = session;
  }

  static async start(name: string, session: SessionHarness, role: Role = 'broker'): Promise<RemoteDouble> {
    return new RemoteDouble(await KEYS.of(name, role), session);
  }

  async hello(): Promise<Uint8Array> {
    this.#hello = await beginHello(this.#identity, HOME, ['A256GCM'], context());
    return this.#hello.record;
  }

  /** Exchanges hello and welcome, as far as the session lets it. */
  async greet(): Promise<void> {
    if (this.#session.dials) {
      const result = await answerHello(
        answering(this.#identity),
        first(this.#session.take()),
        null,
        ['A256GCM'],
        context(),
        'broker',
      );
      if (!result.ok) throw new Error(result.fault);
      this.#established = result.value.session;
      this.#session.hear(result.value.record);
    } else {
      this.#session.hear(await this.hello());
    }
    await this.#session.written;
    const bytes = this.#session.take();
    if (this.#session.dials || this.#hello === null || bytes.length === 0) return;
    const result = await this.#hello.accept(first(bytes));
    if (!result.ok) throw new Error(result.fault);
    this.#established = result.value;
  }

  prove(commitment: Uint8Array = this.#keys.ourCommitment): void {
    this.say(this.sealed(encodeFederationFrame(Op.proof, 0, commitment)));
  }

  async greetAndProve(): Promise<void> {
    await this.greet();
    this.prove();
  }

  sealed(plaintext: Uint8Array): Uint8Array {
    return this.#keys.seal(plaintext);
  }

  forged(): Uint8Array {
    const bytes = this.sealed(new Uint8Array(20));
    bytes[RECORD_HEADER_BYTES] = (bytes[RECORD_HEADER_BYTES] ?? 0) ^ 1;
    return bytes;
  }

  /** The header of a data record that declares a body of `length` bytes. */
  headerOf(length: number): Uint8Array {
    return encodeRecordHeader(RecordType.data, 0, 1, length);
  }

  say(bytes: Uint8Array): void {
    this.#session.hear(bytes);
  }

  get #keys(): Session {
    if (this.#established === null) throw new Error('no keys');
    return this.#established;
  }
}

/** An identity that also answers a hello for another broker. */
function answering(identity: Identity): Identity {
  const { credentialJwt, authority } = identity;
  const signStatement: Identity['signStatement'] = (typ, claims) => identity.signStatement(typ, claims);
  return { ...identity, name: REMOTE, credentialJwt, authority, signStatement } as Identity;
}

function first(bytes: Uint8Array): DeframedRecord {
  const deframer = new Deframer(2 ** 20);
  deframer.push(bytes);
  const record = deframer.next();
  if (typeof record === 'string') throw new Error(`no record: ${record}`);
  return record;
}
