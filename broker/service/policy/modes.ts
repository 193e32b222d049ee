/**
 * Modes: a domain is enforcing, or permissive for a limited time.
 *
 * The denials of a permissive domain by the rows are recorded and not enforced, as for SELinux's permissive types
 * (policy/decide/permissive.ts says what stays denied). There is no switch for all domains at once, no permissive mode
 * without an end, and none that outlives the broker: every domain is enforcing after a start.
 *
 * Each change is an ordinary revision. A domain becomes permissive only after that is on disk. It is enforcing again
 * before the call returns, and what waits in the broker is decided again.
 */
import { didYouMean } from '../../../policy/index.ts';
import type { AuditLog } from '../../audit/index.ts';
import type { Clock } from '../../base/index.ts';
import type { Argo } from '../../core/index.ts';
import {
  GRANT_LOOK_MS,
  GRANT_RETRY_MS,
  MAX_GRANT_TEXT,
  MAX_PERMISSIVE,
  MAX_PERMISSIVE_MS,
} from '../../process/index.ts';
import { type ReloadResult, refused } from './policy-change.ts';
import type { PolicyReload } from './reload.ts';

export interface PermissiveRequest {
  readonly domain: string;
  /** Milliseconds, 1 … MAX_PERMISSIVE_MS. */
  readonly forMs: number;
  /** Name of the admin, for the log: a claim of the caller. */
  readonly by: string;
  /** For the log; not empty. */
  readonly reason: string;
}

export interface EnforcingRequest {
  readonly domain: string;
  readonly by: string;
  readonly reason: string;
}

export interface PermissiveStatus {
  readonly domain: string;
  readonly by: string;
  readonly reason: string;
  /** RFC 3339. */
  readonly since: string;
  readonly until: string;
}

interface Entry {
  readonly request: PermissiveRequest;
  readonly since: number;
  /** The end on both clocks; the earlier one counts. A host that sleeps stops the one, and the other can be set. */
  readonly until: { readonly mono: number; readonly wall: number };
}

interface Pending {
  readonly domain: string;
  isTakenBack: boolean;
}

export class Modes {
  readonly #argo: Argo;
  readonly #audit: AuditLog;
  readonly #reload: PolicyReload;
  readonly #clock: Clock;
  /** Details. Only argo.policy.permissive says which domains are permissive. */
  readonly #entries = new Map<string, Entry>();
  /** Requests that are not in force yet. */
  readonly #pending = new Set<Pending>();
  #cancelLook: (() => void) | null = null;
  #isClosed = false;

  constructor(argo: Argo, audit: AuditLog, reload: PolicyReload, clock: Clock) {
    this.#argo = argo;
    this.#audit = audit;
    this.#reload = reload;
    this.#clock = clock;
  }

  /** The permissive domains, in the order in which they became so. */
  list(): PermissiveStatus[] {
    return this.#argo.policy.permissive.flatMap((domain) => {
      const entry = this.#entries.get(domain);
      if (entry === undefined) return [];
      const { by, reason } = entry.request;
      return [{ domain, by, reason, since: rfc3339(entry.since), until: rfc3339(entry.until.wall) }];
    });
  }

  /** For the control socket: with the names, so that a client can tell an enforcing domain from a mistyped one. */
  describe(): { readonly permissive: readonly PermissiveStatus[]; readonly domains: readonly string[] } {
    return { permissive: this.list(), domains: this.#argo.policy.domains.all.map(({ name }) => name) };
  }

  /** Makes a domain permissive, or changes the end of its permissive mode. Never rejects. */
  async loosen(request: PermissiveRequest): Promise<ReloadResult> {
    const fault = this.#faultOf(request);
    if (fault !== null) return refused('ERR_BROKER_MODE', fault);
    const { domain, forMs, by, reason } = request;
    const pending: Pending = { domain, isTakenBack: false };
    this.#pending.add(pending);
    const result = await this.#reload.give((grants, permissive) => {
      const others = permissive.filter((name) => name !== domain);
      if (pending.isTakenBack) return refusal('the domain was made enforcing before it became permissive');
      if (others.length >= MAX_PERMISSIVE) return refusal(`${MAX_PERMISSIVE} domains are permissive; end one first`);
      return {
        overlay: grants,
        permissive: [...others, domain],
        record: (from) => {
          const src = this.#argo.domain(domain)?.domain;
          const detail = { by, why: reason, forMs, from };
          if (src !== undefined) this.#audit.record({ event: 'mode.set', src, reason: 'PERMISSIVE', detail });
        },
        isWanted: () => !pending.isTakenBack,
        attribution: { cause: 'modes', by, reason },
      };
    });
    this.#pending.delete(pending);
    if (!result.ok) return result;
    const [mono, wall] = [this.#clock.mono(), this.#clock.wall()];
    this.#entries.set(domain, { request, since: wall, until: { mono: mono + forMs, wall: wall + forMs } });
    this.#look();
    return result;
  }

  /** Enforces the denials of a domain again. Never rejects. `changed` is false when the domain was enforcing. */
  async tighten({ domain, by, reason }: EnforcingRequest): Promise<ReloadResult> {
    const unknown = this.#unknownName(domain);
    if (unknown !== null) return refused('ERR_BROKER_MODE', unknown);
    for (const pending of this.#pending) if (pending.domain === domain) pending.isTakenBack = true;
    return this.#end((name) => name === domain, by.slice(0, MAX_GRANT_TEXT), reason.slice(0, MAX_GRANT_TEXT));
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelLook?.();
  }

  async #end(isEnding: (domain: string) => boolean, by: string, reason: string): Promise<ReloadResult> {
    const result = await this.#reload.takeAway((grants, permissive) => {
      if (!permissive.some(isEnding)) return null;
      return {
        overlay: grants,
        permissive: permissive.filter((name) => !isEnding(name)),
        // reload.ts records the end itself: a new policy can end a permissive mode as well.
        record: () => {},
        attribution: { cause: 'modes', by, reason },
      };
    });
    this.#look();
    return result;
  }

  #faultOf({ domain, forMs, by, reason }: PermissiveRequest): string | null {
    const unknown = this.#unknownName(domain);
    if (unknown !== null) return unknown;
    if (!(Number.isInteger(forMs) && forMs >= 1 && forMs <= MAX_PERMISSIVE_MS))
      return `a domain is permissive for at most ${MAX_PERMISSIVE_MS / 3_600_000} h, and always for a stated time (--for)`;
    if (reason.trim() === '') return 'permissive mode needs a reason (--reason), for the audit log';
    if (by.length > MAX_GRANT_TEXT || reason.length > MAX_GRANT_TEXT)
      return `name and reason have at most ${MAX_GRANT_TEXT} characters`;
    return null;
  }

  #unknownName(domain: string): string | null {
    const { domains } = this.#reload.policy;
    if (domains.byName(domain) !== undefined) return null;
    const names = domains.all.map(({ name }) => name);
    return `unknown domain "${domain}"${didYouMean(domain, names)}`;
  }

  /** Schedules the check for ended modes. */
  #look(): void {
    this.#cancelLook?.();
    this.#cancelLook = null;
    const inForce = new Set(this.#argo.policy.permissive);
    for (const name of [...this.#entries.keys()]) if (!inForce.has(name)) this.#entries.delete(name);
    if (this.#isClosed || this.#entries.size === 0) return;
    this.#comeBack(GRANT_LOOK_MS);
  }

  async #endDue(): Promise<void> {
    this.#cancelLook = null;
    const [mono, wall] = [this.#clock.mono(), this.#clock.wall()];
    const isOver = (name: string): boolean => {
      const until = this.#entries.get(name)?.until;
      return until !== undefined && (until.mono <= mono || until.wall <= wall);
    };
    if (!this.#argo.policy.permissive.some(isOver)) return this.#look();
    const result = await this.#end(isOver, 'broker', 'EXPIRED');
    if (!result.ok && !this.#isClosed) this.#comeBack(GRANT_RETRY_MS);
  }

  #comeBack(delayMs: number): void {
    this.#cancelLook?.();
    this.#cancelLook = this.#clock.after(delayMs, () => void this.#endDue());
  }
}

function refusal(text: string): { readonly refusal: string; readonly code: string } {
  return { refusal: text, code: 'ERR_BROKER_MODE' };
}

function rfc3339(wall: number): string {
  return new Date(wall).toISOString();
}
