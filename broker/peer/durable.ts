/**
 * Opens a gate once the audit records from before it are on disk. While the log fails, the gates stay closed, so that
 * no peer sees an effect without its record. They are tried again when the log recovers.
 */
import type { Domain } from '../../policy/index.ts';
import type { AuditLog } from '../audit/index.ts';

export class DurableEffects {
  readonly #audit: AuditLog;
  #stalled: (() => void)[] = [];

  constructor(audit: AuditLog) {
    this.#audit = audit;
    audit.onHealth((isHealthy) => {
      if (!isHealthy) return;
      const retry = this.#stalled;
      this.#stalled = [];
      for (const run of retry) run();
    });
  }

  /** Runs `effect` once all records so far are durable. `source`: see AuditLog.whenDurable. */
  after(effect: () => void, source: Domain): void {
    this.#audit.whenDurable((ok) => this.#settle(ok, effect, () => this.after(effect, source)), source);
  }

  /** Runs `effect` once all queued records are durable. It does not wait for records that a flood holds back. */
  afterQueued(effect: () => void): void {
    this.#audit.whenWritten((ok) => this.#settle(ok, effect, () => this.afterQueued(effect)));
  }

  #settle(ok: boolean, effect: () => void, again: () => void): void {
    if (ok) effect();
    else this.#stalled.push(again);
  }
}
