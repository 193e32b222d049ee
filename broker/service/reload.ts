/**
 * Puts a policy in force: made complete beside the running one, then swapped. A policy that fails any step leaves the old
 * one in force, says so loudly, and is recorded. Two things ask for it: the directory has changed, or the run-time grants
 * have; they take turns, each starting from what the one before has put in force.
 */
import {
  type Grant,
  loadPolicy,
  PolicyError,
  type PolicyRevision,
  type Revision,
  regrantPolicy,
  reloadPolicy,
} from '../../policy/index.ts';
import type { AuditLog } from '../audit/index.ts';
import { InvariantError } from '../base/index.ts';
import { type Argo, INSPECTORS } from '../core/index.ts';
import { BrokerError, type Logger } from '../process/index.ts';
import type { Entrances } from './entrances.ts';
import type { Sessions } from './sessions.ts';

export type ReloadResult =
  | { readonly ok: true; readonly revision: number; readonly changed: boolean }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Which grants shall be in force, and what the log is told before they are. */
export interface OverlayChange {
  readonly overlay: readonly Grant[];
  readonly record: (revision: number) => void;
}

/** The first load: throws, because a broker without a policy does not start. Nothing is granted yet. */
export function loadFirst(directory: string): Promise<PolicyRevision> {
  return loadPolicy(directory, { revision: 1 as Revision, inspectors: INSPECTORS });
}

export class PolicyReload {
  /** The policy in force with its files; the core holds the same object without them. */
  #inForce: PolicyRevision;
  readonly #argo: Argo;
  readonly #audit: AuditLog;
  readonly #sessions: Sessions;
  readonly #entrances: Entrances;
  readonly #log: Logger;
  #last: Promise<ReloadResult> = Promise.resolve({ ok: true, revision: 1, changed: false });
  /** Refused since start. */
  rejected = 0;

  constructor(
    first: PolicyRevision,
    argo: Argo,
    audit: AuditLog,
    sessions: Sessions,
    entrances: Entrances,
    log: Logger,
  ) {
    this.#inForce = first;
    this.#argo = argo;
    this.#audit = audit;
    this.#sessions = sessions;
    this.#entrances = entrances;
    this.#log = log;
  }

  get policy(): PolicyRevision {
    return this.#inForce;
  }

  /** Reads the directory again; grants stay. Never rejects. */
  run(): Promise<ReloadResult> {
    return this.#inTurn(() => this.#reload());
  }

  /** The files in force under other grants; `plan` is asked when its turn has come. Null = nothing to do. Never rejects. */
  regrant(plan: (inForce: readonly Grant[]) => OverlayChange | null): Promise<ReloadResult> {
    return this.#inTurn(() => this.#regrant(plan));
  }

  #inTurn(change: () => Promise<ReloadResult>): Promise<ReloadResult> {
    this.#last = this.#last.then(change).catch((error: unknown) => {
      // A broken invariant may have left the core between two revisions: nobody may be decided about by that.
      if (error instanceof InvariantError) {
        queueMicrotask(() => {
          throw error;
        });
      }
      return this.#reject(error);
    });
    return this.#last;
  }

  async #reload(): Promise<ReloadResult> {
    const { grants } = this.#inForce;
    let policy: PolicyRevision;
    try {
      // Must hold without any grant, so that taking them all back is always possible.
      const revision = this.#inForce.revision + 1;
      const loaded = await reloadPolicy(this.#inForce, { revision, inspectors: INSPECTORS });
      if (loaded === null) return this.#unchanged();
      await this.#entrances.prepare(loaded.domains.all);
      policy = this.#withGrants(loaded, grants);
    } catch (error) {
      return this.#reject(error);
    }
    const dropped = grants.filter((grant) => !includes(policy.grants, grant));
    const result = await this.#putInForce(policy, () => {
      for (const { domain, label } of dropped) {
        const src = this.#argo.domain(domain)?.domain;
        if (src === undefined) continue;
        const detail = { label, by: 'policy', from: policy.revision };
        this.#audit.record({ event: 'grant.revoke', src, reason: 'POLICY_CHANGED', detail });
      }
    });
    if (!result.ok) return result;
    await this.#entrances.sync(policy.domains.all).catch((error: unknown) => {
      this.#log.error({ err: error }, 'a socket of the new inventory could not be opened');
    });
    return result;
  }

  async #regrant(plan: (inForce: readonly Grant[]) => OverlayChange | null): Promise<ReloadResult> {
    const change = plan(this.#inForce.grants);
    if (change === null) return this.#unchanged();
    try {
      const policy = regrantPolicy(this.#inForce, this.#inForce.revision + 1, change.overlay);
      return await this.#putInForce(policy, () => change.record(policy.revision));
    } catch (error) {
      return this.#reject(error);
    }
  }

  /** All grants if the new files bear them; otherwise those that they bear, the older first. */
  #withGrants(policy: PolicyRevision, grants: readonly Grant[]): PolicyRevision {
    const attempt = (overlay: readonly Grant[]): PolicyRevision | null => {
      try {
        return regrantPolicy(policy, policy.revision, overlay);
      } catch (error) {
        if (error instanceof PolicyError) return null;
        throw error;
      }
    };
    const whole = attempt(grants);
    if (whole !== null) return whole;
    let best = policy;
    for (const grant of grants) best = attempt([...best.grants, grant]) ?? best;
    return best;
  }

  #unchanged(): ReloadResult {
    return { ok: true, revision: this.#inForce.revision, changed: false };
  }

  async #putInForce(policy: PolicyRevision, record: () => void): Promise<ReloadResult> {
    record();
    this.#audit.record({
      event: 'policy.load',
      revision: policy.revision,
      policy: policy.hash,
      detail: {
        assertions: policy.assertionsHash,
        rows: policy.rows,
        ...(policy.grants.length === 0
          ? {}
          : { grants: policy.grants.map(({ domain, label }) => `${domain} ${label}`) }),
      },
    });
    const isDurable = await new Promise<boolean>((resolve) => this.#audit.whenDurable(resolve));
    if (!isDurable) return this.#reject(new Error('the audit log cannot be written, so the old policy stays'));
    this.#adopt(policy);
    this.#log.info(
      { revision: policy.revision, policy: policy.hash.slice(0, 12), rows: policy.rows, grants: policy.grants.length },
      'policy in force',
    );
    return { ok: true, revision: policy.revision, changed: true };
  }

  #adopt(policy: PolicyRevision): void {
    const { removed, left, withdrawals } = this.#argo.adopt(policy);
    this.#inForce = policy;
    for (const state of removed) this.#sessions.end(state.domain.name, 'removed', 'left the inventory');
    for (const state of left) this.#sessions.end(state.domain.name, 'wrongHome', 'moved to another home');
    for (const peer of this.#sessions.peers()) {
      peer.filter((frames, start, end) => withdrawals.keeps(peer.state, frames, start, end));
      withdrawals.settle();
      peer.introduceAgain();
    }
    withdrawals.announce();
  }

  #reject(error: unknown): ReloadResult {
    this.rejected++;
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof PolicyError || error instanceof BrokerError ? error.code : 'ERR_POLICY_LOAD';
    this.#audit.record({ event: 'policy.reject', reason: code, detail: { message: message.slice(0, 1_000) } });
    this.#log.error({ code, message }, 'the new policy was refused; the old one stays in force');
    return { ok: false, code, message };
  }
}

function includes(grants: readonly Grant[], { domain, label }: Grant): boolean {
  return grants.some((each) => each.domain === domain && each.label === label);
}
