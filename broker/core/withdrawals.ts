/**
 * Withdrawals: a new revision also applies to messages that were accepted under the old one and are still queued in the
 * broker, unsealed. Each of them is decided again by the same hooks. The broker drops those that are now denied,
 * notifies their senders, and records how many. Runs once per revision, off the hot path.
 */
import type { CompiledPolicy, Denial } from '../../policy/contract/index.ts';
import type { Recorder } from '../record/index.ts';
import { DATA_FRAME_HEADER_BYTES, DataField, Op } from '../wire/index.ts';
import type { CoreState } from './core-state.ts';
import type { DomainState } from './domain-state.ts';
import type { AddressChoice } from './inspectors/index.ts';
import { mediate, mediationOf } from './mediation.ts';
import type { Ring } from './rings/ring.ts';

interface Withdrawn {
  readonly sender: DomainState | null;
  readonly destinationId: number;
  readonly port: number;
  readonly denial: Denial;
  messages: number;
  bytes: number;
}

export class Withdrawals {
  readonly #policy: CompiledPolicy;
  readonly #neighbours: AddressChoice;
  readonly #domainById: (domid: number) => DomainState | undefined;
  readonly #recorder: Recorder;
  readonly #wake: (ring: Ring) => void;
  readonly #withdrawn = new Map<Denial, Map<number, Withdrawn>>();
  readonly #verdicts = new Map<Ring, boolean[]>();

  /**
   * @param domainById the domain that had the domid when the message was accepted. If the domid now belongs to another
   *   domain, the message must get neither the rights nor the name of that new owner.
   * @param wake called for each ring that may have gained room
   */
  constructor(
    { policy, neighbours, recorder }: Pick<CoreState, 'policy' | 'neighbours' | 'recorder'>,
    domainById: (domid: number) => DomainState | undefined,
    wake: (ring: Ring) => void,
  ) {
    this.#policy = policy;
    this.#neighbours = neighbours;
    this.#domainById = domainById;
    this.#recorder = recorder;
    this.#wake = wake;
  }

  /**
   * True when the deliver frame at `frames[start, end)`, queued for `receiver`, may still be sent. Call this for every
   * queued frame in order, then call `settle`, which relies on it: the newest messages of a ring are exactly its queued
   * ones.
   */
  keeps(receiver: DomainState, frames: Uint8Array, start: number, end: number): boolean {
    const view = new DataView(frames.buffer, frames.byteOffset + start, end - start);
    // The ring is closed. Its senders were notified about their messages at that time.
    const ring = receiver.ringsByHandle.get(view.getUint32(DataField.id, true));
    if (ring === undefined) return false;
    const port = view.getUint32(DataField.destinationPort, true);
    const sender = this.#domainById(view.getUint16(DataField.source, true)) ?? null;
    const denial = this.#denial(sender, receiver, port, frames, start + DATA_FRAME_HEADER_BYTES, end);
    let verdicts = this.#verdicts.get(ring);
    if (verdicts === undefined) {
      verdicts = [];
      this.#verdicts.set(ring, verdicts);
    }
    verdicts.push(denial === null);
    if (denial !== null) this.#note(sender, receiver, port, denial, end - start - DATA_FRAME_HEADER_BYTES);
    return denial === null;
  }

  /** Releases the ring space of the dropped messages and wakes the senders that waited for it: no credit will come. */
  settle(): void {
    for (const [ring, verdicts] of this.#verdicts) {
      ring.withdraw(verdicts);
      this.#wake(ring);
    }
    this.#verdicts.clear();
  }

  #denial(
    sender: DomainState | null,
    receiver: DomainState,
    port: number,
    frames: Uint8Array,
    payloadStart: number,
    end: number,
  ): Denial | null {
    if (sender === null) return this.#policy.monitor.unknownDestination(receiver.domain);
    const mediation = mediationOf(this.#policy, this.#neighbours, sender.domain, receiver.domain, port);
    const decision = mediate(mediation, frames, payloadStart, end);
    return decision.allowed ? null : decision;
  }

  #note(sender: DomainState | null, receiver: DomainState, port: number, denial: Denial, bytes: number): void {
    let ports = this.#withdrawn.get(denial);
    if (ports === undefined) {
      ports = new Map();
      this.#withdrawn.set(denial, ports);
    }
    let entry = ports.get(port);
    if (entry === undefined) {
      entry = { sender, destinationId: receiver.domain.domid, port, denial, messages: 0, bytes: 0 };
      ports.set(port, entry);
    }
    entry.messages++;
    entry.bytes += bytes;
  }

  /** Notifies the senders and writes the audit records. Call once, after every session has been checked. */
  announce(): void {
    for (const ports of this.#withdrawn.values()) {
      for (const { sender, destinationId: domid, port, denial, messages, bytes } of ports.values()) {
        sender?.sink?.event({ op: Op.revoked, domid, port, messages, bytes });
        this.#recorder.record({ event: 'send.revoked', by: denial, port, messages, bytes, reason: denial.reason });
      }
    }
    this.#withdrawn.clear();
  }
}
