/** The sessions of a broker: at most one per domain, each recorded when it opens and when it ends. */
import type { Credential } from '../../keys/index.ts';
import type { AuditLog } from '../audit/index.ts';
import type { Clock } from '../base/index.ts';
import type { Carrier, Release } from '../carrier/index.ts';
import type { Established } from '../channel/index.ts';
import type { Argo } from '../core/index.ts';
import { Link, type LinkOwner, type Peer, type PeerContext, type RefusalReason } from '../peer/index.ts';
import {
  CLOCK_TOLERANCE_SECONDS,
  type Logger,
  PING_AFTER_MS,
  REFUSED_PLACE_MS,
  SILENCE_LIMIT_MS,
  SWEEP_MS,
} from '../process/index.ts';
import { type CloseWord, Op } from '../wire/index.ts';
import type { KeyWatch } from './key-watch.ts';
import { SessionPace } from './session-pace.ts';

interface Session {
  readonly peer: Peer;
  readonly link: Link;
  /** The session outlives neither its expiry nor its revocation. */
  readonly credential: Credential;
}

/** What is known about keys beyond their credentials. */
type HolderWatch = Pick<KeyWatch, 'proven' | 'twoSessions'>;

/** Learns of sessions that come and go. */
export interface SessionWatcher {
  sessionOpened(domain: string): void;
  sessionEnded(domain: string, reason: string): void;
}

export class Sessions implements LinkOwner {
  readonly #context: PeerContext;
  readonly #argo: Argo;
  readonly #audit: AuditLog;
  readonly #log: Logger;
  readonly #byDomain = new Map<string, Session>();
  readonly #keys: HolderWatch;
  readonly #links = new Map<Link, Release>();
  readonly #pace: SessionPace;
  readonly #clock: Clock;
  #cancelSweep: () => void;
  /** Handshakes refused, by reason, for metrics. */
  readonly refusals = new Map<RefusalReason, number>();
  opened = 0;
  /** Set once, by the composition. */
  watcher: SessionWatcher | null = null;

  constructor(context: PeerContext, clock: Clock, keys: HolderWatch) {
    this.#context = context;
    this.#keys = keys;
    this.#argo = context.argo;
    this.#audit = context.audit;
    this.#log = context.log;
    this.#clock = clock;
    this.#pace = new SessionPace(clock.mono);
    this.#cancelSweep = clock.after(SWEEP_MS, () => this.#sweep());
  }

  /** Takes over a carrier that nobody has authenticated yet. */
  accept(carrier: Carrier, release: Release): void {
    const link = new Link(this.#context, carrier, this);
    this.#links.set(link, release);
  }

  get count(): number {
    return this.#byDomain.size;
  }

  peers(): Peer[] {
    return [...this.#byDomain.values()].map(({ peer }) => peer);
  }

  peerOf(domain: string): Peer | undefined {
    return this.#byDomain.get(domain)?.peer;
  }

  /** Ends a domain's session, if it has one. */
  end(domain: string, word: CloseWord, reason: string): void {
    this.#byDomain.get(domain)?.link.end(word, reason);
  }

  /** For a revocation list that has come. */
  endRevoked(isRevoked: (credential: Credential) => boolean): number {
    const hit = [...this.#byDomain.values()].filter(({ credential }) => isRevoked(credential));
    for (const { link } of hit) link.end('credentialRevoked', 'credential revoked');
    return hit.length;
  }

  /** Ends them all, and whoever has not authenticated. */
  endAll(word: CloseWord): void {
    this.#cancelSweep();
    for (const { link } of [...this.#byDomain.values()]) link.end(word, word);
    for (const link of [...this.#links.keys()]) link.end(word, word);
  }

  /** Carriers not yet closed. */
  get openCarriers(): Iterable<Carrier> {
    return [...this.#links.keys()].map((link) => link.carrier);
  }

  // LinkOwner

  onProven(peer: Peer, established: Established, link: Link): void {
    const { name } = peer.state.domain;
    const hasty = this.#pace.count(name);
    // As for a refusal: the place on its socket stays taken for a while.
    this.#links.get(link)?.(hasty > 0);
    const older = this.#byDomain.get(name);
    if (older !== undefined) this.#supersede(older, established.peer);
    const isGood = this.#keys.proven(established.peer);
    this.#byDomain.set(name, { peer, link, credential: established.peer });
    this.opened++;
    this.watcher?.sessionOpened(name);
    this.#argo.attach(peer.state, peer, { session: peer.id });
    this.#audit.record({
      event: 'session.open',
      src: peer.state.domain,
      session: peer.id,
      detail: {
        carrier: peer.carrier.name,
        suite: peer.suite,
        key: established.peer.thumbprint,
        credential: established.peer.jti,
        ...(hasty === 0 ? {} : { hasty }),
      },
    });
    // The domain learns that it is in, and is listened to, once the log says so.
    peer.holdUntilDurable(() => {
      // On a serial carrier, which has no places, the next hello is not read before either.
      if (hasty === 0) link.resume();
      else this.#clock.after(REFUSED_PLACE_MS, () => link.resume());
    });
    peer.event({
      op: Op.welcome,
      commitment: established.ourCommitment,
      domid: peer.state.domain.domid,
      revision: this.#argo.policy.revision,
      name,
      broker: this.#context.identity.name,
    });
    // So that it knows its own labels. Who has none need not be told so.
    if (peer.state.domain.labels.length > 0) peer.introduce(peer.state.domain.domid);
    this.#log.info({ domain: name, session: peer.id, carrier: peer.carrier.name }, 'session opened');
    if (!isGood) link.end('credentialRevoked', 'credential revoked');
  }

  /** A VM that came back by another way looks like this, and so does a thief: while the older session lives, it is told. */
  #supersede(older: Session, newer: Credential): void {
    const isAlive = older.peer.silentFor(this.#context.clock()) < PING_AFTER_MS;
    const isRotation = newer.generation > older.credential.generation;
    if (isAlive && !isRotation) this.#keys.twoSessions(newer);
    older.link.end('superseded', 'superseded');
  }

  onEnded(peer: Peer, reason: string, fault: string | null): void {
    const src = peer.state.domain;
    this.#byDomain.delete(src.name);
    this.#argo.detach(peer.state);
    if (fault !== null) this.#audit.record({ event: 'peer.fault', src, reason: fault, session: peer.id });
    this.#audit.record({ event: 'session.close', src, session: peer.id, reason });
    this.watcher?.sessionEnded(src.name, reason);
    this.#log.info(
      { domain: src.name, session: peer.id, reason, ...(fault === null ? {} : { fault }) },
      'session ended',
    );
  }

  onRefused(link: Link, reason: RefusalReason): void {
    this.#links.get(link)?.(true);
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
    const { carrier } = link;
    const src = carrier.domain === null ? null : (this.#argo.domain(carrier.domain)?.domain ?? null);
    this.#audit.record({ event: 'session.refused', src, reason, detail: { carrier: carrier.name } });
    this.#log.warn({ carrier: carrier.name, reason }, 'session refused');
  }

  onClosed(link: Link): void {
    this.#links.get(link)?.(false);
    this.#links.delete(link);
  }

  /** Ends the sessions whose credential has expired or whose domain is silent, and asks those that have said nothing for a while. */
  #sweep(): void {
    this.#cancelSweep = this.#clock.after(SWEEP_MS, () => this.#sweep());
    const now = this.#clock.mono();
    const seconds = this.#clock.wall() / 1_000;
    for (const { peer, link, credential } of [...this.#byDomain.values()]) {
      const silence = peer.silentFor(now);
      if (seconds > credential.expiresAt + CLOCK_TOLERANCE_SECONDS) link.end('credentialExpired', 'credential expired');
      else if (silence > SILENCE_LIMIT_MS) link.end('done', 'silent');
      else if (silence > PING_AFTER_MS) peer.event({ op: Op.brokerPing, id: 0 });
    }
  }
}
