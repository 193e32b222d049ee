/**
 * A ring: a domain's receive buffer at (port, partner). The bytes themselves travel to the owner as soon as they are
 * accepted. Only their account stays here, so that the broker never accepts more than the owner has room for.
 *
 * Invariants, asserted by test/core/ring.test.ts after every step against a naive list:
 *   used = unread carried over + the sum of the ledger; 0 <= used <= length - 16
 *   (one slot always stays free, as in Argo, so that a ring of length L takes messages up to L - 32)
 *   each waiting domain has at most one pending entry, and there are at most MAX_PENDING_PER_RING
 *   the owner's account is charged with the memory that the messages really use in the broker: an empty message counts
 *   16 ring bytes, as in Argo, but uses 52
 */
import { Permit, type Revision, type ServiceClass } from '../../../policy/contract/index.ts';
import { invariant } from '../../base/index.ts';
import {
  DATA_FRAME_HEADER_BYTES,
  MAX_PENDING_PER_RING,
  MESSAGE_HEADER_BYTES,
  MSG_SLOT_BYTES,
} from '../../wire/index.ts';
import type { DomainBase } from '../domain-base.ts';
import { type SendAnswer, tooBig } from '../outcome.ts';
import { LEDGER_ENTRY_BYTES, Ledger } from './ledger.ts';
import { Share } from './share.ts';

/** Ring bytes that a payload occupies: header and whole slots (`ROUNDUP_MESSAGE` in xen argo.c). */
export function messageSize(payloadBytes: number): number {
  return MESSAGE_HEADER_BYTES + Math.ceil(payloadBytes / MSG_SLOT_BYTES) * MSG_SLOT_BYTES;
}

/** Broker memory for a message of `size` ring bytes, until its owner has consumed it. */
function heldBytes(size: number): number {
  return size + MESSAGE_HELD_BYTES;
}

/** Largest payload that a ring of this length can ever take. */
export function maxPayload(length: number): number {
  return length - MESSAGE_HEADER_BYTES - MSG_SLOT_BYTES;
}

/** Broker memory of an accepted message beyond its ring bytes: 12 more bytes of frame header, and its ledger entry. */
export const MESSAGE_HELD_BYTES = DATA_FRAME_HEADER_BYTES - MESSAGE_HEADER_BYTES + LEDGER_ENTRY_BYTES;
/** Broker memory of an empty ring: its object, its first ledger, and its entries in the tables. */
export const RING_HELD_BYTES = 2_048;

export type Admission = 'accepted' | 'too-big' | 'over-share' | 'no-space';

/** The revision and class that a permit must have. Each revision replaces it. */
export interface RingBinding {
  readonly revision: Revision;
  /** The class of the ring's port at its owner. */
  readonly serviceClass: ServiceClass;
}

interface Pending {
  readonly domain: DomainBase;
  /** Ring bytes that the domain waits for. Only grows during the wait. */
  size: number;
}

export class Ring {
  readonly handle: number;
  readonly owner: DomainBase;
  readonly port: number;
  /** The only allowed sender; null = any sender that policy allows. */
  readonly partner: DomainBase | null;
  /** Bytes, a multiple of 16, MIN_RING_BYTES … MAX_RING_BYTES. */
  readonly length: number;
  isClosed = false;
  /** Permits whose use is counted for this ring's port. Closing the ring closes the counters. */
  readonly countedPermits = new Set<Permit>();
  readonly #ledger = new Ledger();
  readonly #shares = new Map<DomainBase, Share>();
  #pending: Pending[] = [];
  /**
   * Domains that were notified of space and have not sent since. Their part stays reserved, or the fastest sender would
   * take it all.
   */
  readonly #woken = new Set<DomainBase>();
  #used: number;
  /** Bytes that the owner had unread when it registered the ring again. They are freed first, in any portion. */
  #carried: number;
  #activeShares = 0;
  #revision: Revision;
  #serviceClass: ServiceClass;
  /** The answer to a message that is larger than the ring could ever take. */
  readonly tooBig: SendAnswer;

  constructor(
    handle: number,
    owner: DomainBase,
    port: number,
    partner: DomainBase | null,
    length: number,
    binding: RingBinding,
    unread = 0,
  ) {
    this.#revision = binding.revision;
    this.#serviceClass = binding.serviceClass;
    this.tooBig = tooBig(maxPayload(length));
    this.handle = handle;
    this.owner = owner;
    this.port = port;
    this.partner = partner;
    this.length = length;
    this.#carried = unread;
    this.#used = unread;
  }

  get used(): number {
    return this.#used;
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  get isEmpty(): boolean {
    return this.#used === 0;
  }

  /** Would a message of `size` ring bytes be accepted now? */
  hasRoom(share: Share, size: number): boolean {
    return this.#fits(size) && !this.#isOverShare(share, size) && this.owner.account.hasRoom(heldBytes(size));
  }

  /** Returns the one share of this sender, the same object for as long as the ring lives. */
  shareOf(sender: DomainBase): Share {
    let share = this.#shares.get(sender);
    if (share === undefined) {
      share = new Share(sender, (delta) => {
        this.#activeShares += delta;
      });
      this.#shares.set(sender, share);
    }
    return share;
  }

  /** Every sender with messages in this ring. */
  *activeShares(): Generator<Share> {
    for (const share of this.#shares.values()) if (share.messages > 0) yield share;
  }

  /** A new revision is in force: only its permits are accepted, and the port may belong to another class. */
  bind({ revision, serviceClass }: RingBinding): void {
    this.#revision = revision;
    this.#serviceClass = serviceClass;
  }

  /**
   * Adds a message to the account. This is the last gate, so it does not rely on earlier checks. It checks again that
   * the reference monitor made the permit under the revision in force, and that the permit is for exactly this share's
   * sender, this ring's owner, the class of this ring's port, and the permission that the inspector read from the
   * message.
   *
   * @param permission index into the permissions of the class
   */
  insert(permit: Permit, permission: number, share: Share, size: number): Admission {
    invariant(
      Permit.isGenuine(permit) &&
        permit.revision === this.#revision &&
        permit.source === share.sender.domain &&
        permit.destination === this.owner.domain &&
        permit.className === this.#serviceClass.name &&
        permit.permission === this.#serviceClass.permissions[permission],
      'stale or foreign permit',
    );
    if (size > this.length - MSG_SLOT_BYTES) return 'too-big';
    if (this.#isOverShare(share, size)) return 'over-share';
    if (!this.#fits(size) || !this.owner.account.charge(heldBytes(size))) return 'no-space';
    this.#used += size;
    this.#ledger.push(share, size, ++this.owner.deliveries);
    if (this.#woken.size > 0) this.#woken.delete(share.sender);
    return 'accepted';
  }

  /**
   * Fairness of a wildcard ring. Other senders count if they have bytes here, wait for room, or were just notified of
   * room. While there are others, a sender that already has bytes here is limited to its equal part. A sender with no
   * bytes here is never over its share, so a message of any legal size gets its turn.
   */
  #isOverShare(share: Share, size: number): boolean {
    if (this.partner !== null || share.messages === 0) return false;
    let others = this.#activeShares - 1;
    for (const waiting of this.#pending) if (this.#isWithout(waiting.domain, share.sender)) others++;
    for (const domain of this.#woken) if (this.#isWithout(domain, share.sender)) others++;
    return others > 0 && (share.bytes + size) * (others + 1) > this.length;
  }

  /** True for a domain other than `sender` that has no messages here, so `#activeShares` does not count it. */
  #isWithout(domain: DomainBase, sender: DomainBase): boolean {
    return domain !== sender && (this.#shares.get(domain)?.messages ?? 0) === 0;
  }

  /**
   * The owner has consumed `bytes`. Returns false when they do not end at a message of the front, or reach messages
   * that have not been sent to the owner yet.
   */
  release(bytes: number): boolean {
    const carried = Math.min(this.#carried, bytes);
    const before = this.#held;
    if (!this.#ledger.release(bytes - carried, this.owner.sink?.departed ?? 0)) return false;
    this.#carried -= carried;
    this.#used -= bytes;
    this.owner.account.release(before - this.#held);
    return true;
  }

  #fits(size: number): boolean {
    return this.#used + size <= this.length - MSG_SLOT_BYTES;
  }

  /** The charge to the owner's account for the messages here. Carried bytes are not charged: the owner holds them. */
  get #held(): number {
    return this.#used - this.#carried + this.#ledger.messages * MESSAGE_HELD_BYTES;
  }

  /** Closes the ring and releases its whole charge from the owner's account. */
  close(): void {
    invariant(!this.isClosed, 'a ring is closed once');
    this.isClosed = true;
    this.owner.account.release(this.#held + RING_HELD_BYTES);
  }

  /** Removes the revoked messages: those marked false among the newest `keep.length`, which are queued and unsealed. */
  withdraw(keep: readonly boolean[]): void {
    const before = this.#held;
    this.#used -= this.#ledger.filterNewest(keep);
    this.owner.account.release(before - this.#held);
  }

  /** Adds the domain's one pending entry, or raises it. Returns false when the waiting list is full (EBUSY). */
  wait(domain: DomainBase, size: number): boolean {
    this.#woken.delete(domain);
    if (this.#fits(size) && !this.owner.account.hasRoom(heldBytes(size))) this.owner.account.wait(heldBytes(size));
    for (const entry of this.#pending) {
      if (entry.domain !== domain) continue;
      entry.size = Math.max(entry.size, size);
      return true;
    }
    if (this.#pending.length >= MAX_PENDING_PER_RING) return false;
    this.#pending.push({ domain, size });
    return true;
  }

  /** Ends the domain's wait, and the reservation that a notification of space made for it. */
  cancelWait(domain: DomainBase): void {
    this.#woken.delete(domain);
    this.#pending = this.#pending.filter((entry) => entry.domain !== domain);
  }

  /** Removes and returns, oldest first, each waiting domain whose message now fits. One-shot, as in Argo. */
  takeSatisfied(): readonly DomainBase[] {
    if (this.#pending.length === 0) return [];
    const satisfied = this.#pending.filter((entry) => this.hasRoom(this.shareOf(entry.domain), entry.size));
    for (const { size } of this.#pending) {
      // The ring has room but the owner's account has none. The account may get room when another domain releases
      // memory.
      if (this.#fits(size) && !this.owner.account.hasRoom(heldBytes(size))) this.owner.account.wait(heldBytes(size));
    }
    for (const entry of satisfied) {
      this.cancelWait(entry.domain);
      this.#woken.add(entry.domain);
    }
    return satisfied.map((entry) => entry.domain);
  }

  /** Removes and returns every waiting domain: the ring is going away. */
  takeAllPending(): readonly DomainBase[] {
    const domains = this.#pending.map((entry) => entry.domain);
    this.#pending = [];
    return domains;
  }

  /** A domain left the inventory. Its messages in this ring stay readable. */
  forget(sender: DomainBase): void {
    this.cancelWait(sender);
    this.#shares.delete(sender);
  }
}
