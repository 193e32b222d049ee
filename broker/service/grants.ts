/**
 * Grants: labels that domains get at run time, on top of the policy's files, for a while or until they are taken back.
 *
 * The microphone, the speaker, the announcement of a route: one mechanism. A grant is a `g` row in the overlay of the
 * policy, so it is refused when an assertion forbids what it would allow, and each change of the overlay is a revision
 * like any other: recorded first, then swapped, then every frame that waits is decided again. Grants live in memory
 * only: after a restart of the broker nothing is granted.
 *
 * Taking back comes first: it is in force before the call returns, and it also stops a grant of the same label that is still
 * being recorded. Giving is recorded on disk first.
 *
 * A grant counts for one start of the VM. It ends when the VM says goodbye, when a new session displaces the one that is
 * there (a guest that rebooted behind a serial port looks like this), and when the VM has been away longer than
 * GRANT_GRACE_MS; a carrier that breaks for less leaves it alone. One given while the VM is away waits for its next
 * session. `keep` binds the grant to the name of the VM instead. A domain that is at home at another broker has no session
 * here to end with, so its grants here say when they end, or are kept.
 *
 * Taking back cannot fail because of an assertion: if the remaining grants alone would break one, all of them go (the files
 * hold without any; reload.ts makes sure of that). One that allows something, because a deny row names the label, is
 * recorded first like a grant, and tried again until it can be; nothing is sent before.
 */
import { didYouMean, type Grant } from '../../policy/index.ts';
import type { AuditLog } from '../audit/index.ts';
import type { Clock } from '../base/index.ts';
import type { Argo } from '../core/index.ts';
import {
  GRANT_GRACE_MS,
  GRANT_LOOK_MS,
  GRANT_RETRY_MS,
  MAX_GRANT_MS,
  MAX_GRANT_TEXT,
  MAX_GRANTS,
} from '../process/index.ts';
import type { OverlayChange, ReloadResult } from './policy-change.ts';
import type { PolicyReload } from './reload.ts';
import type { SessionWatcher } from './sessions.ts';

export interface GrantRequest extends Grant {
  /** Milliseconds, 1 … MAX_GRANT_MS; null = until taken back. */
  readonly forMs: number | null;
  /** Who grants, for the log; claimed by the caller, who is whoever may open the control socket. */
  readonly by: string;
  /** Why, for the log; may be empty. */
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
  /** RFC 3339; null = until taken back. */
  readonly expiresAt: string | null;
  readonly keep: boolean;
}

interface Entry {
  readonly request: GrantRequest;
  readonly grantedAt: number;
  /** On both clocks, whichever comes first: the monotonic one stands still while the host sleeps, the wall's may step. */
  expiresAt: number;
  expiresOnWall: number;
}

interface Pending {
  readonly key: string;
  isTakenBack: boolean;
}

/** `why`: what a person said, which is never taken for a code. */
interface Ending {
  readonly event: 'grant.revoke' | 'grant.expire';
  readonly by: string;
  readonly reason: 'REVOKED' | 'EXPIRED' | 'SESSION_ENDED' | 'ASSERTION';
  readonly why?: string;
}

const refused = (code: string, message: string): ReloadResult => ({ ok: false, code, message });

export class Grants implements SessionWatcher {
  readonly #argo: Argo;
  readonly #audit: AuditLog;
  readonly #reload: PolicyReload;
  readonly #clock: Clock;
  /** Details of what is in force; argo.policy.grants says what is. */
  readonly #entries = new Map<string, Entry>();
  /** Domains whose session was lost, and until when their grants wait for them. */
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

  /** What is in force, in the order in which it was granted. */
  list(): GrantStatus[] {
    return this.#argo.policy.grants.flatMap((grant) => {
      const entry = this.#entries.get(keyOf(grant));
      if (entry === undefined) return [];
      const { domain, label, by, reason, keep } = entry.request;
      const expiresAt = entry.expiresOnWall === Number.POSITIVE_INFINITY ? null : rfc3339(entry.expiresOnWall);
      return [{ domain, label, by, reason, grantedAt: rfc3339(entry.grantedAt), expiresAt, keep }];
    });
  }

  /** Grants, or gives what is granted already a new end. Never rejects. */
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

  /** Takes back. Never rejects; `changed` is false when it was not granted. A name that is not declared is refused. */
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
    // A goodbye, or somebody new in its place: the VM starts anew. All else may be a carrier that blinked.
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

  /** A revocation of a mistyped name would do nothing and look done. */
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
      return `"${domain}" is at home at "${home.domain.home}", and only there it is seen that it starts anew: say how long (--for), or --keep`;
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
    // The log cannot be written: as good as expired, and tried again until it can be recorded.
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

  /** Ends what is over, and comes back when the next one is. */
  #look(): void {
    this.#cancelLook?.();
    this.#cancelLook = null;
    if (this.#isClosed) return;
    this.#forgetEnded();
    const now = this.#clock.mono();
    const ends = [...this.#entries.values()].map(({ expiresAt, expiresOnWall }) =>
      Math.min(expiresAt, expiresOnWall - this.#clock.wall() + now),
    );
    const next = Math.min(...ends, ...this.#away.values());
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
    // Another one may end while these are being recorded.
    this.#look();
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
    // The compiler has refused unknown domains before anything is recorded.
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
