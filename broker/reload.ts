/**
 * Puts a policy in force: loaded complete beside the running one, then swapped. A policy that fails any step leaves the
 * old one in force, says so loudly, and is recorded.
 */
import { loadPolicy, PolicyError, type PolicyRevision, type Revision } from '../policy/index.ts';
import type { AuditLog } from './audit/index.ts';
import { type Argo, INSPECTORS } from './core/index.ts';
import type { DomainListeners } from './listeners.ts';
import type { Logger } from './log.ts';
import type { Sessions } from './sessions.ts';

export type ReloadResult =
  | { readonly ok: true; readonly revision: number; readonly changed: boolean }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** The first load: throws, because a broker without a policy does not start. */
export function loadFirst(directory: string): Promise<PolicyRevision> {
  return loadPolicy(directory, { revision: 1 as Revision, inspectors: INSPECTORS });
}

export class PolicyReload {
  readonly #directory: string;
  readonly #argo: Argo;
  readonly #audit: AuditLog;
  readonly #sessions: Sessions;
  readonly #listeners: DomainListeners;
  readonly #log: Logger;
  /** Reloads one after the other: each starts from what the one before has put in force. */
  #last: Promise<ReloadResult> = Promise.resolve({ ok: true, revision: 1, changed: false });
  rejected = 0;

  constructor(
    directory: string,
    argo: Argo,
    audit: AuditLog,
    sessions: Sessions,
    listeners: DomainListeners,
    log: Logger,
  ) {
    this.#directory = directory;
    this.#argo = argo;
    this.#audit = audit;
    this.#sessions = sessions;
    this.#listeners = listeners;
    this.#log = log;
  }

  /** Never rejects. */
  run(): Promise<ReloadResult> {
    this.#last = this.#last.then(() => this.#reload());
    return this.#last;
  }

  async #reload(): Promise<ReloadResult> {
    const revision = (this.#argo.policy.revision + 1) as Revision;
    let policy: PolicyRevision;
    try {
      policy = await loadPolicy(this.#directory, { revision, inspectors: INSPECTORS });
    } catch (error) {
      return this.#reject(error);
    }
    if (policy.hash === this.#argo.policy.hash)
      return { ok: true, revision: this.#argo.policy.revision, changed: false };
    this.#audit.record({
      event: 'policy.load',
      revision: policy.revision,
      policy: policy.hash,
      detail: { assertions: policy.assertionsHash, rows: policy.rows },
    });
    const isDurable = await new Promise<boolean>((resolve) => this.#audit.whenDurable(resolve));
    if (!isDurable) return this.#reject(new Error('the audit log cannot be written, so the old policy stays'));
    this.#adopt(policy);
    await this.#listeners.sync(policy.domains.all.map(({ name }) => name)).catch((error: unknown) => {
      this.#log.error({ err: error }, 'a socket of the new inventory could not be opened');
    });
    this.#log.info(
      { revision: policy.revision, policy: policy.hash.slice(0, 12), rows: policy.rows },
      'policy in force',
    );
    return { ok: true, revision: policy.revision, changed: true };
  }

  #adopt(policy: PolicyRevision): void {
    const { removed, withdrawals } = this.#argo.adopt(policy);
    for (const state of removed) this.#sessions.end(state.domain.name, 'removed', 'left the inventory');
    for (const peer of this.#sessions.peers()) {
      peer.filter((frames, start, end) => withdrawals.keeps(peer.state, frames, start, end));
      withdrawals.settle();
    }
    withdrawals.announce();
  }

  #reject(error: unknown): ReloadResult {
    this.rejected++;
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof PolicyError ? error.code : 'ERR_POLICY_LOAD';
    this.#audit.record({ event: 'policy.reject', reason: code, detail: { message: message.slice(0, 1_000) } });
    this.#log.error({ code, message }, 'the new policy was refused; the old one stays in force');
    return { ok: false, code, message };
  }
}
