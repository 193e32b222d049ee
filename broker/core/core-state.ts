/** State that the parts of the core share: the policy in force, the declared domains, and the recorder of decisions. */
import type { CompiledPolicy, Decision } from '../../policy/contract/index.ts';
import type { DenialContext, Recorder } from '../record/index.ts';
import { Accounts } from './accounts.ts';
import { type Counters, newCounters } from './counters.ts';
import type { DomainState } from './domain-state.ts';
import { Neighbours } from './inspectors/index.ts';
import type { RemoteBrokerOf } from './remote-broker.ts';

export interface CoreLimits {
  /** Sum of the lengths of one domain's rings, bytes. */
  readonly ringBytesPerDomain: number;
  /** Cached (destination, port) look-ups per domain. A full cache is emptied. */
  readonly routesPerDomain: number;
  /** Bytes of broker memory that all domains together may use: see accounts.ts. */
  readonly memoryBytes: number;
}

export class CoreState {
  policy: CompiledPolicy;
  /** Grows whenever a look-up could now give another result; routes of an older generation are looked up again. */
  generation = 0;
  readonly recorder: Recorder;
  readonly limits: CoreLimits;
  readonly remoteOf: RemoteBrokerOf;
  readonly counters: Counters = newCounters();
  readonly accounts: Accounts;
  /** The IPv6 addresses that domains chose. */
  readonly neighbours = new Neighbours();
  /** Every declared domain, connected or not. */
  readonly byName = new Map<string, DomainState>();
  readonly byDomid = new Map<number, DomainState>();

  /** Permits whose unenforced denial is recorded already. A permit belongs to one revision. */
  readonly #noted = new WeakSet<Decision>();

  constructor(policy: CompiledPolicy, recorder: Recorder, limits: CoreLimits, remoteOf: RemoteBrokerOf) {
    this.policy = policy;
    this.recorder = recorder;
    this.limits = limits;
    this.accounts = new Accounts(limits.memoryBytes);
    this.remoteOf = remoteOf;
  }

  /**
   * Records the denial that a permissive domain would have had: once for each request and revision, as Flask logs it once
   * until its cache is flushed. The records of its flows count every message.
   */
  note(decision: Decision, port: number | null, bytes: number, context: DenialContext): void {
    if (!decision.allowed || decision.permissive === null || this.#noted.has(decision)) return;
    this.#noted.add(decision);
    this.recorder.denied(decision.permissive, port, bytes, { ...context, permissive: true });
  }
}
