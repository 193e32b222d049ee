/**
 * Records requests that the gate refused. Anyone who may open the shared socket can cause them at will, so equal ones
 * are recorded once a minute, with their exact count.
 */
import type { AuditLog } from '../audit/index.ts';
import type { Clock } from '../base/index.ts';
import { INCIDENT_QUIET_MS, MAX_INCIDENTS } from '../process/index.ts';
import type { Detail } from '../record/index.ts';
import { recordRequest } from './admin-requests.ts';

interface RefusedRequest {
  readonly code: string;
  readonly detail: Detail;
}

interface Waiting {
  readonly refusal: RefusedRequest;
  /** Those that are not in a record yet. */
  count: number;
  readonly cancel: () => void;
}

export class Refusals {
  readonly #audit: Pick<AuditLog, 'record'>;
  readonly #clock: Pick<Clock, 'after'>;
  readonly #waiting = new Map<string, Waiting>();

  constructor(audit: Pick<AuditLog, 'record'>, clock: Pick<Clock, 'after'>) {
    this.#audit = audit;
    this.#clock = clock;
  }

  /** @param cause refusals with one cause are equal */
  add(cause: string, refusal: RefusedRequest): void {
    const waiting = this.#waiting.get(cause);
    if (waiting !== undefined) {
      waiting.count += 1;
      return;
    }
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size >= MAX_INCIDENTS && oldest !== undefined) this.#end(oldest);
    this.#write(refusal, 1);
    const cancel = this.#clock.after(INCIDENT_QUIET_MS, () => this.#end(cause));
    this.#waiting.set(cause, { refusal, count: 0, cancel });
  }

  close(): void {
    for (const cause of [...this.#waiting.keys()]) this.#end(cause);
  }

  #end(cause: string): void {
    const waiting = this.#waiting.get(cause);
    if (waiting === undefined) return;
    waiting.cancel();
    this.#waiting.delete(cause);
    if (waiting.count > 0) this.#write(waiting.refusal, waiting.count);
  }

  #write({ code, detail }: RefusedRequest, count: number): void {
    recordRequest(this.#audit, { event: 'admin.refused', reason: code, detail: { ...detail, count } });
  }
}
