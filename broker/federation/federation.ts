/**
 * The other brokers. Each broker that is the home of a declared domain has a bridge here, and a session while it is
 * reachable. The names of two brokers decide which of them dials, so that there is never more than one session between
 * them.
 */
import type { Credential } from '../../keys/index.ts';
import type { Domain } from '../../policy/index.ts';
import type { AuditLog } from '../audit/index.ts';
import { invariant } from '../base/index.ts';
import {
  brokerSubjects,
  dialNats,
  type LineHost,
  type LinePace,
  type NatsEnd,
  NatsListener,
  PIPE_ID_BYTES,
} from '../carrier/index.ts';
import type { Argo, DomainState } from '../core/index.ts';
import type { Logger } from '../process/index.ts';
import { Bridge, type RecordCopies } from './bridge.ts';
import { BrokerSession, type SessionContext, type SessionEnd, type SessionHooks, shareOf } from './broker-session.ts';
import { type ClusterWitness, Cosigning } from './cosigning.ts';
import { Feature } from './frames.ts';
import { FIRST_REDIAL_MS, MAX_REDIAL_MS } from './limits.ts';
import { ListAssembly } from './list-pieces.ts';
import { type BrokerReport, decodeReport, encodeReport } from './report.ts';

/** The state of keys that brokers exchange. */
export interface SharedKeyKnowledge {
  /** The signed revocation list in force; null while there is none. */
  readonly signedList: string | null;
  /** Installs a newer list. Rejects when it cannot be written to disk. */
  install(jws: string): Promise<unknown>;
  /** A broker has proved its key. @returns false when that key was revoked since its hello */
  proven(credential: Credential): boolean;
}

export interface FederationContext extends Omit<SessionContext, 'report' | 'features'> {
  readonly argo: Argo;
  readonly audit: AuditLog;
  readonly log: Logger;
  readonly end: NatsEnd;
  /** Where it gets its connections to the server, and its time, from. */
  readonly host: LineHost;
  readonly keys: SharedKeyKnowledge;
  /** Absent: this broker cosigns no logs, and shows its own to no other broker. */
  readonly witness?: ClusterWitness;
  /** Runs `effect` when all records so far are durable. */
  whenDurable(effect: () => void, source: Domain): void;
  report(): BrokerReport;
}

/** Another broker as `argus cluster status` shows it. */
export interface RemoteBrokerStatus {
  readonly broker: string;
  readonly session: string | null;
  /** The last report that it sent. */
  readonly report: BrokerReport | null;
  /** Milliseconds by which its clock is ahead of ours, less the time that its report was in transit. */
  readonly clockOffsetMs: number | null;
}

interface Peer {
  readonly bridge: Bridge;
  /** This broker dials it, or listens for it. */
  isOpen: boolean;
  session: BrokerSession | null;
  listener: NatsListener | null;
  /** Cancels the next attempt to dial. */
  redial: (() => void) | null;
  redialMs: number;
  report: BrokerReport | null;
  clockOffsetMs: number | null;
}

export class Federation {
  readonly #name: string;
  readonly #peers = new Map<string, Peer>();
  #context: FederationContext | null = null;
  #core: (() => Argo) | null = null;
  #isClosed = false;

  readonly #copies: RecordCopies;

  constructor(name: string, copies: RecordCopies) {
    this.#name = name;
    this.#copies = copies;
  }

  /** The core asks for the bridge to a domain's home. Null: the home is this broker. */
  readonly remoteOf = (domain: Domain): Bridge | null => {
    if (domain.home === null || domain.home === this.#name) return null;
    return this.#peer(domain.home).bridge;
  };

  /** Connects to the other brokers and accepts their connections. Until then, remote domains are unreachable. */
  async start(context: FederationContext): Promise<void> {
    this.#context = context;
    this.#core = () => context.argo;
    await this.sync();
  }

  /** Called after a policy change: the new policy may name new brokers. */
  async sync(): Promise<void> {
    if (this.#context === null || this.#isClosed) return;
    const opening: Promise<void>[] = [];
    for (const [name, peer] of this.#peers) {
      if (peer.isOpen) continue;
      peer.isOpen = true;
      opening.push(this.#open(name, peer, this.#context));
    }
    await Promise.all(opening);
  }

  /** The session of a domain has begun or ended. The domain is local, or was until now. */
  tell(state: DomainState): void {
    if (state.remote !== null && state.sink !== null) return;
    for (const { bridge } of this.#peers.values()) bridge.tell(state);
  }

  /** A newer revocation list is in force here. It is sent to the other brokers at once. */
  listInstalled(jws: string): void {
    for (const { session } of this.#peers.values()) session?.sendList(jws);
  }

  /** Called when a new revocation list is in force. @returns how many sessions with brokers were ended */
  endRevoked(isRevoked: (credential: Credential) => boolean): number {
    const hit = [...this.#peers.values()].flatMap(({ session }) => {
      const credential = session?.credential ?? null;
      return session !== null && credential !== null && isRevoked(credential) ? [session] : [];
    });
    for (const session of hit) session.end('REVOKED');
    return hit.length;
  }

  peers(): RemoteBrokerStatus[] {
    return [...this.#peers].map(([broker, { session, bridge, report, clockOffsetMs }]) => ({
      broker,
      session: bridge.isUp ? (session?.id ?? null) : null,
      report,
      clockOffsetMs,
    }));
  }

  close(): void {
    this.#isClosed = true;
    for (const peer of this.#peers.values()) {
      peer.redial?.();
      peer.session?.end('CLOSED');
      peer.listener?.close();
    }
  }

  #peer(name: string): Peer {
    let peer = this.#peers.get(name);
    if (peer === undefined) {
      const bridge = new Bridge(
        name,
        () => {
          invariant(this.#core !== null, 'a bridge is used only after the core exists');
          return this.#core();
        },
        this.#copies,
      );
      const nothing = { isOpen: false, session: null, listener: null, redial: null, report: null, clockOffsetMs: null };
      peer = { bridge, ...nothing, redialMs: FIRST_REDIAL_MS };
      this.#peers.set(name, peer);
    }
    return peer;
  }

  async #open(name: string, peer: Peer, context: FederationContext): Promise<void> {
    const subjects = brokerSubjects(this.#name, name);
    if (subjects.dialled !== this.#name) {
      await this.#dial(name, peer, context);
      return;
    }
    peer.listener = new NatsListener(
      context.end,
      this.#name,
      name,
      subjects,
      (carrier, release) => {
        // A newer pipe is from the same broker after a reconnect, because no other client may publish here. The older
        // session ends once the newer one has authenticated.
        const session = this.#session(name, peer, context, carrier, release);
        carrier.open({
          onChunk: (chunk) => session.onChunk(chunk),
          onDrain: () => session.onDrain(),
          onClosed: () => session.onClosed(),
        });
      },
      paceOf(name, context),
      (_, error) => context.log.warn({ broker: name, code: error.code }, error.message),
      context.host,
    );
    await peer.listener.open();
  }

  async #dial(name: string, peer: Peer, context: FederationContext): Promise<void> {
    peer.redial = null;
    if (this.#isClosed) return;
    let session: BrokerSession | null = null;
    const id = Buffer.from(context.handshake.randomBytes(PIPE_ID_BYTES)).readUIntLE(0, PIPE_ID_BYTES);
    try {
      const handlers = {
        onChunk: (chunk: Uint8Array) => session?.onChunk(chunk),
        onDrain: () => session?.onDrain(),
        onClosed: () => session?.onClosed(),
      };
      const subjects = brokerSubjects(this.#name, name);
      const as = `argus broker ${this.#name}`;
      const pipe = await dialNats(context.end, as, subjects, id, handlers, paceOf(name, context), context.host);
      session = this.#session(name, peer, context, pipe, () => this.#redial(name, peer, context));
      await session.greet();
    } catch (error) {
      context.log.warn({ broker: name, err: error }, 'another broker cannot be reached');
      if (session === null) this.#redial(name, peer, context);
      else session.end('LOST');
    }
  }

  #redial(name: string, peer: Peer, context: FederationContext): void {
    if (this.#isClosed || peer.redial !== null) return;
    peer.redial = context.host.schedule(peer.redialMs, () => void this.#dial(name, peer, context), false);
    peer.redialMs = Math.min(peer.redialMs * 2, MAX_REDIAL_MS);
  }

  /** `over` is called once when the session has ended, with true if it was refused. */
  #session(
    name: string,
    peer: Peer,
    context: FederationContext,
    way: ConstructorParameters<typeof BrokerSession>[3],
    over: (wasRefused: boolean) => void,
  ): BrokerSession {
    const hooks: SessionHooks = {
      onUp: (session) => {
        peer.session?.end('CLOSED');
        peer.session = session;
        peer.redialMs = FIRST_REDIAL_MS;
        context.log.info({ broker: name, session: session.id }, 'session with another broker');
        context.audit.record({
          event: 'session.open',
          src: context.argo.policy.domains.broker,
          session: session.id,
          detail: { broker: name, suite: session.suite },
        });
        this.#exchangeKeys(session, context);
      },
      onEnded: (session, reason, wasUp) => {
        cosigning?.close();
        if (peer.session === session) peer.session = null;
        this.#record(name, session, reason, wasUp, context);
        over(!wasUp);
      },
    };
    const list = new ListAssembly();
    const { witness, host } = context;
    const after = (delayMs: number, task: () => void): (() => void) => host.schedule(delayMs, task, false);
    const cosigning =
      witness === undefined ? null : new Cosigning(name, witness, after, (frame) => own.sendCosigning(frame));
    const own: BrokerSession = new BrokerSession(
      {
        ...context,
        features: witness === undefined ? 0 : Feature.witness,
        report: () => encodeReport(context.report()),
      },
      peer.bridge,
      {
        whenDurable: (effect, source) => context.whenDurable(effect, source.domain),
        onReport: (body, features) => {
          if ((features & Feature.witness) !== 0) cosigning?.begin();
          peer.report = decodeReport(body);
          peer.clockOffsetMs = peer.report === null ? null : peer.report.at - context.handshake.wallClock();
        },
        onListPiece: (total, piece) => {
          const jws = list.add(total, piece);
          if (jws === 'fault') return false;
          if (jws !== null) this.#install(name, jws, context);
          return true;
        },
        onCosigning: (op, id, body) => cosigning?.receive(op, id, body, own.credential?.thumbprint ?? '') ?? false,
      },
      way,
      brokerSubjects(this.#name, name).dialled !== this.#name,
      hooks,
    );
    return own;
  }

  /** Each broker sends its list at the start of a session. So after a time without a connection the newer list wins. */
  #exchangeKeys(session: BrokerSession, { keys }: FederationContext): void {
    if (session.credential === null) return;
    const { signedList } = keys;
    // In a microtask, because the session is still starting and its bridge is not up yet.
    const isGood = keys.proven(session.credential);
    queueMicrotask(() => {
      if (!isGood) session.end('REVOKED');
      else if (signedList !== null) session.sendList(signedList);
    });
  }

  #install(name: string, jws: string, { keys, log }: FederationContext): void {
    keys.install(jws).catch((error: unknown) => {
      log.error(
        { broker: name, err: error },
        'the revocation list of another broker is in force, but cannot be written down',
      );
    });
  }

  #record(name: string, session: BrokerSession, reason: SessionEnd, wasUp: boolean, context: FederationContext): void {
    context.log.warn({ broker: name, session: session.id, reason }, 'no session with another broker');
    if (!wasUp) {
      // An unreachable broker is dialled again and again. A record of each failure would flood the log.
      if (reason === 'TIMEOUT' || reason === 'LOST' || reason === 'CLOSED') return;
      context.audit.record({ event: 'session.refused', src: null, reason, detail: { broker: name } });
      return;
    }
    const src = context.argo.policy.domains.broker;
    if (reason !== 'LOST' && reason !== 'CLOSED' && reason !== 'SILENT' && reason !== 'UNDECIDED')
      context.audit.record({ event: 'peer.fault', src, reason, session: session.id, detail: { broker: name } });
    context.audit.record({ event: 'session.close', src, session: session.id, reason, detail: { broker: name } });
  }
}

/** The share of a remote broker's session pays for the bytes that are read on its line. */
function paceOf(name: string, { turns }: FederationContext): LinePace {
  return (worker) => turns.job(shareOf(name), worker);
}
