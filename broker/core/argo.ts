/**
 * The four operations of Argo over declared domains: register_ring, unregister_ring, sendv and notify, plus what a change
 * of policy and the coming and going of sessions do to them. No sockets, no clock; sessions are `Outlet`s.
 *
 * The statements A01 … A80 of docs/conformance.md are this file's contract; docs/argo-deviations.md says where user space
 * does better than the hypervisor's interface.
 */
import type { Denial, Domain, Permit, PolicyRevision } from '../../policy/index.ts';
import {
  DATA_FRAME_HEADER_BYTES,
  DataField,
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
  SEND_FLAGS_MASK,
  SendFlag,
  Status,
} from '../wire/index.ts';
import { type Counters, newCounters } from './counters.ts';
import { DomainState, type PortRings } from './domain-state.ts';
import { INSPECTORS } from './inspectors/index.ts';
import { invariant } from './invariant.ts';
import type { Outlet } from './outlet.ts';
import type { DenialContext, FlowCounter, Recorder } from './recorder.ts';
import { maxPayload, messageSize, Ring } from './ring.ts';
import type { Route, Target } from './route.ts';
import { Withdrawals } from './withdrawals.ts';

export interface CoreLimits {
  /** Sum of the lengths of one domain's rings, bytes. */
  readonly ringBytesPerDomain: number;
  /** Cached (destination, port) look-ups per domain; past it the cache starts anew. */
  readonly routesPerDomain: number;
}

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

/** `value`: ring handle or domid when `status` is OK, else 0. `recorded`: a denial was recorded and must be durable first. */
export interface Answer {
  readonly status: number;
  readonly value: number;
  readonly recorded: boolean;
}

function refusal(status: number): Answer {
  return { status, value: 0, recorded: false };
}

export class Argo {
  readonly counters: Counters = newCounters();
  /** Details of the last sendv that was not OK: read right after the call, it is one object for all calls. */
  readonly refused = { recorded: false, maxMessageSize: 0 };
  readonly #recorder: Recorder;
  readonly #limits: CoreLimits;
  readonly #byName = new Map<string, DomainState>();
  readonly #byDomid = new Map<number, DomainState>();
  #policy: PolicyRevision;
  /** Grows whenever a look-up could now end differently; routes of an older generation are looked up again. */
  #generation = 0;

  constructor(policy: PolicyRevision, recorder: Recorder, limits: CoreLimits) {
    this.#policy = policy;
    this.#recorder = recorder;
    this.#limits = limits;
    for (const domain of policy.domains.all) this.#create(domain);
  }

  get policy(): PolicyRevision {
    return this.#policy;
  }

  /** Every declared domain, connected or not. */
  domains(): Iterable<DomainState> {
    return this.#byName.values();
  }

  domain(name: string): DomainState | undefined {
    return this.#byName.get(name);
  }

  domainById(domid: number): DomainState | undefined {
    return this.#byDomid.get(domid);
  }

  // Sessions

  /** A session begins. The domain has no other one: the caller has detached it. */
  attach(state: DomainState, outlet: Outlet, context: DenialContext): void {
    invariant(state.outlet === null, 'a domain has one session');
    state.outlet = outlet;
    state.deliveries = 0;
    state.nextHandle = 1;
    state.denialContext = context;
    this.#generation++;
  }

  /**
   * A session ends: the domain's rings go, as at Argo's soft reset. Whoever waited for room in them, may fill a ring only
   * from here, or has messages in them that are not known to be consumed, is told.
   */
  detach(state: DomainState): void {
    for (const ring of [...state.ringsByHandle.values()]) this.#closeRing(state, ring, 'session ended');
    state.outlet = null;
    state.denialContext = { session: null };
    state.clearRoutes();
    this.#generation++;
    for (const owner of this.#byName.values()) {
      let isExpected = false;
      for (const ring of owner.ringsByHandle.values()) {
        ring.cancelWait(state);
        if (ring.partner === state) isExpected = true;
      }
      if (!isExpected) continue;
      owner.outlet?.event({ op: Op.peerGone, domid: state.domain.domid, port: PORT_ALL, messages: 0, bytes: 0 });
    }
  }

  // register_ring, unregister_ring

  /** Order of checks: xen argo.c register_ring. A failed re-registration leaves the old ring as it was. */
  registerRing(owner: DomainState, request: RegisterRequest): Answer {
    if (!owner.enabled.allowed) return this.#denied(owner, owner.enabled, null);
    const { port, partner, length } = request;
    if ((request.flags & ~REGISTER_FAIL_EXIST) !== 0 || request.pad !== 0) return refusal(Status.EINVAL);
    if (length < MIN_RING_BYTES || length > MAX_RING_BYTES || length % MSG_SLOT_BYTES !== 0)
      return refusal(Status.EINVAL);
    if (request.unread % MSG_SLOT_BYTES !== 0 || request.unread > length - MSG_SLOT_BYTES)
      return refusal(Status.EINVAL);

    const isWildcard = partner === DOMID_ANY;
    const sender = isWildcard ? null : this.#byDomid.get(partner);
    if (sender === undefined) return this.#denied(owner, this.#policy.monitor.unknownDestination(owner.domain), port);
    const monitor = this.#policy.monitor;
    const decision =
      sender === null
        ? monitor.registerAnySource(owner.domain)
        : monitor.registerSingleSource(owner.domain, sender.domain);
    if (!decision.allowed) return this.#denied(owner, decision, port);
    if (sender !== null && !sender.enabled.allowed) return refusal(Status.ECONNREFUSED);

    const existing = findRing(owner.ports.get(port), sender);
    if (existing !== null) {
      if ((request.flags & REGISTER_FAIL_EXIST) !== 0 || existing.length !== length) return refusal(Status.EEXIST);
      return { status: Status.OK, value: existing.handle, recorded: false };
    }
    if (owner.ringsByHandle.size >= MAX_RINGS_PER_DOMAIN) return refusal(Status.ENOSPC);
    if (owner.ringBytes + length > this.#limits.ringBytesPerDomain) return refusal(Status.ENOMEM);

    const ring = this.#openRing(owner, port, sender, length, request.unread);
    this.#recorder.record({ event: 'ring.register', by: decision, port, bytes: length });
    return { status: Status.OK, value: ring.handle, recorded: false };
  }

  /** Needs no permission but `enable`. Only the exact triple is removed: a wildcard ring is not named by a partner. */
  unregisterRing(owner: DomainState, port: number, partner: number, pad: number): Answer {
    if (!owner.enabled.allowed) return this.#denied(owner, owner.enabled, null);
    if (pad !== 0) return refusal(Status.EINVAL);
    const sender = partner === DOMID_ANY ? null : this.#byDomid.get(partner);
    const ring = sender === undefined ? null : findRing(owner.ports.get(port), sender);
    if (ring === null) return refusal(Status.ENOENT);
    this.#closeRing(owner, ring, 'unregistered');
    return { status: Status.OK, value: 0, recorded: false };
  }

  // sendv

  /**
   * Sends the `sendv` frame in `frames[at, at + length)`, whose length the caller has matched to what is there. Returns a
   * Status. On OK the frame has become a `deliver` frame in place, and the receiver's outlet has borrowed it.
   *
   * The order is a security property; each step has a test that fails without it:
   *   log writable -> enable -> shape -> source is the session's domain, source port its own -> hook argo:send (an unknown
   *   destination is a denial, found by the same work) -> inspector -> hook of the service class -> ring, exact partner
   *   then ANY -> order gate -> size -> quota -> space -> account, rewrite, deliver -> audit
   */
  sendv(sender: DomainState, frames: Uint8Array, view: DataView, at: number, length: number): number {
    if (!this.#recorder.healthy) return this.#refuse(Status.EIO);
    if (!sender.enabled.allowed) return this.#refuseDenied(sender, sender.enabled, null, length, Status.EACCES);

    const flags = view.getUint8(at + DataField.flags);
    if ((flags & ~SEND_FLAGS_MASK) !== 0 || view.getUint16(at + DataField.reserved, true) !== 0) {
      return this.#refuse(Status.EINVAL);
    }
    // Peer-controlled: the message may say who sent it only if that is who it came from.
    const source = view.getUint16(at + DataField.source, true);
    const sourcePort = view.getUint32(at + DataField.sourcePort, true);
    const port = view.getUint32(at + DataField.destinationPort, true);
    if (
      (source !== sender.domain.domid && source !== DOMID_ANY) ||
      (sourcePort !== 0 && !sender.ports.has(sourcePort))
    ) {
      const denial = this.#policy.monitor.foreignSource(sender.domain);
      return this.#refuseDenied(sender, denial, port, length, Status.EPERM);
    }

    const destination = view.getUint16(at + DataField.destination, true);
    let route = sender.lastRoute;
    if (
      route === null ||
      route.destinationId !== destination ||
      route.port !== port ||
      route.generation !== this.#generation
    ) {
      route = this.#routeTo(sender, destination, port);
      sender.lastRoute = route;
    }
    // Before the ring lookup: a denied sender must not learn whether destination or ring exist.
    const send = route.send;
    if (!send.allowed) return this.#refuseDenied(sender, send, port, length, Status.EACCES);
    const target = route.target;
    invariant(target !== null, 'an allowed route has a target');

    const permission = target.inspector.inspect(frames, at + DATA_FRAME_HEADER_BYTES, at + length, sender.domain);
    const decision = target.vector.decisions[permission] ?? target.malformed;
    if (!decision.allowed) {
      return this.#refuseDenied(sender, decision, port, length, permission < 0 ? Status.EINVAL : Status.EACCES);
    }
    const { ring, share } = target;
    if (ring === null || share === null) return this.#refuse(Status.ECONNREFUSED);

    if ((flags & SendFlag.resume) !== 0) share.gate = null;
    else if ((flags & SendFlag.ordered) !== 0 && share.gate !== null && share.gate === sender.outlet) {
      return this.#refuse(Status.EAGAIN);
    }
    const size = messageSize(length - DATA_FRAME_HEADER_BYTES);
    const admission = ring.insert(decision, share, size);
    if (admission !== 'accepted') {
      if (admission === 'too-big') {
        this.#refuse(Status.EMSGSIZE);
        this.refused.maxMessageSize = maxPayload(ring.length);
        return Status.EMSGSIZE;
      }
      if ((flags & SendFlag.ordered) !== 0) share.gate = sender.outlet;
      return this.#refuse(ring.wait(sender, size) ? Status.EAGAIN : Status.EBUSY);
    }

    view.setUint8(at + DataField.op, Op.deliver);
    view.setUint8(at + DataField.flags, 0);
    view.setUint32(at + DataField.id, ring.handle, true);
    view.setUint16(at + DataField.source, sender.domain.domid, true);
    const outlet = ring.owner.outlet;
    invariant(outlet !== null, 'a ring exists only while its owner has a session');
    outlet.deliver(frames, at, at + length);
    this.#count(target, permission, decision, port, length - DATA_FRAME_HEADER_BYTES);
    return Status.OK;
  }

  // notify

  /** Order and quirks: xen argo.c notify. `queries` null is the receiver's "I have consumed, wake my senders". */
  notify(
    caller: DomainState,
    queries: readonly NotifyQuery[] | null,
  ): { answer: Answer; answers: readonly NotifyAnswer[] } {
    if (!caller.enabled.allowed) return { answer: this.#denied(caller, caller.enabled, null), answers: [] };
    for (const ring of caller.ringsByHandle.values()) this.#wake(ring);
    if (queries === null) return { answer: refusal(Status.OK), answers: [] };
    if (queries.length > MAX_NOTIFY_ENTRIES) return { answer: refusal(Status.EACCES), answers: [] };
    const answers: NotifyAnswer[] = [];
    for (const query of queries) {
      if (query.pad !== 0) return { answer: refusal(Status.EINVAL), answers };
      const route = this.#routeTo(caller, query.domid, query.port);
      if (!route.send.allowed) return { answer: this.#denied(caller, route.send, query.port), answers };
      answers.push(this.#describe(caller, route.target?.ring ?? null, query.spaceRequired));
    }
    return { answer: refusal(Status.OK), answers };
  }

  #describe(caller: DomainState, ring: Ring | null, spaceRequired: number): NotifyAnswer {
    if (ring === null) return { flags: 0, maxMessageSize: 0 };
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

  /** The owner has consumed whole messages of `bytes` ring bytes; false when it claims what is not there: a peer fault. */
  credit(owner: DomainState, handle: number, bytes: number): boolean {
    const ring = owner.ringsByHandle.get(handle);
    // A credit may cross the message that says the ring is closed.
    if (ring === undefined) return handle < owner.nextHandle;
    if (!ring.release(bytes)) return false;
    this.#wake(ring);
    return true;
  }

  /** A name's domid, told only to who may send to it or take messages from it; all else is one denial. */
  resolve(caller: DomainState, name: string): Answer {
    if (!caller.enabled.allowed) return this.#denied(caller, caller.enabled, null);
    const target = this.#byName.get(name);
    const monitor = this.#policy.monitor;
    if (target === undefined) return this.#denied(caller, monitor.unknownDestination(caller.domain), null);
    const send = monitor.send(caller.domain, target.domain);
    if (!send.allowed && !monitor.registerSingleSource(caller.domain, target.domain).allowed) {
      return this.#denied(caller, send, null);
    }
    return { status: Status.OK, value: target.domain.domid, recorded: false };
  }

  // Change of policy

  /**
   * Puts a new revision in force. Domains are matched by name and domid; what left the inventory is destroyed (A64-A68),
   * rings that are no longer permitted are closed. Returns the destroyed domains, whose sessions the caller ends, and the
   * withdrawals with which it goes through what the sessions still hold.
   */
  adopt(policy: PolicyRevision): { readonly removed: readonly DomainState[]; readonly withdrawals: Withdrawals } {
    this.#policy = policy;
    this.#generation++;
    const removed: DomainState[] = [];
    for (const state of [...this.#byName.values()]) {
      for (const ring of state.ringsByHandle.values()) this.#endFlows(ring);
      const domain = policy.domains.byName(state.domain.name);
      if (domain !== undefined && domain.domid === state.domain.domid) {
        state.domain = domain;
        state.enabled = policy.monitor.enable(domain);
        state.clearRoutes();
      } else removed.push(state);
    }
    for (const state of removed) this.#destroy(state);
    for (const domain of policy.domains.all) if (!this.#byName.has(domain.name)) this.#create(domain);
    for (const state of this.#byName.values()) {
      for (const ring of [...state.ringsByHandle.values()]) this.#recheck(state, ring);
      state.outlet?.event({ op: Op.revision, revision: policy.revision });
    }
    const before = new Map<number, DomainState>(removed.map((state) => [state.domain.domid, state]));
    const domainById = (domid: number): DomainState | undefined => before.get(domid) ?? this.#byDomid.get(domid);
    return { removed, withdrawals: new Withdrawals(policy, domainById, this.#recorder, (ring) => this.#wake(ring)) };
  }

  #recheck(owner: DomainState, ring: Ring): void {
    const { monitor } = this.#policy;
    const decision = !owner.enabled.allowed
      ? owner.enabled
      : ring.partner === null
        ? monitor.registerAnySource(owner.domain)
        : monitor.registerSingleSource(owner.domain, ring.partner.domain);
    if (decision.allowed) return;
    this.#recorder.record({
      event: 'ring.revoked',
      src: owner.domain,
      dst: ring.partner?.domain ?? null,
      port: ring.port,
      reason: decision.reason,
      by: decision,
    });
    this.#closeRing(owner, ring, null);
    owner.outlet?.event({ op: Op.ringClosed, ring: ring.handle, status: Status.EACCES });
  }

  // Inside

  #create(domain: Domain): void {
    const state = new DomainState(domain, this.#policy.monitor.enable(domain));
    this.#byName.set(domain.name, state);
    this.#byDomid.set(domain.domid, state);
  }

  #destroy(state: DomainState): void {
    this.detach(state);
    this.#byName.delete(state.domain.name);
    if (this.#byDomid.get(state.domain.domid) === state) this.#byDomid.delete(state.domain.domid);
    for (const owner of this.#byName.values()) {
      for (const ring of [...owner.ringsByHandle.values()]) {
        ring.forget(state);
        if (ring.partner !== state) continue;
        this.#closeRing(owner, ring, 'partner removed');
        owner.outlet?.event({ op: Op.ringClosed, ring: ring.handle, status: Status.ECONNREFUSED });
      }
    }
  }

  #openRing(owner: DomainState, port: number, partner: DomainState | null, length: number, unread: number): Ring {
    const ring = new Ring(owner.nextHandle++, owner, port, partner, length, unread);
    let rings = owner.ports.get(port);
    if (rings === undefined) {
      rings = { any: null, byPartner: new Map() };
      owner.ports.set(port, rings);
    }
    if (partner === null) rings.any = ring;
    else rings.byPartner.set(partner, ring);
    owner.ringsByHandle.set(ring.handle, ring);
    owner.ringBytes += length;
    this.#generation++;
    return ring;
  }

  /** `reason` null: the caller has recorded it already. */
  #closeRing(owner: DomainState, ring: Ring, reason: string | null): void {
    const { port, partner } = ring;
    ring.isClosed = true;
    const rings = owner.ports.get(port);
    if (rings !== undefined) {
      if (partner === null) rings.any = null;
      else rings.byPartner.delete(partner);
      if (rings.any === null && rings.byPartner.size === 0) owner.ports.delete(port);
    }
    owner.ringsByHandle.delete(ring.handle);
    owner.ringBytes -= ring.length;
    this.#generation++;
    this.#endFlows(ring);
    if (reason !== null) {
      this.#recorder.record({
        event: 'ring.unregister',
        src: owner.domain,
        dst: partner?.domain ?? null,
        port,
        reason,
      });
    }
    this.#announceGone(ring);
  }

  /** Tells each sender once: what it waited for will not come, and how much of its own is not known to be consumed. */
  #announceGone(ring: Ring): void {
    const { domid } = ring.owner.domain;
    const waiting = new Set(ring.takeAllPending());
    for (const share of ring.activeShares()) {
      waiting.delete(share.sender);
      const { messages, bytes } = share;
      share.sender.outlet?.event({ op: Op.peerGone, domid, port: ring.port, messages, bytes });
      const by = this.#policy.monitor.send(share.sender.domain, ring.owner.domain);
      this.#recorder.record({ event: 'send.undelivered', by, port: ring.port, messages, bytes, reason: 'PEER_GONE' });
    }
    for (const domain of waiting) {
      domain.outlet?.event({ op: Op.peerGone, domid, port: ring.port, messages: 0, bytes: 0 });
    }
  }

  #wake(ring: Ring): void {
    if (ring.pendingCount === 0) return;
    for (const domain of ring.takeSatisfied()) {
      domain.outlet?.event({ op: Op.space, domid: ring.owner.domain.domid, port: ring.port });
    }
  }

  #routeTo(sender: DomainState, destinationId: number, port: number): Route {
    let ports = sender.routes.get(destinationId);
    const cached = ports?.get(port);
    if (cached !== undefined && cached.generation === this.#generation) return cached;
    const route = this.#lookUp(sender, destinationId, port);
    if (sender.routeCount >= this.#limits.routesPerDomain) {
      sender.clearRoutes();
      ports = undefined;
    }
    if (ports === undefined) {
      ports = new Map();
      sender.routes.set(destinationId, ports);
    }
    if (!ports.has(port)) sender.routeCount++;
    ports.set(port, route);
    return route;
  }

  #lookUp(sender: DomainState, destinationId: number, port: number): Route {
    const { monitor, classes } = this.#policy;
    const destination = this.#byDomid.get(destinationId);
    const send =
      destination === undefined
        ? monitor.unknownDestination(sender.domain)
        : monitor.send(sender.domain, destination.domain);
    const base = { generation: this.#generation, destinationId, port, send };
    if (destination === undefined || !send.allowed) return { ...base, target: null };
    const serviceClass = classes.of(destination.domain, port);
    const inspector = INSPECTORS.get(serviceClass.inspector);
    invariant(
      inspector !== undefined,
      `no inspector ${serviceClass.inspector}: the policy loader should have refused it`,
    );
    const rings = destination.ports.get(port);
    const ring = rings?.byPartner.get(sender) ?? rings?.any ?? null;
    if (ring !== null) destination.outlet?.introduce(sender.domain.domid);
    return {
      ...base,
      target: {
        destination,
        serviceClass,
        inspector,
        vector: monitor.vector(sender.domain, destination.domain, serviceClass),
        malformed: monitor.malformed(sender.domain, destination.domain, serviceClass),
        ring,
        share: ring?.shareOf(sender) ?? null,
        flows: [],
      },
    };
  }

  #count(target: Target, permission: number, permit: Permit, port: number, bytes: number): void {
    const flow = target.flows[permission] ?? this.#openFlow(target, permission, permit, port);
    flow.messages++;
    flow.bytes += bytes;
    this.counters.messages++;
    this.counters.bytes += bytes;
    if (permit.auditallow) this.#recorder.record({ event: 'send.allowed', by: permit, port, bytes });
  }

  #openFlow(target: Target, permission: number, permit: Permit, port: number): FlowCounter {
    const flow = this.#recorder.flow(permit, port);
    target.flows[permission] = flow;
    target.ring?.countedPermits.add(permit);
    return flow;
  }

  #endFlows(ring: Ring): void {
    for (const permit of ring.countedPermits) this.#recorder.endFlow(permit, ring.port);
    ring.countedPermits.clear();
  }

  #refuse(status: number): number {
    this.refused.recorded = false;
    this.refused.maxMessageSize = 0;
    this.counters.refused[status] = (this.counters.refused[status] ?? 0) + 1;
    return status;
  }

  #refuseDenied(
    sender: DomainState,
    denial: Denial,
    port: number | null,
    length: number,
    status: typeof Status.EACCES | typeof Status.EPERM | typeof Status.EINVAL,
  ): number {
    this.#recorder.denied(denial, port, length - DATA_FRAME_HEADER_BYTES, sender.denialContext);
    this.#refuse(status);
    this.refused.recorded = true;
    return status;
  }

  #denied(caller: DomainState, denial: Denial, port: number | null): Answer {
    this.#recorder.denied(denial, port, 0, caller.denialContext);
    this.counters.refused[Status.EACCES] = (this.counters.refused[Status.EACCES] ?? 0) + 1;
    return { status: Status.EACCES, value: 0, recorded: true };
  }
}

function findRing(rings: PortRings | undefined, partner: DomainState | null): Ring | null {
  if (rings === undefined) return null;
  return partner === null ? rings.any : (rings.byPartner.get(partner) ?? null);
}
