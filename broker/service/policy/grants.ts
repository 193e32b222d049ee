/**
 * Grants: labels that domains get at run time, in addition to the policy's files, for a limited time or until revoked.
 *
 * The microphone, the speaker and the announcement of a route use the same mechanism. A grant is a `g` row in the
 * overlay of the policy. So it is refused when an assertion forbids the access that it would allow, and each change of
 * the overlay is an ordinary revision: recorded first, then swapped, then every queued frame is decided again. Grants
 * live in memory only: a restart of the broker ends them all.
 *
 * Revoking has priority: it is in force before the call returns, and it also stops a grant of the same label that is
 * still being recorded. A grant is recorded on disk before it is in force.
 *
 * A grant is valid for one start of the VM. It ends when the VM says goodbye, when a new session replaces the present
 * one (the broker sees this when a guest behind a serial port reboots), and when the VM has been away longer than
 * GRANT_GRACE_MS. A shorter interruption of the carrier does not end it. A grant that is given while the VM is away
 * waits for its next session. `keep` binds the grant to the name of the VM instead. A remote domain has no session here
 * that could end its grants, so its grants need a time limit or `keep`.
 *
 * An assertion cannot prevent a revocation: if the remaining grants alone would break an assertion, all of them are
 * revoked (reload.ts ensures that the files alone hold all assertions). A revocation can also allow something, when a
 * deny row names the label. Such a revocation is recorded first, like a grant, and retried until that succeeds; nothing
 * is sent before.
 */
import { didYouMean, type Grant } from '../../../policy/index.ts';
import type { AuditLog } from '../../audit/index.ts';
import type { Clock } from '../../base/index.ts';
import type { Argo } from '../../core/index.ts';
import {
  GRANT_GRACE_MS,
  GRANT_LOOK_MS,
  GRANT_RETRY_MS,
  MAX_GRANT_MS,
  MAX_GRANT_TEXT,
  MAX_GRANTS,
} from '../../process/index.ts';
import type { SessionWatcher } from '../sessions.ts';
import { type OverlayChange, type ReloadResult, refused } from './policy-change.ts';
import type { PolicyReload } from './reload.ts';

export interface GrantRequest extends Grant {
  /** Milliseconds, 1 … MAX_GRANT_MS; null = until revoked. */
  readonly forMs: number | null;
  /**
   * Name of the granting person, for the log. It is a claim of the caller: any process that may open the control
   * socket.
   */
  readonly by: string;
  /** The reason, for the log; may be empty. */
  readonly reason: string;
  /** Survives new starts of the VM. */
  readonly keep: boolean;
}

export interface RevokeRequest extends Grant {
  readonly by: string;
  readonly reason: string;
}

export interface GrantStatus extends Grant {
  readonly by: string;
  readonly reason: string;
  /** RFC 3339. */
  readonly grantedAt: string;
  /** RFC 3339; null = until revoked. */
  readonly expiresAt: string | null;
  readonly keep: boolean;
}

interface Entry {
  readonly request: GrantRequest;
  readonly grantedAt: number;
  /**
   * The end on both clocks; the earlier one counts. The monotonic clock stops while the host sleeps, and the wall clock
   * can step.
   */
  expiresAt: number;
  expiresOnWall: number;
}

interface Pending {
  readonly key: string;
  isTakenBack: boolean;
}

/** `why`: the text that a person gave. It is never interpreted as a code. */
interface Ending {
  readonly event: 'grant.revoke' | 'grant.expire';
  readonly by: string;
  readonly reason: 'REVOKED' | 'EXPIRED' | 'SESSION_ENDED' | 'ASSERTION';
  readonly why?: string;
}

export class Grants implements SessionWatcher {
  readonly #argo: Argo;
  readonly #audit: AuditLog;
  readonly #reload: PolicyReload;
  readonly #clock: Clock;
  /** Details of the grants. Only argo.policy.grants says which of them are in force. */
  readonly #entries = new Map<string, Entry>();
  /** Domains whose session was lost, and the time until which their grants stay. */
  readonly #away = new Map<string, number>();
  /** Grants that are not in force yet. */
  readonly #pending = new Set<Pending>();
  #cancelLook: (() => void) | null = null;
  #isClosed = false;

  constructor(argo: Argo, audit: AuditLog, reload: PolicyReload, clock: Clock) {
    this.#argo = argo;
    this.#audit = audit;
    this.#reload = reload;
    this.#clock = clock;
  }

  /** The grants in force, the oldest first. */
  list(): GrantStatus[] {
    return this.#argo.policy.grants.flatMap((grant) => {
      const entry = this.#entries.get(keyOf(grant));
      if (entry === undefined) return [];
      const { domain, label, by, reason, keep } = entry.request;
      const expiresAt = entry.expiresOnWall === Number.POSITIVE_INFINITY ? null : rfc3339(entry.expiresOnWall);
      return [{ domain, label, by, reason, grantedAt: rfc3339(entry.grantedAt), expiresAt, keep }];
    });
  }

  /** Adds a grant, or changes the end of an existing one. Never rejects. */
  async add(request: GrantRequest): Promise<ReloadResult> {
    const fault = this.#faultOf(request);
    if (fault !== null) return refused('ERR_BROKER_GRANT', fault);
    const { domain, label, forMs, by, reason, keep } = request;
    const pending: Pending = { key: keyOf(request), isTakenBack: false };
    this.#pending.add(pending);
    const result = await this.#reload.give((inForce) => {
      if (pending.isTakenBack) return { refusal: 'the grant was taken back before it came into force' };
      const others = without(inForce, request);
      if (others.length >= MAX_GRANTS) return { refusal: `${MAX_GRANTS} grants are in force; take one back first` };
      return {
        overlay: [...others, { domain, label }],
        record: (from) => this.#record('grant.add', request, 'GRANTED', { label, by, why: reason, forMs, keep, from }),
        isWanted: () => !pending.isTakenBack,
        attribution: { cause: 'grants', by, reason },
      };
    });
    this.#pending.delete(pending);
    if (!result.ok) return result;
    const now = this.#clock.mono();
    const wall = this.#clock.wall();
    const length = forMs ?? Number.POSITIVE_INFINITY;
    this.#entries.set(keyOf(request), {
      request,
      grantedAt: wall,
      expiresAt: now + length,
      expiresOnWall: wall + length,
    });
    this.#look();
    return result;
  }

  /** Revokes a grant. Never rejects. `changed` is false when there was no such grant. Refuses undeclared names. */
  async revoke(request: RevokeRequest): Promise<ReloadResult> {
    const unknown = this.#unknownName(request);
    if (unknown !== null) return refused('ERR_BROKER_GRANT', unknown);
    for (const pending of this.#pending) if (pending.key === keyOf(request)) pending.isTakenBack = true;
    return this.#end((grant) => keyOf(grant) === keyOf(request), {
      event: 'grant.revoke',
      by: request.by.slice(0, MAX_GRANT_TEXT),
      reason: 'REVOKED',
      why: request.reason.slice(0, MAX_GRANT_TEXT),
    });
  }

  // SessionWatcher

  sessionOpened(domain: string): void {
    this.#away.delete(domain);
  }

  sessionEnded(domain: string, reason: string): void {
    if (this.#isClosed || !this.#forgettable(domain)) return;
    // After a goodbye or a newer session the VM has restarted. Any other end may be a short failure of the carrier.
    const grace = reason === 'done' || reason === 'superseded' ? 0 : GRANT_GRACE_MS;
    if (grace === 0) void this.#endSession(domain);
    else {
      this.#away.set(domain, this.#clock.mono() + grace);
      this.#look();
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelLook?.();
  }

  /** Without this check, revoking a mistyped name would do nothing but report success. */
  #unknownName({ domain, label }: Grant): string | null {
    const { domains, labels } = this.#reload.policy;
    if (domains.byName(domain) === undefined)
      return `unknown domain "${domain}"${didYouMean(
        domain,
        domains.all.map(({ name }) => name),
      )}`;
    return labels.has(label) ? null : `unknown label "${label}"${didYouMean(label, labels.keys())}`;
  }

  #faultOf({ domain, forMs, by, reason, keep }: GrantRequest): string | null {
    const home = this.#argo.domain(domain);
    if (forMs === null && !keep && home !== undefined && home.remote !== null)
      return `the home of "${domain}" is "${home.domain.home}", and only that broker sees the domain restart: say how long (--for), or --keep`;
    if (forMs !== null && !(Number.isInteger(forMs) && forMs >= 1 && forMs <= MAX_GRANT_MS))
      return `a grant lasts 1 … ${MAX_GRANT_MS} ms, or until it is taken back`;
    if (by.length > MAX_GRANT_TEXT || reason.length > MAX_GRANT_TEXT)
      return `name and reason have at most ${MAX_GRANT_TEXT} characters`;
    return null;
  }

  #forgettable(domain: string): boolean {
    return this.#argo.policy.grants.some((grant) => grant.domain === domain && !this.#keeps(grant));
  }

  #keeps(grant: Grant): boolean {
    return this.#entries.get(keyOf(grant))?.request.keep === true;
  }

  #endSession(domain: string): Promise<ReloadResult> {
    this.#away.delete(domain);
    return this.#end((grant) => grant.domain === domain && !this.#keeps(grant), {
      event: 'grant.revoke',
      by: 'broker',
      reason: 'SESSION_ENDED',
    });
  }

  async #end(isEnding: (grant: Grant) => boolean, ending: Ending): Promise<ReloadResult> {
    let ended: readonly Grant[] = [];
    const plan =
      (isAll: boolean) =>
      (inForce: readonly Grant[]): OverlayChange | null => {
        ended = inForce.filter(isEnding);
        if (ended.length === 0) return null;
        const rest = inForce.filter((grant) => !isEnding(grant));
        return {
          overlay: isAll ? [] : rest,
          // A permissive domain must not prevent a revocation either.
          ...(isAll ? { permissive: [] } : {}),
          record: (from) => {
            for (const grant of ended) this.#recordEnd(grant, ending, from);
            if (!isAll) return;
            const closing: Ending = { event: 'grant.revoke', by: 'broker', reason: 'ASSERTION' };
            for (const grant of rest) this.#recordEnd(grant, closing, from);
          },
          attribution: { cause: 'grants', by: ending.by, reason: ending.why ?? ending.reason },
        };
      };
    let result = await this.#reload.takeAway(plan(false));
    if (!result.ok) result = await this.#reload.takeAway(plan(true));
    if (result.ok) this.#forgetEnded();
    // The log cannot be written: treat the grants as expired, and try again until their end can be recorded.
    else for (const grant of ended) this.#expireNow(grant);
    this.#look();
    return result;
  }

  #expireNow(grant: Grant): void {
    const entry = this.#entries.get(keyOf(grant));
    if (entry !== undefined) entry.expiresAt = Math.min(entry.expiresAt, this.#clock.mono());
  }

  #forgetEnded(): void {
    const inForce = new Set(this.#argo.policy.grants.map(keyOf));
    for (const key of [...this.#entries.keys()]) if (!inForce.has(key)) this.#entries.delete(key);
  }

  /**
   * Schedules the check for expired grants, at the time when the next one ends.
   *
   * @param handled ends up to this time are being dealt with already
   */
  #look(handled = Number.NEGATIVE_INFINITY): void {
    this.#cancelLook?.();
    this.#cancelLook = null;
    if (this.#isClosed) return;
    this.#forgetEnded();
    const now = this.#clock.mono();
    const ends = [...this.#entries.values()].map(({ expiresAt, expiresOnWall }) =>
      Math.min(expiresAt, expiresOnWall - this.#clock.wall() + now),
    );
    const next = Math.min(...[...ends, ...this.#away.values()].filter((end) => end > handled));
    if (next === Number.POSITIVE_INFINITY) return;
    this.#comeBack(next <= now ? 0 : Math.min(next - now, GRANT_LOOK_MS));
  }

  async #endDue(): Promise<void> {
    this.#cancelLook = null;
    const isOver = (grant: Grant): boolean => {
      const entry = this.#entries.get(keyOf(grant));
      if (entry === undefined) return false;
      return entry.expiresAt <= this.#clock.mono() || entry.expiresOnWall <= this.#clock.wall();
    };
    const ends: Promise<ReloadResult>[] = [];
    if (this.#argo.policy.grants.some(isOver))
      ends.push(this.#end(isOver, { event: 'grant.expire', by: 'broker', reason: 'EXPIRED' }));
    for (const [domain, deadline] of [...this.#away]) {
      if (deadline <= this.#clock.mono()) ends.push(this.#endSession(domain));
    }
    // Another grant may end while these are being recorded. These ones are not asked for again until that is done.
    this.#look(this.#clock.mono());
    const results = await Promise.all(ends);
    if (results.every(({ ok }) => ok) || this.#isClosed) return;
    this.#comeBack(GRANT_RETRY_MS);
  }

  #comeBack(delayMs: number): void {
    this.#cancelLook?.();
    this.#cancelLook = this.#clock.after(delayMs, () => void this.#endDue());
  }

  #recordEnd(grant: Grant, { event, by, reason, why }: Ending, from: number): void {
    const detail = { label: grant.label, by, from, ...(why === undefined ? {} : { why }) };
    this.#record(event, grant, reason, detail);
  }

  #record(
    event: 'grant.add' | Ending['event'],
    { domain }: Grant,
    reason: string,
    detail: Readonly<Record<string, string | number | boolean | null>>,
  ): void {
    // The domain is always known here: the compiler refuses unknown domains before anything is recorded.
    const src = this.#argo.domain(domain)?.domain;
    if (src !== undefined) this.#audit.record({ event, src, reason, detail });
  }
}

function keyOf({ domain, label }: Grant): string {
  return `${domain} ${label}`;
}

function without(grants: readonly Grant[], { domain, label }: Grant): Grant[] {
  return grants.filter((each) => each.domain !== domain || each.label !== label);
}

function rfc3339(wall: number): string {
  return new Date(wall).toISOString();
}
