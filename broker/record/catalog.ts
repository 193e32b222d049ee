/**
 * Every kind of audit record: its stable code, and the bound on the number of such records.
 *
 * A code never changes and is never used again. Its first digit is the subject, its last letter the weight: I for
 * information, W for a refusal or an irregularity, E for an event that an operator must look at.
 */

/**
 * The bound that prevents a kind of record from filling the disk.
 *
 * - `run`: the broker writes it a fixed number of times per run.
 * - `operator`: only an action of the operator causes it, possibly later. It is never delayed and never omitted.
 * - `share`: a domain or a stranger can cause it at will. Equal ones are collapsed into exact counts, and the lines are
 *   paid from the share of their cause. Beyond the share they are counted in `audit.withheld`.
 * - `interval`: a counter is written once an interval, from the share of its cause. Beyond the share it keeps counting.
 * - `window`: at most one per window and domain.
 * - `outage`: one each time that the log can be written again.
 * - `segment`: at most one for each segment of the log, and one an hour.
 */
export type RecordBound = 'run' | 'operator' | 'share' | 'interval' | 'window' | 'outage' | 'segment';

export interface RecordKind {
  readonly code: `A${number}${'I' | 'W' | 'E'}`;
  readonly bound: RecordBound;
}

/** A new kind needs a new entry here and in docs/audit.md. */
export const AUDIT_CATALOG = {
  'broker.start': { code: 'A1001I', bound: 'run' },
  'broker.stop': { code: 'A1002I', bound: 'run' },
  'session.open': { code: 'A2001I', bound: 'share' },
  'session.close': { code: 'A2002I', bound: 'share' },
  'session.refused': { code: 'A2003W', bound: 'share' },
  'peer.fault': { code: 'A2004W', bound: 'share' },
  'session.key': { code: 'A2005I', bound: 'share' },
  'ring.register': { code: 'A3001I', bound: 'share' },
  'ring.unregister': { code: 'A3002I', bound: 'share' },
  'ring.denied': { code: 'A3003W', bound: 'share' },
  'ring.revoked': { code: 'A3004W', bound: 'operator' },
  'send.denied': { code: 'A4001W', bound: 'share' },
  'send.allowed': { code: 'A4002I', bound: 'share' },
  'send.revoked': { code: 'A4003W', bound: 'operator' },
  'send.undelivered': { code: 'A4004I', bound: 'share' },
  flow: { code: 'A4005I', bound: 'interval' },
  'denied.counted': { code: 'A4006I', bound: 'interval' },
  'policy.load': { code: 'A5001I', bound: 'operator' },
  'policy.reject': { code: 'A5002E', bound: 'operator' },
  'policy.prepare': { code: 'A5003I', bound: 'operator' },
  'grant.add': { code: 'A6001I', bound: 'operator' },
  'grant.revoke': { code: 'A6002I', bound: 'operator' },
  'grant.expire': { code: 'A6003I', bound: 'operator' },
  'mode.set': { code: 'A6004W', bound: 'operator' },
  'key.list': { code: 'A7001I', bound: 'operator' },
  'key.incident': { code: 'A7002E', bound: 'share' },
  'key.own': { code: 'A7003I', bound: 'operator' },
  'key.issue': { code: 'A7004I', bound: 'operator' },
  'key.revoke': { code: 'A7005I', bound: 'operator' },
  'audit.gap': { code: 'A8001E', bound: 'outage' },
  'audit.withheld': { code: 'A8002W', bound: 'window' },
  'audit.clock': { code: 'A8003W', bound: 'operator' },
  'audit.prune': { code: 'A8004I', bound: 'segment' },
  'audit.space': { code: 'A8005W', bound: 'segment' },
  'admin.request': { code: 'A9001I', bound: 'operator' },
  'admin.refused': { code: 'A9002W', bound: 'operator' },
} as const satisfies Readonly<Record<string, RecordKind>>;

export type AuditEventName = keyof typeof AUDIT_CATALOG;

/** In the order of their codes. */
export const AUDIT_EVENTS = Object.freeze(Object.keys(AUDIT_CATALOG)) as readonly AuditEventName[];
