/**
 * The four operations of Argo over declared domains: register_ring, unregister_ring, sendv and notify. Also the effects
 * of policy changes and of sessions that begin and end. No sockets, no clock; sessions are `FrameSink`s.
 *
 * The statements A01 … A80 of docs/conformance.md are this file's contract. docs/argo-deviations.md lists where this
 * interface differs from the hypervisor's, and why.
 */
import type { CompiledPolicy, Denial, Domain } from '../../policy/contract/index.ts';
import { invariant } from '../base/index.ts';
import type { DenialContext, Recorder } from '../record/index.ts';
import {
  DOMID_ANY,
  MAX_NOTIFY_ENTRIES,
  MAX_RING_BYTES,
  MAX_RINGS_PER_DOMAIN,
  MIN_RING_BYTES,
  MSG_SLOT_BYTES,
  type NotifyAnswer,
  type NotifyQuery,
  Op,
  PORT_ALL,
  REGISTER_FAIL_EXIST,
  RingFlag,
  Status,
} from '../wire/index.ts';
import type { Accounts } from './accounts.ts';
import { type CoreLimits, CoreState } from './core-state.ts';
import type { Counters } from './counters.ts';
import { DomainState } from './domain-state.ts';
import type { FrameSink } from './frame-sink.ts';
import { Inquiry, NO_RING } from './inquiry.ts';
import { maySend } from './mediation.ts';
import type { SendDecision } from './outcome.ts';
import type { RemoteBrokerOf } from './remote-broker.ts';
import { maxPayload, messageSize, RING_HELD_BYTES, type Ring } from './rings/ring.ts';
import { RingTable } from './rings/ring-table.ts';
import { Routes } from './routes.ts';
import { Sending } from './sending.ts';
import { Withdrawals } from './withdrawals.ts';

export interface RegisterRequest {
  readonly port: number;
  /** A domid, or DOMID_ANY for a wildcard ring. */
  readonly partner: number;
  readonly pad: number;
  readonly length: number;
  readonly flags: number;
  /** Ring bytes still unread at the owner from an earlier session. */
  readonly unread: number;
}

/**
 * `value`: ring handle or domid when `status` is OK, else 0. `recorded`: a denial was recorded, and its record must be
 * durable before the caller sees the answer.
 */
export interface RingAnswer {
  readonly status: Status;
  readonly value: number;
  readonly recorded: boolean;
}

/** How a new revision changed the set of local domains. */
export interface Adoption {
  readonly removed: readonly DomainState[];
  /** Domains whose home is now another broker. */
  readonly left: readonly DomainState[];
  readonly withdrawals: Withdrawals;
}

function refusal(status: Status): RingAnswer {
  return { status, value: 0, recorded: false };
}

export class Argo {
  readonly #core: CoreState;
  readonly #rings: RingTable;
  readonly #routes: Routes;
  readonly #sending: Sending;

  /** `remoteOf` names the remote broker that is the home of a domain. */
  constructor(policy: CompiledPolicy, recorder: Recorder, limits: CoreLimits, remoteOf: RemoteBrokerOf = () => null) {
    this.#core = new CoreState(policy, recorder, limits, remoteOf);
    this.#rings = new RingTable(this.#core);
    this.#routes = new Routes(this.#core);
    this.#sending = new Sending(this.#core, this.#routes);
    for (const domain of policy.domains.all) this.#create(domain);
  }

  /** How much of the broker's memory each domain uses. */
  get accounts(): Accounts {
    return this.#core.accounts;
  }

  /** A session has released memory: senders may be waiting for it. */
  memoryReleased(): void {
    this.#rings.wakeHeldBack();
  }

  get counters(): Counters {
    return this.#core.counters;
  }

  get policy(): CompiledPolicy {
    return this.#core.policy;
  }

  /** Every declared domain, connected or not. */
  domains(): Iterable<DomainState> {
    return this.#core.byName.values();
  }

  domain(name: string): DomainState | undefined {
    return this.#core.byName.get(name);
  }

  domainById(domid: number): DomainState | undefined {
    return this.#core.byDomid.get(domid);
  }

  // Sessions

  /** A session begins. The caller has detached any earlier session of the domain. */
  attach(state: DomainState, sink: FrameSink, context: DenialContext): void {
    invariant(state.sink === null, 'a domain has one session');
    state.sink = sink;
    state.deliveries = 0;
    state.nextHandle = 1;
    state.denialContext = context;
    this.#core.note(state.enabled, null, 0, context);
    this.#core.generation++;
  }

  /**
   * A session ends: the domain's rings are closed, as at Argo's soft reset. These domains are notified: those that
   * waited for room in the rings, those with messages in them that may not have been consumed, and the owners of rings
   * that have this domain as their partner. An owner to which the partner may not send is not notified: it would learn
   * when a domain is there that policy keeps from it.
   */
  detach(state: DomainState): void {
    for (const ring of [...state.ringsByHandle.values()]) this.#rings.close(state, ring, 'session ended');
    state.sink = null;
    state.denialContext = { session: null };
    state.clearRoutes();
    this.#core.generation++;
    for (const owner of this.#core.byName.values()) {
      let isExpected = false;
      for (const ring of owner.ringsByHandle.values()) {
        ring.cancelWait(state);
        if (ring.partner === state) isExpected = true;
      }
      if (!isExpected || !maySend(this.#core.policy, state.domain, owner.domain).allowed) continue;
      owner.sink?.event({ op: Op.peerGone, domid: state.domain.domid, port: PORT_ALL, messages: 0, bytes: 0 });
    }
  }

  // register_ring, unregister_ring

  /** Order of checks: register_ring in xen argo.c. A failed re-registration leaves the old ring unchanged. */
  registerRing(owner: DomainState, request: RegisterRequest): RingAnswer {
    if (!owner.enabled.allowed) return this.#denied(owner, owner.enabled, null);
    const { port, partner, length } = request;
    if ((request.flags & ~REGISTER_FAIL_EXIST) !== 0 || request.pad !== 0) return refusal(Status.EINVAL);
    if (length < MIN_RING_BYTES || length > MAX_RING_BYTES || length % MSG_SLOT_BYTES !== 0)
      return refusal(Status.EINVAL);
    if (request.unread % MSG_SLOT_BYTES !== 0 || request.unread > length - MSG_SLOT_BYTES)
      return refusal(Status.EINVAL);

    const isWildcard = partner === DOMID_ANY;
    const sender = isWildcard ? null : this.#core.byDomid.get(partner);
    if (sender === undefined)
      return this.#denied(owner, this.#core.policy.monitor.unknownDestination(owner.domain), port);
    const monitor = this.#core.policy.monitor;
    const decision =
      sender === null
        ? monitor.registerAnySource(owner.domain)
        : monitor.registerSingleSource(owner.domain, sender.domain);
    if (!decision.allowed) return this.#denied(owner, decision, port);
    this.#core.note(decision, port, 0, owner.denialContext);
    if (sender !== null && !sender.enabled.allowed) return refusal(Status.ECONNREFUSED);

    const existing = this.#rings.find(owner, port, sender);
    if (existing !== null) {
      if ((request.flags & REGISTER_FAIL_EXIST) !== 0 || existing.length !== length) return refusal(Status.EEXIST);
      return { status: Status.OK, value: existing.handle, recorded: false };
    }
    if (owner.ringsByHandle.size >= MAX_RINGS_PER_DOMAIN) return refusal(Status.ENOSPC);
    if (owner.ringBytes + length > this.#core.limits.ringBytesPerDomain) return refusal(Status.ENOMEM);

    if (!owner.account.charge(RING_HELD_BYTES)) return refusal(Status.ENOMEM);

    const ring = this.#rings.open(owner, port, sender, length, request.unread);
    this.#core.recorder.record({ event: 'ring.register', by: decision, port, ringBytes: length });
    return { status: Status.OK, value: ring.handle, recorded: false };
  }

  /** Needs only the permission `enable`. Removes the exact triple: a partner never names a wildcard ring. */
  unregisterRing(owner: DomainState, port: number, partner: number, pad: number): RingAnswer {
    if (!owner.enabled.allowed) return this.#denied(owner, owner.enabled, null);
    if (pad !== 0) return refusal(Status.EINVAL);
    const sender = partner === DOMID_ANY ? null : this.#core.byDomid.get(partner);
    const ring = sender === undefined ? null : this.#rings.find(owner, port, sender);
    if (ring === null) return refusal(Status.ENOENT);
    this.#rings.close(owner, ring, 'unregistered');
    return { status: Status.OK, value: 0, recorded: false };
  }

  // sendv

  /** See sending.ts. */
  sendv(sender: DomainState, frames: Uint8Array, view: DataView, at: number, length: number): SendDecision {
    return this.#sending.sendv(sender, frames, view, at, length);
  }

  // notify

  /**
   * The order and the quirks are those of notify in xen argo.c. With `queries` null a receiver says that it has
   * consumed messages, and its waiting senders are woken. Returns null when other brokers have to be asked; `later`
   * then gets the status and the answers, once.
   */
  notify(
    caller: DomainState,
    queries: readonly NotifyQuery[] | null,
    later: (status: Status, answers: readonly NotifyAnswer[]) => void = () => {},
  ): { answer: RingAnswer; answers: readonly NotifyAnswer[] } | null {
    if (!caller.enabled.allowed) return { answer: this.#denied(caller, caller.enabled, null), answers: [] };
    for (const ring of caller.ringsByHandle.values()) this.#rings.wake(ring);
    if (queries === null) return { answer: refusal(Status.OK), answers: [] };
    if (queries.length > MAX_NOTIFY_ENTRIES) return { answer: refusal(Status.EACCES), answers: [] };
    const answers: NotifyAnswer[] = [];
    const inquiry = new Inquiry();
    for (const query of queries) {
      if (query.pad !== 0) return { answer: refusal(Status.EINVAL), answers };
      const route = this.#routes.to(caller, query.domid, query.port);
      const { send } = route.mediation;
      if (!send.allowed) return { answer: this.#denied(caller, send, query.port), answers };
      this.#core.note(send, query.port, 0, caller.denialContext);
      const remote = route.target?.destination.remote ?? null;
      // A question from another broker is about local rings: it is not forwarded to a third broker.
      if (remote !== null && caller.remote === null) inquiry.add(remote, query, answers.length);
      answers.push(this.#describe(caller, route.target?.ring ?? null, query.spaceRequired));
    }
    if (inquiry.isEmpty) return { answer: refusal(Status.OK), answers };
    inquiry.ask(caller, answers, later);
    return null;
  }

  #describe(caller: DomainState, ring: Ring | null, spaceRequired: number): NotifyAnswer {
    if (ring === null) return NO_RING;
    const maxMessageSize = maxPayload(ring.length);
    let flags: number = RingFlag.exists;
    if (ring.partner === null) flags |= RingFlag.shared;
    if (ring.isEmpty) flags |= RingFlag.empty;
    if (spaceRequired > maxMessageSize) flags |= RingFlag.emsgsize;
    else if (ring.hasRoom(ring.shareOf(caller), messageSize(spaceRequired))) {
      ring.cancelWait(caller);
      flags |= RingFlag.sufficient;
    } else if (!ring.wait(caller, messageSize(spaceRequired))) flags |= RingFlag.ebusy;
    return { flags, maxMessageSize };
  }

  // Credit and names

  /** The owner has consumed whole messages of `bytes` ring bytes. False = a wrong claim, which is a peer fault. */
  credit(owner: DomainState, handle: number, bytes: number): boolean {
    const ring = owner.ringsByHandle.get(handle);
    // The owner may have sent this credit before it learned that the ring is closed.
    if (ring === undefined) return handle < owner.nextHandle;
    if (!ring.release(bytes)) return false;
    this.#rings.wake(ring);
    return true;
  }

  /**
   * The domid of a name. Only a domain that may send to the named domain, or receive from it, gets the answer. Every
   * other caller gets the same denial, whether or not the name exists.
   */
  resolve(caller: DomainState, name: string): RingAnswer {
    if (!caller.enabled.allowed) return this.#denied(caller, caller.enabled, null);
    const target = this.#core.byName.get(name);
    const send = maySend(this.#core.policy, caller.domain, target?.domain);
    const receive =
      target === undefined ? send : this.#core.policy.monitor.registerSingleSource(caller.domain, target.domain);
    if (!send.allowed && !receive.allowed) return this.#denied(caller, send, null);
    this.#core.note(send.allowed ? send : receive, null, 0, caller.denialContext);
    invariant(target !== undefined, 'nobody may send to a domain that does not exist');
    return { status: Status.OK, value: target.domain.domid, recorded: false };
  }

  // Change of policy

  /**
   * Puts a new revision in force. Domains are matched by name and domid. Domains that left the inventory are destroyed
   * (A64-A68), rings that are no longer permitted are closed, and domains whose home changed are detached. The caller
   * ends the sessions of the returned `removed` and `left` domains, and applies the returned `withdrawals` to the
   * frames that the other sessions have queued.
   */
  adopt(policy: CompiledPolicy): Adoption {
    this.#core.policy = policy;
    this.#core.neighbours.keep(policy.domains);
    this.#core.generation++;
    const removed: DomainState[] = [];
    const moved: DomainState[] = [];
    for (const state of [...this.#core.byName.values()]) {
      for (const ring of state.ringsByHandle.values()) this.#rings.endFlows(ring);
      const domain = policy.domains.byName(state.domain.name);
      if (domain !== undefined && domain.domid === state.domain.domid) {
        state.domain = domain;
        state.enabled = policy.monitor.enable(domain);
        state.clearRoutes();
        if (state.remote !== this.#core.remoteOf(domain)) moved.push(state);
      } else removed.push(state);
    }
    for (const state of removed) this.#destroy(state);
    for (const state of moved) this.#move(state);
    for (const domain of policy.domains.all) if (!this.#core.byName.has(domain.name)) this.#create(domain);
    for (const state of this.#core.byName.values()) {
      for (const ring of [...state.ringsByHandle.values()]) {
        this.#rings.bind(state, ring);
        this.#recheck(state, ring);
      }
      state.sink?.event({ op: Op.revision, revision: policy.revision });
    }
    const before = new Map<number, DomainState>(removed.map((state) => [state.domain.domid, state]));
    const domainById = (domid: number): DomainState | undefined => before.get(domid) ?? this.#core.byDomid.get(domid);
    return {
      removed,
      left: moved.filter(({ remote }) => remote !== null),
      withdrawals: new Withdrawals(this.#core, domainById, (ring) => this.#rings.wake(ring)),
    };
  }

  #recheck(owner: DomainState, ring: Ring): void {
    const { monitor } = this.#core.policy;
    const decision = !owner.enabled.allowed
      ? owner.enabled
      : ring.partner === null
        ? monitor.registerAnySource(owner.domain)
        : monitor.registerSingleSource(owner.domain, ring.partner.domain);
    if (decision.allowed) {
      this.#core.note(decision, ring.port, 0, owner.denialContext);
      return;
    }
    this.#core.recorder.record({
      event: 'ring.revoked',
      src: owner.domain,
      dst: ring.partner?.domain ?? null,
      port: ring.port,
      reason: decision.reason,
      by: decision,
    });
    this.#rings.close(owner, ring, null);
    owner.sink?.event({ op: Op.ringClosed, ring: ring.handle, status: Status.EACCES });
  }

  // Inside

  #create(domain: Domain): void {
    const enabled = this.#core.policy.monitor.enable(domain);
    const state = new DomainState(domain, enabled, this.#core.accounts.open(domain.name));
    state.remote = this.#core.remoteOf(domain);
    this.#core.byName.set(domain.name, state);
    this.#core.byDomid.set(domain.domid, state);
  }

  /** Ends the session and closes its rings, as if the domain had disconnected. It starts afresh at its new home. */
  #move(state: DomainState): void {
    this.detach(state);
    state.remote?.leave(state.domain);
    state.remote = this.#core.remoteOf(state.domain);
  }

  #destroy(state: DomainState): void {
    this.detach(state);
    state.remote?.leave(state.domain);
    this.#core.byName.delete(state.domain.name);
    if (this.#core.byDomid.get(state.domain.domid) === state) this.#core.byDomid.delete(state.domain.domid);
    for (const owner of this.#core.byName.values()) {
      for (const ring of [...owner.ringsByHandle.values()]) {
        ring.forget(state);
        if (ring.partner !== state) continue;
        this.#rings.close(owner, ring, 'partner removed');
        owner.sink?.event({ op: Op.ringClosed, ring: ring.handle, status: Status.ECONNREFUSED });
      }
    }
  }

  #denied(caller: DomainState, denial: Denial, port: number | null): RingAnswer {
    this.#core.recorder.denied(denial, port, 0, caller.denialContext);
    this.#core.counters.refused[Status.EACCES] = (this.#core.counters.refused[Status.EACCES] ?? 0) + 1;
    return { status: Status.EACCES, value: 0, recorded: true };
  }
}
