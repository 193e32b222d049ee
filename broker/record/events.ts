/**
 * The audit record: what one line of the log says, and what a caller has to tell to get one.
 *
 * A caller gives an `AuditEvent`; the log adds time, sequence, boot and the chain. `broker.start`, `broker.stop`,
 * `flow`, `send.denied`, `ring.denied` and `audit.gap` are written by the log itself, so nobody can forget or forge them.
 */
import type { Decision, Denial, Domain, Permit, RuleRef } from '../../policy/contract/index.ts';

/** Closed: a new name needs a new entry here and in docs/audit.md. */
export const AUDIT_EVENTS = [
  'broker.start',
  'broker.stop',
  'session.open',
  'session.close',
  'session.refused',
  'peer.fault',
  'ring.register',
  'ring.unregister',
  'ring.denied',
  'ring.revoked',
  'send.denied',
  'send.allowed',
  'send.revoked',
  'send.undelivered',
  'flow',
  'policy.load',
  'policy.reject',
  'grant.add',
  'grant.revoke',
  'grant.expire',
  'key.list',
  'key.incident',
  'audit.gap',
] as const;
export type AuditEventName = (typeof AUDIT_EVENTS)[number];

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
/** Free facts about one event. Never a secret, a key or payload; strings in it may be hostile, readers neutralise them. */
export type Detail = { readonly [key: string]: Json };

/** A domain as it was when the event happened: labels may differ today. */
export interface Party {
  readonly domain: string;
  readonly domid: number;
  readonly labels: readonly string[];
}

/** One line, in the order of its keys. What does not apply is absent. */
export interface AuditRecord {
  /** 1-based, without gaps, never reused over the life of the directory. Order by this, not by time. */
  readonly seq: number;
  /** RFC 3339, UTC, milliseconds; the host's clock, which may step. For a collapsed record: the first occurrence. */
  readonly time: string;
  /** Milliseconds since the broker started, to the microsecond; does not step. */
  readonly mono: number;
  /** Random id of one start of the broker. */
  readonly boot: string;
  /** The broker's name. */
  readonly broker: string;
  readonly event: AuditEventName;
  readonly decision?: 'allow' | 'deny';
  /** A code: `NO_RULE`, `EXPLICIT_DENY`, …, `PEER_GONE`. */
  readonly reason?: string;
  readonly rule?: RuleRef;
  readonly src?: Party;
  readonly dst?: Party;
  /** Argo port; absent also where a flood over many ports was collapsed (`detail.ports`). */
  readonly port?: number;
  readonly class?: string;
  readonly permission?: string;
  readonly messages?: number;
  readonly bytes?: number;
  readonly revision?: number;
  /** First digits of the policy's hash. */
  readonly policy?: string;
  readonly session?: string;
  /** Present when the denial was only noted because the domain is permissive. */
  readonly permissive?: true;
  /** How many identical events this record stands for; absent = 1. Exact. */
  readonly count?: number;
  readonly detail?: Detail;
  /** SHA-256, hex, of the exact bytes of the line before, without its newline. */
  readonly prev: string;
  /** First digits of the SHA-256 of this line's bytes up to `,"sum"`. */
  readonly sum: string;
}

interface Circumstances {
  readonly session?: string | null;
  readonly detail?: Detail;
}

/** What the broker tells. `by` stands for everything that a Permit or Denial knows: parties, class, permission, rule, revision. */
export type AuditEvent = Circumstances &
  (
    | { readonly event: 'session.open'; readonly src: Domain; readonly session: string }
    | { readonly event: 'session.close'; readonly src: Domain; readonly session: string; readonly reason: string }
    /** `src` null: not even the claimed domain is known. */
    | { readonly event: 'session.refused'; readonly src: Domain | null; readonly reason: string; readonly by?: Denial }
    | { readonly event: 'peer.fault'; readonly src: Domain | null; readonly reason: string }
    /** `bytes`: ring length. */
    | { readonly event: 'ring.register'; readonly by: Permit; readonly port: number; readonly bytes?: number }
    /** `dst` null: a wildcard ring. */
    | {
        readonly event: 'ring.unregister' | 'ring.revoked';
        readonly src: Domain;
        readonly dst: Domain | null;
        readonly port: number;
        readonly reason?: string;
        readonly by?: Decision;
      }
    | { readonly event: 'send.allowed'; readonly by: Permit; readonly port: number; readonly bytes: number }
    /** Messages that were accepted and then not delivered: permission was withdrawn, or the receiver went away. */
    | {
        readonly event: 'send.revoked' | 'send.undelivered';
        readonly by: Decision;
        readonly port: number;
        readonly messages: number;
        readonly bytes: number;
        readonly reason: string;
      }
    /** `policy`: the whole hash, hex. Later records with this revision carry its first digits. */
    | { readonly event: 'policy.load'; readonly revision: number; readonly policy: string }
    | { readonly event: 'policy.reject'; readonly reason: string; readonly policy?: string }
    /** A revocation list was installed or refused, and how many sessions it ended. */
    | { readonly event: 'key.list'; readonly reason: string }
    /** A key that does not count was presented, or one name has two holders; `detail` says whose. */
    | { readonly event: 'key.incident'; readonly reason: string }
    /** `detail`: label, revision from which it counts, who and why. */
    | { readonly event: 'grant.add' | 'grant.revoke' | 'grant.expire'; readonly src: Domain; readonly reason: string }
  );

/** What a denial record adds to the Denial itself. Compared by identity: keep one object per session, not one per call. */
export interface DenialContext {
  readonly session?: string | null;
  readonly permissive?: boolean;
}
