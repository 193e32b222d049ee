/**
 * Opens gates once the audit log has brought what was recorded before them to disk. When it cannot, the gates stay
 * closed, so nothing of what they hold back is ever seen without its record, and are tried again when the log recovers.
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

  /** Runs `effect` once all that was recorded so far is durable. `source`: see AuditLog.whenDurable. */
  after(effect: () => void, source: Domain): void {
    this.#audit.whenDurable((ok) => {
      if (ok) effect();
      else this.#stalled.push(() => this.after(effect, source));
    }, source);
  }
}
