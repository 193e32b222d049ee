/**
 * The rings of one program, within its share. A ring has one program: two that read from it would each get half of it.
 * Credit is checked here as the broker checks it (whole messages from the front, and no more than were delivered), because
 * the broker ends the session of a domain that gives back anything else.
 */
import { Fifo } from '../../../../broker/base/index.ts';
import { type DomainFrame, MESSAGE_HEADER_BYTES, MSG_SLOT_BYTES, Op, Status } from '../../../../broker/wire/index.ts';
import type { SessionRelay } from '../../../sdk/index.ts';
import { PROGRAM_RING_BYTES, PROGRAM_RINGS } from '../limits.ts';

type Register = Extract<DomainFrame, { readonly op: typeof Op.registerRing }>;

interface ProgramRing {
  readonly port: number;
  readonly partner: number;
  readonly length: number;
  /** Ring bytes that the program brought along from an earlier session and has not given back. */
  carried: number;
  /** Ring bytes of each message that was delivered and not given back. */
  readonly delivered: Fifo<number>;
}

export class ProgramRings<Owner> {
  readonly #relay: SessionRelay;
  readonly #owners: Map<number, Owner>;
  readonly #owner: Owner;
  readonly #rings = new Map<number, ProgramRing>();
  #registering = 0;
  #registeringBytes = 0;
  #isClosed = false;

  /** `owners` says for all programs which of them has the ring with a handle. */
  constructor(relay: SessionRelay, owners: Map<number, Owner>, owner: Owner) {
    this.#relay = relay;
    this.#owners = owners;
    this.#owner = owner;
  }

  hasPort(port: number): boolean {
    for (const ring of this.#rings.values()) if (ring.port === port) return true;
    return false;
  }

  hasPartner(partner: number): boolean {
    for (const ring of this.#rings.values()) if (ring.partner === partner) return true;
    return false;
  }

  /** The handle of exactly this ring, or null. */
  find(port: number, partner: number): number | null {
    for (const [handle, ring] of this.#rings) if (ring.port === port && ring.partner === partner) return handle;
    return null;
  }

  /** Null = ask the broker; `registered` must follow. Otherwise the refusal. */
  mayRegister({ port, partner, length }: Register): Status | null {
    if (this.find(port, partner) === null) {
      if (this.#rings.size + this.#registering >= PROGRAM_RINGS) return Status.ENOSPC;
      let bytes = length + this.#registeringBytes;
      for (const ring of this.#rings.values()) bytes += ring.length;
      if (bytes > PROGRAM_RING_BYTES) return Status.ENOMEM;
    }
    this.#registering++;
    this.#registeringBytes += length;
    return null;
  }

  /** The broker has answered. @returns what the program is answered */
  registered({ port, partner, length, unread }: Register, status: Status, handle: number): Status {
    this.#registering--;
    this.#registeringBytes -= length;
    if (status !== Status.OK) return status;
    const owner = this.#owners.get(handle);
    if (this.#relay.hasRing(handle) || (owner !== undefined && owner !== this.#owner)) return Status.EEXIST;
    if (owner === this.#owner) return status;
    this.#owners.set(handle, this.#owner);
    this.#rings.set(handle, { port, partner, length, carried: unread, delivered: new Fifo() });
    if (this.#isClosed) this.#giveUp(handle);
    return status;
  }

  unregistered(handle: number, status: Status): Status {
    if (status === Status.OK) this.forget(handle);
    return status;
  }

  delivered(handle: number, payloadBytes: number): void {
    this.#rings.get(handle)?.delivered.push(occupiedBytes(payloadBytes));
  }

  /** False: not whole messages from the front. A credit may cross the message that says the ring is closed. */
  credit(handle: number, bytes: number): boolean {
    const ring = this.#rings.get(handle);
    if (ring === undefined) return true;
    const carried = Math.min(ring.carried, bytes);
    let left = bytes - carried;
    while (left > 0) {
      left -= ring.delivered.shift() ?? Number.POSITIVE_INFINITY;
      if (left < 0) return false;
    }
    ring.carried -= carried;
    this.#relay.tell({ op: Op.credit, ring: handle, bytes });
    return true;
  }

  /** The ring is closed, or the session is over. */
  forget(handle: number): void {
    this.#rings.delete(handle);
    this.#owners.delete(handle);
  }

  /** The program has gone: its rings go too. Until the broker has confirmed that, deliveries into them are dropped. */
  close(): void {
    this.#isClosed = true;
    for (const handle of [...this.#rings.keys()]) this.#giveUp(handle);
  }

  #giveUp(handle: number): void {
    const ring = this.#rings.get(handle);
    if (ring === undefined) return;
    const { port, partner } = ring;
    const forget = (): void => this.forget(handle);
    this.#relay.request({ op: Op.unregisterRing, id: 0, port, partner, pad: 0 }, forget, forget);
  }
}

/** Argo: a header of 16 bytes, then the payload rounded up to whole slots. */
function occupiedBytes(payloadBytes: number): number {
  return MESSAGE_HEADER_BYTES + ((payloadBytes + MSG_SLOT_BYTES - 1) & -MSG_SLOT_BYTES);
}
