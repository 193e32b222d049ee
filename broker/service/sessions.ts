/** The sessions of a broker: at most one per domain, each recorded when it opens and when it ends. */
import type { Credential } from '../../keys/index.ts';
import type { AuditLog } from '../audit/index.ts';
import type { Clock } from '../base/index.ts';
import type { Carrier, Release } from '../carrier/index.ts';
import { type Session, verifyCredentialChange } from '../channel/index.ts';
import type { Argo } from '../core/index.ts';
import { ChannelDriver, type DriverOwner, type Peer, type PeerContext, type RefusalReason } from '../peer/index.ts';
import {
  CLOCK_TOLERANCE_SECONDS,
  type Logger,
  PING_AFTER_MS,
  REFUSED_PLACE_MS,
  SILENCE_LIMIT_MS,
  SWEEP_MS,
} from '../process/index.ts';
import { type CloseWord, Op, Status } from '../wire/index.ts';
import type { KeyWatch } from './key-watch.ts';
import { SessionPace } from './session-pace.ts';

interface Running {
  readonly peer: Peer;
  readonly agreedAt: number;
  readonly driver: ChannelDriver;
  /** The session ends when the credential expires or is revoked. */
  credential: Credential;
}

/** The checks of keys that need more than their credentials. */
type HolderWatch = Pick<KeyWatch, 'proven' | 'twoSessions'>;

/** Is notified when sessions open and end. */
export interface SessionWatcher {
  sessionOpened(domain: string): void;
  sessionEnded(domain: string, reason: string): void;
}

export class Sessions implements DriverOwner {
  readonly #context: PeerContext;
  readonly #argo: Argo;
  readonly #audit: AuditLog;
  readonly #log: Logger;
  readonly #byDomain = new Map<string, Running>();
  readonly #keys: HolderWatch;
  readonly #drivers = new Map<ChannelDriver, Release>();
  readonly #pace: SessionPace;
  readonly #clock: Clock;
  #cancelSweep: () => void;
  /** Refused handshakes by reason, for metrics. */
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

  /** Takes over a carrier whose other end has not authenticated yet. */
  accept(carrier: Carrier, release: Release): void {
    const driver = new ChannelDriver(this.#context, carrier, this);
    this.#drivers.set(driver, release);
  }

  get count(): number {
    return this.#byDomain.size;
  }

  /** Number of open carriers of the domain, or of all strangers. */
  socketsOf(name: string): number {
    let count = 0;
    for (const driver of this.#drivers.keys()) if (driver.sharer === name) count++;
    return count;
  }

  peers(): Peer[] {
    return [...this.#byDomain.values()].map(({ peer }) => peer);
  }

  /** When the credential of a domain's session expires, seconds since 1970-01-01 UTC; null while there is no session. */
  expiryOf(domain: string): number | null {
    return this.#byDomain.get(domain)?.credential.expiresAt ?? null;
  }

  peerOf(domain: string): Peer | undefined {
    return this.#byDomain.get(domain)?.peer;
  }

  /** Ends a domain's session, if it has one. */
  end(domain: string, word: CloseWord, reason: string): void {
    this.#byDomain.get(domain)?.driver.end(word, reason);
  }

  /** Called when a new revocation list is in force. */
  endRevoked(isRevoked: (credential: Credential) => boolean): number {
    const hit = [...this.#byDomain.values()].filter(({ credential }) => isRevoked(credential));
    for (const { driver } of hit) driver.end('credentialRevoked', 'credential revoked');
    return hit.length;
  }

  /** Ends all sessions, and all carriers that have not authenticated. */
  endAll(word: CloseWord): void {
    this.#cancelSweep();
    for (const { driver } of [...this.#byDomain.values()]) driver.end(word, word);
    for (const driver of [...this.#drivers.keys()]) driver.end(word, word);
  }

  /** Carriers not yet closed. */
  get openCarriers(): Iterable<Carrier> {
    return [...this.#drivers.keys()].map((driver) => driver.carrier);
  }

  // DriverOwner

  isNewest(domain: string, session: Session): boolean {
    const running = this.#byDomain.get(domain);
    return running === undefined || running.agreedAt <= session.agreedAt;
  }

  onProven(peer: Peer, session: Session, driver: ChannelDriver): void {
    const { name } = peer.state.domain;
    const hasty = this.#pace.count(name);
    // As after a refusal, a hasty session keeps its place on the socket for a while.
    this.#drivers.get(driver)?.(hasty > 0);
    const older = this.#byDomain.get(name);
    if (older !== undefined) this.#supersede(older, session.peer);
    const isGood = this.#keys.proven(session.peer);
    this.#byDomain.set(name, { peer, agreedAt: session.agreedAt, driver, credential: session.peer });
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
        key: session.peer.thumbprint,
        credential: session.peer.jti,
        ...(hasty === 0 ? {} : { hasty }),
      },
    });
    // The domain gets its welcome, and its frames are read, only when the record of the session is on disk.
    peer.holdUntilDurable(() => {
      // The delay also slows a serial carrier, which has no places: its next hello is not read before.
      if (hasty === 0) driver.resume();
      else this.#clock.after(REFUSED_PLACE_MS, () => driver.resume());
    });
    peer.event({
      op: Op.welcome,
      commitment: session.ourCommitment,
      domid: peer.state.domain.domid,
      revision: this.#argo.policy.revision,
      name,
      broker: this.#context.identity.name,
    });
    // Sends the domain its own labels, if it has any.
    if (peer.state.domain.labels.length > 0) peer.introduce(peer.state.domain.domid);
    this.#log.info({ domain: name, session: peer.id, carrier: peer.carrier.name }, 'session opened');
    if (!isGood) driver.end('credentialRevoked', 'credential revoked');
  }

  /**
   * A new session replaces the older one. This happens when a VM comes back over another carrier, but also when its key
   * was stolen. If the older session is alive, it is an incident.
   */
  #supersede(older: Running, newer: Credential): void {
    const isAlive = older.peer.silentFor(this.#context.clock.mono()) < PING_AFTER_MS;
    const isRotation = newer.generation > older.credential.generation;
    if (isAlive && !isRotation) this.#keys.twoSessions(newer);
    older.driver.end('superseded', 'superseded');
  }

  /**
   * The domain renewed its credential, or its key was rotated. The session goes on under the new one: nothing that is
   * on its way is lost or sent again.
   */
  async onCredential(peer: Peer, session: Session, statement: string): Promise<Status> {
    const { identity, handshake } = this.#context;
    const result = await verifyCredentialChange(statement, session, identity.authority, handshake);
    const src = peer.state.domain;
    const running = this.#byDomain.get(src.name);
    if (running?.peer !== peer) return Status.EACCES; // the session ended meanwhile
    const refusal = result.ok ? null : result.fault;
    if (!result.ok || !this.#keys.proven(result.value)) {
      const reason = refusal ?? 'REVOKED';
      this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
      this.#audit.record({ event: 'session.refused', src, session: peer.id, reason, detail: { credential: true } });
      return Status.EACCES;
    }
    const { thumbprint, jti, generation, expiresAt } = result.value;
    running.credential = result.value;
    const detail = { key: thumbprint, credential: jti, generation, expiresAt };
    this.#audit.record({ event: 'session.key', src, session: peer.id, detail });
    this.#log.info({ domain: src.name, session: peer.id, generation }, 'session has a new credential');
    return Status.OK;
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

  onRefused(driver: ChannelDriver, reason: RefusalReason): void {
    this.#drivers.get(driver)?.(true);
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
    const { carrier } = driver;
    const src = carrier.domain === null ? null : (this.#argo.domain(carrier.domain)?.domain ?? null);
    this.#audit.record({ event: 'session.refused', src, reason, detail: { carrier: carrier.name } });
    this.#log.warn({ carrier: carrier.name, reason }, 'session refused');
  }

  onClosed(driver: ChannelDriver): void {
    this.#drivers.get(driver)?.(false);
    this.#drivers.delete(driver);
  }

  /** Ends sessions with an expired credential or a silent domain. Pings domains that have been quiet for a while. */
  #sweep(): void {
    this.#cancelSweep = this.#clock.after(SWEEP_MS, () => this.#sweep());
    const now = this.#clock.mono();
    const seconds = this.#clock.wall() / 1_000;
    for (const { peer, driver, credential } of [...this.#byDomain.values()]) {
      const silence = peer.silentFor(now);
      if (seconds > credential.expiresAt + CLOCK_TOLERANCE_SECONDS)
        driver.end('credentialExpired', 'credential expired');
      else if (silence > SILENCE_LIMIT_MS) driver.end('done', 'silent');
      else if (silence > PING_AFTER_MS) peer.event({ op: Op.brokerPing, id: 0 });
    }
  }
}
