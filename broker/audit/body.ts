/**
 * Turns an event into the JSON of its record, without the fields that the chain adds (seq, prev, sum). Pure.
 *
 * The key order is the order of the properties in `body`. Absent properties are undefined, and JSON omits them.
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

/** The time of an event, by two clocks. */
export interface Moment {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Milliseconds since the broker started. */
  readonly mono: number;
}

/** A record without its place in the chain. */
export type Body = Omit<AuditRecord, 'seq' | 'prev' | 'sum'>;

/** A looser version of Body: its fields may be set in any order and may be undefined. */
type Facts = { -readonly [K in keyof Body]?: Body[K] | undefined };

/** The writer of the log: the same for all records of a run. */
export interface LogOrigin {
  readonly boot: string;
  readonly broker: string;
}

/** Makes the bodies of one run. Remembers the policy hash of each recent revision. */
export class Bodies {
  readonly #writer: LogOrigin;
  readonly #policies = new Map<number, string>();
  /** Domains are interned per revision, so their snapshot is made once. */
  readonly #domains = new WeakMap<Domain, RecordedDomain>();

  constructor(writer: LogOrigin) {
    this.#writer = writer;
  }

  /** The body of an event that the broker reports. `seen` is given when the record stands for several events. */
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
    if (event.event === 'policy.prepare') {
      facts.revision = event.revision;
      facts.policy = event.policy.slice(0, POLICY_PREFIX_DIGITS);
    }
    if (event.event === 'policy.reject') facts.policy = event.policy?.slice(0, POLICY_PREFIX_DIGITS);
    return this.#body(at, event.event, facts);
  }

  /** The body of a record of the log itself: start, stop, gap. */
  own(
    at: Moment,
    event: 'broker.start' | 'broker.stop' | 'audit.gap' | 'audit.clock' | 'audit.prune' | 'audit.space',
    detail?: Detail,
    reason?: string,
  ): Body {
    const isEmpty = detail === undefined || Object.keys(detail).length === 0;
    return this.#body(at, event, { detail: isEmpty ? undefined : detail, reason });
  }

  /** The events of a window that an account could not pay for. `domain` null: strangers or keys, as `cause` says. */
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

  /** `port` null: several rings of one permit, which were closed while the share of the sender was used up. */
  flow(at: Moment, { permit, port, messages, bytes }: CountedFlow): Body {
    const detail = port === null ? { ports: 'many' } : undefined;
    return this.#body(at, 'flow', { ...this.#decision(permit), port: port ?? undefined, messages, bytes, detail });
  }

  /** @param seen the denials that the record stands for, and the time of the last one */
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

  /** Denials that a `dontaudit` row keeps out of the log. The count is the whole record of them. */
  counted(seen: CountedDenials): Body {
    const { denial, port, manyPorts, permissive, count, bytes, until } = seen;
    const { dontaudit } = denial;
    return this.#body(seen, 'denied.counted', {
      ...this.#decision(denial),
      port: port ?? undefined,
      bytes,
      permissive: permissive ? true : undefined,
      count: count > 1 ? count : undefined,
      detail: {
        ...(dontaudit === null ? {} : { dontaudit: `${dontaudit.file}:${dontaudit.line}` }),
        ...(manyPorts ? { ports: 'many' } : {}),
        until: rfc3339(until),
      },
    });
  }

  #decision(by: Decision): Facts {
    const denial = by.allowed ? by.permissive : by;
    return {
      decision: by.allowed ? 'allow' : 'deny',
      permissive: by.allowed && denial !== null ? true : undefined,
      reason: denial?.reason,
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

/** The content of one flow record. */
export interface CountedFlow {
  readonly permit: Permit;
  readonly port: number | null;
  readonly messages: number;
  readonly bytes: number;
}

/** Events that were counted instead of written. */
export interface WithheldEvents {
  readonly count: number;
  readonly kinds: ReadonlyMap<string, { readonly count: number; readonly messages: number; readonly bytes: number }>;
  /** Milliseconds since 1970, of the last one. */
  readonly until: number;
}

/** The sum of several denials that share one record. */
export interface DeniedSum {
  readonly count: number;
  readonly bytes: number;
  /** Milliseconds since 1970, of the last one. */
  readonly until: number;
  readonly manyPorts: boolean;
}

/** The denials of one decision since its last record, by both clocks of the first one. */
export interface CountedDenials extends DeniedSum, Moment {
  readonly denial: Denial;
  /** Null: none, or several. */
  readonly port: number | null;
  readonly permissive: boolean;
}

/** The event name of a denial. Flask's permission alone decides it. */
export function deniedEvent(denial: Denial): 'ring.denied' | 'session.refused' | 'send.denied' {
  if (denial.className !== 'argo') return 'send.denied';
  if (denial.permission === 'enable') return 'session.refused';
  return denial.permission.startsWith('register_') ? 'ring.denied' : 'send.denied';
}

export function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}
