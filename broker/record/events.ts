/**
 * The audit events: the name of each, and the facts that the broker records with it.
 *
 * The log adds time, sequence, boot and the chain. The log itself writes `broker.start`, `broker.stop`, `flow`,
 * `send.denied`, `ring.denied`, `denied.counted`, `audit.gap` and `audit.withheld`, so no other part of the broker can
 * forget or forge them.
 */
import type { Decision, Denial, Domain, Permit } from '../../policy/contract/index.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
/**
 * More facts about one event. Never a secret, a key or payload. Its strings may be hostile: readers must escape them.
 */
export type Detail = { readonly [key: string]: Json };

interface Circumstances {
  readonly session?: string | null;
  readonly detail?: Detail;
}

/**
 * An event as the broker reports it. `by` is the decision: its domains, class, permission, rule and revision become
 * fields of the record.
 */
export type AuditEvent = Circumstances &
  (
    | { readonly event: 'session.open'; readonly src: Domain; readonly session: string }
    /** The session has another credential: a renewed one, or one for a rotated key. */
    | { readonly event: 'session.key'; readonly src: Domain; readonly session: string }
    | { readonly event: 'session.close'; readonly src: Domain; readonly session: string; readonly reason: string }
    /** `src` null: the claimed domain is not declared. */
    | { readonly event: 'session.refused'; readonly src: Domain | null; readonly reason: string; readonly by?: Denial }
    | { readonly event: 'peer.fault'; readonly src: Domain | null; readonly reason: string }
    /** `ringBytes`: the length of the ring. */
    | { readonly event: 'ring.register'; readonly by: Permit; readonly port: number; readonly ringBytes?: number }
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
    /** Messages that were accepted but not delivered: the permission was withdrawn, or the receiver disappeared. */
    | {
        readonly event: 'send.revoked';
        readonly by: Decision;
        readonly port: number;
        readonly messages: number;
        readonly bytes: number;
        readonly reason: string;
      }
    /** `ringBytes`: the room that the messages occupied. */
    | {
        readonly event: 'send.undelivered';
        readonly by: Decision;
        readonly port: number;
        readonly messages: number;
        readonly ringBytes: number;
        readonly reason: string;
      }
    /** `policy`: the whole hash, hex. Later records with this revision carry its first digits. */
    | { readonly event: 'policy.load'; readonly revision: number; readonly policy: string }
    /** A policy that may allow something is about to come into force: this record is on disk before it does. */
    | { readonly event: 'policy.prepare'; readonly revision: number; readonly policy: string }
    | { readonly event: 'policy.reject'; readonly reason: string; readonly policy?: string }
    /**
     * A request at the control socket. `detail`: the request, the caller (`by` is claimed, `caller` is from the
     * kernel), why.
     */
    | { readonly event: 'admin.request' | 'admin.refused'; readonly reason: string }
    /** A revocation list was installed or refused, with the number of sessions that it ended. */
    | { readonly event: 'key.list'; readonly reason: string }
    /** The authority has issued or revoked, as its register says. `detail` names the entry, who did it, and when. */
    | { readonly event: 'key.issue' | 'key.revoke'; readonly reason: string }
    /** The broker uses another credential or key of its own. */
    | { readonly event: 'key.own'; readonly reason: string }
    /** An invalid key was presented, or one name has two holders. `detail` names the holder. */
    | { readonly event: 'key.incident'; readonly reason: string }
    /** `detail`: the label, the first revision with (or without) it, the granting person and the reason. */
    | { readonly event: 'grant.add' | 'grant.revoke' | 'grant.expire'; readonly src: Domain; readonly reason: string }
    /** Denials of `src` are no longer enforced, or are enforced again. `detail`: who, why, for how long, from which revision. */
    | { readonly event: 'mode.set'; readonly src: Domain; readonly reason: 'PERMISSIVE' | 'ENFORCING' }
  );
