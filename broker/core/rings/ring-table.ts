/** The table of rings: opens and closes them, and notifies the affected domains. */
import { Op } from '../../wire/index.ts';
import type { CoreState } from '../core-state.ts';
import type { DomainState } from '../domain-state.ts';
import { maySend } from '../mediation.ts';
import { Ring, type RingBinding } from './ring.ts';

export class RingTable {
  readonly #core: CoreState;

  constructor(core: CoreState) {
    this.#core = core;
  }

  /** The ring of exactly this partner; for null, the wildcard ring. */
  find(owner: DomainState, port: number, partner: DomainState | null): Ring | null {
    const rings = owner.ports.get(port);
    if (rings === undefined) return null;
    return partner === null ? rings.any : (rings.byPartner.get(partner) ?? null);
  }

  /** The caller has checked the permission, the limits, and that no such ring exists. */
  open(owner: DomainState, port: number, partner: DomainState | null, length: number, unread: number): Ring {
    const ring = new Ring(owner.nextHandle++, owner, port, partner, length, this.#binding(owner, port), unread);
    let rings = owner.ports.get(port);
    if (rings === undefined) {
      rings = { any: null, byPartner: new Map() };
      owner.ports.set(port, rings);
    }
    if (partner === null) rings.any = ring;
    else rings.byPartner.set(partner, ring);
    owner.ringsByHandle.set(ring.handle, ring);
    owner.ringBytes += length;
    this.#core.generation++;
    return ring;
  }

  /** A new revision is in force: from now on the ring accepts only its permits. */
  bind(owner: DomainState, ring: Ring): void {
    ring.bind(this.#binding(owner, ring.port));
  }

  #binding(owner: DomainState, port: number): RingBinding {
    const { revision, classes } = this.#core.policy;
    return { revision, serviceClass: classes.of(owner.domain, port) };
  }

  /** `reason` null: the caller has already written the audit record. */
  close(owner: DomainState, ring: Ring, reason: string | null): void {
    const { port, partner } = ring;
    ring.close();
    const rings = owner.ports.get(port);
    if (rings !== undefined) {
      if (partner === null) rings.any = null;
      else rings.byPartner.delete(partner);
      if (rings.any === null && rings.byPartner.size === 0) owner.ports.delete(port);
    }
    owner.ringsByHandle.delete(ring.handle);
    owner.ringBytes -= ring.length;
    this.#core.generation++;
    this.endFlows(ring);
    if (reason !== null) {
      this.#core.recorder.record({
        event: 'ring.unregister',
        src: owner.domain,
        dst: partner?.domain ?? null,
        port,
        reason,
      });
    }
    this.#announceGone(ring);
    this.wakeHeldBack();
  }

  /** Notifies each sender once: the ring is gone, and this many of its messages may not have been consumed. */
  #announceGone(ring: Ring): void {
    const { domid } = ring.owner.domain;
    const waiting = new Set(ring.takeAllPending());
    for (const share of ring.activeShares()) {
      waiting.delete(share.sender);
      const { messages, bytes } = share;
      share.sender.sink?.event({ op: Op.peerGone, domid, port: ring.port, messages, bytes });
      const by = maySend(this.#core.policy, share.sender.domain, ring.owner.domain);
      this.#core.recorder.record({
        event: 'send.undelivered',
        by,
        port: ring.port,
        messages,
        ringBytes: bytes,
        reason: 'PEER_GONE',
      });
    }
    for (const domain of waiting) {
      domain.sink?.event({ op: Op.peerGone, domid, port: ring.port, messages: 0, bytes: 0 });
    }
  }

  /** There is room again: signals every waiting domain whose message fits now. */
  wake(ring: Ring): void {
    this.#signal(ring);
    this.wakeHeldBack();
  }

  #signal(ring: Ring): void {
    if (ring.pendingCount === 0) return;
    for (const domain of ring.takeSatisfied()) {
      domain.sink?.event({ op: Op.space, domid: ring.owner.domain.domid, port: ring.port });
    }
  }

  /**
   * A ring or a session released memory. An owner whose account was full may accept messages again, in its other rings
   * too.
   */
  wakeHeldBack(): void {
    for (const { name } of this.#core.accounts.takeReady()) {
      for (const ring of this.#core.byName.get(name)?.ringsByHandle.values() ?? []) this.#signal(ring);
    }
  }

  /** Closes the counters of allowed sends into this ring. */
  endFlows(ring: Ring): void {
    for (const permit of ring.countedPermits) this.#core.recorder.endFlow(permit, ring.port);
    ring.countedPermits.clear();
  }
}
