/** sendv: the only path of a message into a ring, and the order of its checks. */
import type { Denial, Permit } from '../../policy/contract/index.ts';
import { invariant } from '../base/index.ts';
import type { FlowCounter } from '../record/index.ts';
import { DATA_FRAME_HEADER_BYTES, DataField, DOMID_ANY, Op, SEND_FLAGS_MASK, SendFlag, Status } from '../wire/index.ts';
import type { CoreState } from './core-state.ts';
import type { DomainState } from './domain-state.ts';
import { decide, permissionOf } from './mediation.ts';
import { ACCEPTED, denial, refusal, type SendAnswer, type SendDecision, UNDECIDED } from './outcome.ts';
import { messageSize } from './rings/ring.ts';
import type { Target } from './route.ts';
import type { Routes } from './routes.ts';

/** Messages of one sender that a ring may hold before more of them count as sent to nobody. */
const MAX_UNREAD_USEFUL = 16_384;

export class Sending {
  readonly #core: CoreState;
  readonly #routes: Routes;

  constructor(core: CoreState, routes: Routes) {
    this.#core = core;
    this.#routes = routes;
  }

  /**
   * Sends the `sendv` frame in `frames[at, at + length)`; the caller has checked that the length fits the buffer. An
   * accepted frame is rewritten in place as a `deliver` frame, which the receiver's sink may then read
   * (FrameSink.deliver).
   *
   * The order is a security property; each step has a test that fails without it:
   *   log writable -> enable -> shape -> source is the session's domain, source port its own -> hook argo:send (an
   *   unknown destination is a denial, found by the same work) -> inspector -> hook of the service class -> ring, exact
   *   partner then ANY; if there is none and the destination is remote, its home decides (UNDECIDED) -> order gate ->
   *   strict: the log admits the record -> size -> quota -> space -> strict: record, hold the receiver -> account, rewrite,
   *   deliver -> audit
   */
  sendv(sender: DomainState, frames: Uint8Array, view: DataView, at: number, length: number): SendDecision {
    if (!this.#core.recorder.healthy) return this.#refuse(Status.EIO);
    if (!sender.enabled.allowed) return this.#refuseDenied(sender, sender.enabled, null, length, Status.EACCES);

    const flags = view.getUint8(at + DataField.flags);
    if ((flags & ~SEND_FLAGS_MASK) !== 0 || view.getUint16(at + DataField.reserved, true) !== 0) {
      return this.#refuse(Status.EINVAL);
    }
    // Peer-controlled: a frame may name a source only if that source is the session's own domain.
    const source = view.getUint16(at + DataField.source, true);
    const sourcePort = view.getUint32(at + DataField.sourcePort, true);
    const port = view.getUint32(at + DataField.destinationPort, true);
    if (
      (source !== sender.domain.domid && source !== DOMID_ANY) ||
      // Only the home broker of a domain knows its rings. For a remote sender, the home has made this check.
      (sourcePort !== 0 && sender.remote === null && !sender.ports.has(sourcePort))
    ) {
      const foreign = this.#core.policy.monitor.foreignSource(sender.domain);
      return this.#refuseDenied(sender, foreign, port, length, Status.EPERM);
    }

    const destination = view.getUint16(at + DataField.destination, true);
    let route = sender.lastRoute;
    if (
      route === null ||
      route.destinationId !== destination ||
      route.port !== port ||
      route.generation !== this.#core.generation
    ) {
      route = this.#routes.to(sender, destination, port);
      sender.lastRoute = route;
    }
    // Before the ring lookup: a denied sender must not learn whether destination or ring exist.
    const { send, service } = route.mediation;
    if (!send.allowed) return this.#refuseDenied(sender, send, port, length, Status.EACCES);
    if (send.permissive !== null) this.#note(send, sender, port, length);
    const target = route.target;
    invariant(service !== null && target !== null, 'an allowed route has a service and a target');

    const permission = permissionOf(service, frames, at + DATA_FRAME_HEADER_BYTES, at + length);
    const decision = decide(service, permission);
    if (!decision.allowed) {
      return this.#refuseDenied(sender, decision, port, length, permission < 0 ? Status.EINVAL : Status.EACCES);
    }
    const { ring, share } = target;
    if (ring === null || share === null) {
      // The home of the destination counts the flow.
      if (decision.permissive !== null) this.#note(decision, sender, port, length);
      return this.#withoutRing(sender, target, frames, view, at, length);
    }

    if ((flags & SendFlag.resume) !== 0) share.gate = null;
    else if ((flags & SendFlag.ordered) !== 0 && share.gate !== null && share.gate === sender.sink) {
      return this.#refuse(Status.EAGAIN);
    }
    const size = messageSize(length - DATA_FRAME_HEADER_BYTES);
    if (decision.strict && !this.#core.recorder.admitsStrict(decision)) {
      // The sender tries again later, as when the waiting list of the ring is full.
      if ((flags & SendFlag.ordered) !== 0) share.gate = sender.sink;
      return this.#refuse(Status.EBUSY);
    }
    const admission = ring.insert(decision, permission, share, size);
    if (admission !== 'accepted') {
      if (admission === 'too-big') {
        this.#countRefusal(Status.EMSGSIZE);
        return ring.tooBig;
      }
      if ((flags & SendFlag.ordered) !== 0) share.gate = sender.sink;
      return this.#refuse(ring.wait(sender, size) ? Status.EAGAIN : Status.EBUSY);
    }

    view.setUint8(at + DataField.op, Op.deliver);
    view.setUint8(at + DataField.flags, 0);
    view.setUint32(at + DataField.id, ring.handle, true);
    view.setUint16(at + DataField.source, sender.domain.domid, true);
    const sink = ring.owner.sink;
    invariant(sink !== null, 'a ring exists only while its owner has a session');
    if (decision.strict) {
      const payload = decision.digest ? frames.subarray(at + DATA_FRAME_HEADER_BYTES, at + length) : undefined;
      this.#core.recorder.strict(decision, port, length - DATA_FRAME_HEADER_BYTES, payload);
      sink.holdForRecords();
    }
    sink.deliver(frames, at, at + length);
    const isEach = decision.auditallow || send.auditallow;
    this.#count(sender, target, permission, decision, port, length - DATA_FRAME_HEADER_BYTES, share.messages, isEach);
    return ACCEPTED;
  }

  /** There is no ring here. A remote destination may have one at its home, which decides about the message again. */
  #withoutRing(
    sender: DomainState,
    target: Target,
    frames: Uint8Array,
    view: DataView,
    at: number,
    length: number,
  ): SendDecision {
    const { remote } = target.destination;
    // A message that another broker forwarded is not forwarded again: it goes from one home to one other home only.
    if (remote === null || sender.remote !== null) return this.#refuse(Status.ECONNREFUSED);
    const outcome = remote.forward(sender, frames, view, at, length);
    return outcome === UNDECIDED ? outcome : this.#refuse(outcome);
  }

  #count(
    sender: DomainState,
    target: Target,
    permission: number,
    permit: Permit,
    port: number,
    bytes: number,
    unread: number,
    isEach: boolean,
  ): void {
    const flow = target.flows[permission] ?? this.#openFlow(sender, target, permission, permit, port, bytes);
    flow.messages++;
    flow.bytes += bytes;
    this.#core.counters.messages++;
    this.#core.counters.bytes += bytes;
    if (isEach || permit.strict) {
      this.#core.counters.recorded++;
      if (!permit.strict) this.#core.recorder.record({ event: 'send.allowed', by: permit, port, bytes });
    } else if (unread <= MAX_UNREAD_USEFUL) this.#core.counters.useful++;
  }

  #openFlow(
    sender: DomainState,
    target: Target,
    permission: number,
    permit: Permit,
    port: number,
    bytes: number,
  ): FlowCounter {
    this.#core.note(permit, port, bytes, sender.denialContext);
    const flow = this.#core.recorder.flow(permit, port);
    target.flows[permission] = flow;
    target.ring?.countedPermits.add(permit);
    return flow;
  }

  #note(permit: Permit, sender: DomainState, port: number, length: number): void {
    this.#core.note(permit, port, length - DATA_FRAME_HEADER_BYTES, sender.denialContext);
  }

  #refuse(status: Status): SendAnswer {
    this.#countRefusal(status);
    return refusal(status);
  }

  #countRefusal(status: Status): void {
    this.#core.counters.refused[status] = (this.#core.counters.refused[status] ?? 0) + 1;
  }

  #refuseDenied(
    sender: DomainState,
    by: Denial,
    port: number | null,
    length: number,
    status: typeof Status.EACCES | typeof Status.EPERM | typeof Status.EINVAL,
  ): SendAnswer {
    this.#core.recorder.denied(by, port, length - DATA_FRAME_HEADER_BYTES, sender.denialContext);
    this.#countRefusal(status);
    return denial(status);
  }
}
