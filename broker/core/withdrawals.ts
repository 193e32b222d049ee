/**
 * What a new revision takes back: messages that were accepted under the old one and still lie unsealed in the broker are
 * decided again, each by the same hooks, and those that are now denied are dropped, with the sender told and the log
 * recording how many. Runs once per revision, off the hot path.
 */
import type { CompiledPolicy, Denial } from '../../policy/contract/index.ts';
import type { Recorder } from '../record/index.ts';
import { DATA_FRAME_HEADER_BYTES, DataField, Op } from '../wire/index.ts';
import type { DomainState } from './domain-state.ts';
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
  readonly #domainById: (domid: number) => DomainState | undefined;
  readonly #recorder: Recorder;
  readonly #wake: (ring: Ring) => void;
  readonly #withdrawn = new Map<Denial, Map<number, Withdrawn>>();
  readonly #verdicts = new Map<Ring, boolean[]>();

  /**
   * @param domainById who had the domid when the message was accepted: one that has since been given to somebody else
   *   must not lend its new owner's rights to the message, nor its name
   * @param wake called for each ring that may have got room
   */
  constructor(
    policy: CompiledPolicy,
    domainById: (domid: number) => DomainState | undefined,
    recorder: Recorder,
    wake: (ring: Ring) => void,
  ) {
    this.#policy = policy;
    this.#domainById = domainById;
    this.#recorder = recorder;
    this.#wake = wake;
  }

  /**
   * True when the deliver frame at `frames[start, end)`, queued for `receiver`, may still go out. Ask for every queued
   * frame in order, then call `settle`: a ring's newest messages are exactly its queued ones.
   */
  keeps(receiver: DomainState, frames: Uint8Array, start: number, end: number): boolean {
    const view = new DataView(frames.buffer, frames.byteOffset + start, end - start);
    // A closed ring's messages were announced with its closing.
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

  /** Takes the dropped messages out of their rings' accounts, and wakes who waited for the room: no credit will do it. */
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
    const mediation = mediationOf(this.#policy, sender.domain, receiver.domain, port);
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

  /** Tells the senders and the log. Call once, when every session has been gone through. */
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
