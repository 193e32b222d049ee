/**
 * From an event to the JSON of its record, without what the chain adds (seq, prev, sum). Pure.
 *
 * The key order is the order of the properties in `body`: absent ones are undefined, which JSON leaves out.
 */
import type { Decision, Denial, Domain, Permit } from '../../policy/contract/index.ts';
import {
  AUDIT_CATALOG,
  type AuditEvent,
  type AuditEventName,
  type AuditRecord,
  type DenialContext,
  type Detail,
  type Json,
  type RecordedDomain,
} from '../record/index.ts';
import { POLICY_PREFIX_DIGITS, REMEMBERED_REVISIONS } from './limits.ts';

/** When something happened. */
export interface Moment {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Milliseconds since the broker started. */
  readonly mono: number;
}

/** A record without its place in the chain. */
export type Body = Omit<AuditRecord, 'seq' | 'prev' | 'sum'>;

/** Loose twin of Body that can be filled in any order and hold undefined. */
type Facts = { -readonly [K in keyof Body]?: Body[K] | undefined };

/** Who writes: the same for all records of a run. */
export interface LogOrigin {
  readonly boot: string;
  readonly broker: string;
}

/** Makes the bodies of one run; remembers which policy hash each recent revision had. */
export class Bodies {
  readonly #writer: LogOrigin;
  readonly #policies = new Map<number, string>();
  /** Domains are interned per revision, so their snapshot is made once. */
  readonly #domains = new WeakMap<Domain, RecordedDomain>();

  constructor(writer: LogOrigin) {
    this.#writer = writer;
  }

  /** The body of an event that the broker tells; `seen` if it stands for several. */
  event(at: Moment, event: AuditEvent, seen?: { readonly count: number; readonly until: number }): Body {
    const facts: Facts = { detail: event.detail, session: event.session ?? undefined };
    if (seen !== undefined && seen.count > 1) {
      facts.count = seen.count;
      facts.detail = { ...event.detail, until: rfc3339(seen.until) };
    }
    if ('by' in event && event.by !== undefined) Object.assign(facts, this.#decision(event.by));
    if ('src' in event && event.src !== null) facts.src = this.#domain(event.src);
    if ('dst' in event && event.dst !== null) facts.dst = this.#domain(event.dst);
    if ('reason' in event) facts.reason = event.reason;
    if ('port' in event) facts.port = event.port;
    if ('messages' in event) facts.messages = event.messages;
    if ('bytes' in event) facts.bytes = event.bytes;
    if ('ringBytes' in event) facts.ringBytes = event.ringBytes;
    if (event.event === 'policy.load') {
      this.#remember(event.revision, event.policy);
      facts.revision = event.revision;
    }
    if (event.event === 'policy.reject') facts.policy = event.policy?.slice(0, POLICY_PREFIX_DIGITS);
    return this.#body(at, event.event, facts);
  }

  /** The body of a record of the log itself: start, stop, gap. */
  own(
    at: Moment,
    event: 'broker.start' | 'broker.stop' | 'audit.gap' | 'audit.clock',
    detail?: Detail,
    reason?: string,
  ): Body {
    const isEmpty = detail === undefined || Object.keys(detail).length === 0;
    return this.#body(at, event, { detail: isEmpty ? undefined : detail, reason });
  }

  /** What an account could not pay for in a window. `domain` null: strangers or keys, as `cause` says. */
  withheld(at: Moment, domain: Domain | null, cause: string, seen: WithheldEvents): Body {
    const events: { [event: string]: Json } = {};
    for (const [event, { count, messages, bytes }] of seen.kinds)
      events[event] = { count, ...(messages > 0 ? { messages } : {}), ...(bytes > 0 ? { bytes } : {}) };
    return this.#body(at, 'audit.withheld', {
      reason: 'LOG_SHARE',
      src: domain === null ? undefined : this.#domain(domain),
      count: seen.count > 1 ? seen.count : undefined,
      detail: { ...(domain === null ? { cause } : {}), events, until: rfc3339(seen.until) },
    });
  }

  /** `port` null: several rings of one permit that ended while the share of the sender was used up. */
  flow(at: Moment, { permit, port, messages, bytes }: CountedFlow): Body {
    const detail = port === null ? { ports: 'many' } : undefined;
    return this.#body(at, 'flow', { ...this.#decision(permit), port: port ?? undefined, messages, bytes, detail });
  }

  /** @param count denials it stands for; @param until when the last of them happened */
  denied(at: Moment, denial: Denial, port: number | null, seen: DeniedSum, context: DenialContext): Body {
    const detail: Detail | undefined = seen.manyPorts
      ? { ports: 'many', until: rfc3339(seen.until) }
      : seen.count > 1
        ? { until: rfc3339(seen.until) }
        : undefined;
    return this.#body(at, deniedEvent(denial), {
      ...this.#decision(denial),
      port: port ?? undefined,
      bytes: seen.bytes,
      session: context.session ?? undefined,
      permissive: context.permissive === true ? true : undefined,
      count: seen.count > 1 ? seen.count : undefined,
      detail,
    });
  }

  #decision(by: Decision): Facts {
    return {
      decision: by.allowed ? 'allow' : 'deny',
      reason: by.allowed ? undefined : by.reason,
      rule: by.rule === null ? undefined : { file: by.rule.file, line: by.rule.line },
      src: this.#domain(by.source),
      dst: this.#domain(by.destination),
      class: by.className,
      permission: by.permission,
      revision: by.revision,
    };
  }

  #domain(domain: Domain): RecordedDomain {
    let recorded = this.#domains.get(domain);
    if (recorded === undefined) {
      recorded = { domain: domain.name, domid: domain.domid, labels: [...domain.labels] };
      this.#domains.set(domain, recorded);
    }
    return recorded;
  }

  #remember(revision: number, hash: string): void {
    this.#policies.set(revision, hash.slice(0, POLICY_PREFIX_DIGITS));
    for (const oldest of this.#policies.keys()) {
      if (this.#policies.size <= REMEMBERED_REVISIONS) break;
      this.#policies.delete(oldest);
    }
  }

  #body(at: Moment, event: AuditEventName, facts: Facts): Body {
    const body = {
      time: rfc3339(at.time),
      mono: Math.round(at.mono * 1000) / 1000,
      boot: this.#writer.boot,
      broker: this.#writer.broker,
      event,
      code: AUDIT_CATALOG[event].code,
      decision: facts.decision,
      reason: facts.reason,
      rule: facts.rule,
      src: facts.src,
      dst: facts.dst,
      port: facts.port,
      class: facts.class,
      permission: facts.permission,
      messages: facts.messages,
      bytes: facts.bytes,
      ringBytes: facts.ringBytes,
      revision: facts.revision,
      policy: facts.policy ?? (facts.revision === undefined ? undefined : this.#policies.get(facts.revision)),
      session: facts.session,
      permissive: facts.permissive,
      count: facts.count,
      detail: facts.detail,
    };
    // The optional keys hold undefined instead of being absent; nothing but JSON.stringify reads a body.
    return body as Body;
  }
}

/** What one flow record says. */
export interface CountedFlow {
  readonly permit: Permit;
  readonly port: number | null;
  readonly messages: number;
  readonly bytes: number;
}

/** What was counted instead of written. */
export interface WithheldEvents {
  readonly count: number;
  readonly kinds: ReadonlyMap<string, { readonly count: number; readonly messages: number; readonly bytes: number }>;
  /** Milliseconds since 1970, of the last one. */
  readonly until: number;
}

/** What a collapsed denial amounts to. */
export interface DeniedSum {
  readonly count: number;
  readonly bytes: number;
  /** Milliseconds since 1970, of the last one. */
  readonly until: number;
  readonly manyPorts: boolean;
}

/** Which event a denial is, from Flask's permission alone. */
export function deniedEvent(denial: Denial): 'ring.denied' | 'session.refused' | 'send.denied' {
  if (denial.className !== 'argo') return 'send.denied';
  if (denial.permission === 'enable') return 'session.refused';
  return denial.permission.startsWith('register_') ? 'ring.denied' : 'send.denied';
}

export function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}
