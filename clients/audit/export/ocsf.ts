/**
 * A record as an event of the Open Cybersecurity Schema Framework, version 1.3.
 *
 * OCSF has no class for the decision about one message: decisions are Network Activity with the profile
 * `security_control`. What OCSF has no field for is under `unmapped`, unchanged.
 */
import type { ParsedLine } from '../../../broker/audit/index.ts';
import type { AuditEventName } from '../../../broker/record/index.ts';
import { member } from '../query/index.ts';

const OCSF_VERSION = '1.3.0';
const PRODUCT = { name: 'argus-broker', vendor_name: 'Argus' };
/** Ports of OCSF have 16 bits, those of a domain 32. */
const MAX_OCSF_PORT = 65_535;

const NETWORK = 4001;
const AUTHENTICATION = 3002;
const ENTITY = 3004;
const LIFECYCLE = 6002;
type OcsfClass = typeof NETWORK | typeof AUTHENTICATION | typeof ENTITY | typeof LIFECYCLE;
const OTHER = 99;
const SUCCESS = 1;
const FAILURE = 2;

interface OcsfKind {
  readonly uid: OcsfClass;
  readonly activity: number;
  readonly status?: typeof FAILURE;
}

/** Activities of the classes: network 2 close, 3 reset, 4 fail, 5 refuse, 6 traffic, 7 listen. */
const KINDS: Readonly<Record<AuditEventName, OcsfKind>> = {
  'broker.start': { uid: LIFECYCLE, activity: 3 },
  'broker.stop': { uid: LIFECYCLE, activity: 4 },
  'session.open': { uid: AUTHENTICATION, activity: 1 },
  'session.close': { uid: AUTHENTICATION, activity: 2 },
  'session.refused': { uid: AUTHENTICATION, activity: 1, status: FAILURE },
  'session.key': { uid: AUTHENTICATION, activity: OTHER },
  'peer.fault': { uid: NETWORK, activity: 3, status: FAILURE },
  'ring.register': { uid: NETWORK, activity: 7 },
  'ring.unregister': { uid: NETWORK, activity: 2 },
  'ring.denied': { uid: NETWORK, activity: 5 },
  'ring.revoked': { uid: NETWORK, activity: 2 },
  'send.denied': { uid: NETWORK, activity: 5 },
  'send.allowed': { uid: NETWORK, activity: 6 },
  'send.revoked': { uid: NETWORK, activity: 4 },
  'send.undelivered': { uid: NETWORK, activity: 4, status: FAILURE },
  flow: { uid: NETWORK, activity: 6 },
  'denied.counted': { uid: NETWORK, activity: 5 },
  'policy.load': { uid: ENTITY, activity: 3 },
  'policy.reject': { uid: ENTITY, activity: 3, status: FAILURE },
  'policy.prepare': { uid: ENTITY, activity: OTHER },
  'grant.add': { uid: ENTITY, activity: 3 },
  'grant.revoke': { uid: ENTITY, activity: 3 },
  'grant.expire': { uid: ENTITY, activity: 3 },
  'mode.set': { uid: ENTITY, activity: 3 },
  'key.list': { uid: ENTITY, activity: 3 },
  'key.own': { uid: ENTITY, activity: 3 },
  'key.issue': { uid: ENTITY, activity: 1 },
  'key.revoke': { uid: ENTITY, activity: 3 },
  'key.incident': { uid: ENTITY, activity: OTHER, status: FAILURE },
  'audit.gap': { uid: LIFECYCLE, activity: OTHER, status: FAILURE },
  'audit.withheld': { uid: LIFECYCLE, activity: OTHER },
  'audit.clock': { uid: LIFECYCLE, activity: OTHER },
  'audit.prune': { uid: LIFECYCLE, activity: OTHER },
  'audit.space': { uid: LIFECYCLE, activity: OTHER },
  'admin.request': { uid: ENTITY, activity: 3 },
  'admin.refused': { uid: ENTITY, activity: 3, status: FAILURE },
};
/** A later version may know more events; they are exported all the same. */
const UNKNOWN_KIND: OcsfKind = { uid: LIFECYCLE, activity: OTHER };

/** By the last letter of a code: 1 informational, 3 medium, 4 high. */
const SEVERITY: ReadonlyMap<string, number> = new Map([
  ['I', 1],
  ['W', 3],
  ['E', 4],
]);

/** Fields that OCSF has a place for. The two domains stay under `unmapped` as well, because of their labels. */
const PLACED = new Set(['seq', 'time', 'event', 'code', 'reason', 'count', 'bytes', 'messages', 'prev', 'sum']);

export function ocsfEvent({ seq, event, fields }: ParsedLine): object {
  const { uid, activity, status } = Object.hasOwn(KINDS, event) ? KINDS[event as AuditEventName] : UNKNOWN_KIND;
  const code = text(fields.code) ?? 'A0000I';
  return {
    activity_id: activity,
    activity_name: event,
    category_uid: Math.floor(uid / 1_000),
    class_uid: uid,
    type_uid: uid * 100 + activity,
    time: Date.parse(text(fields.time) ?? '') || 0,
    severity_id: SEVERITY.get(code.slice(-1)) ?? 1,
    status_id: status ?? SUCCESS,
    status_detail: text(fields.reason),
    count: number(fields.count),
    metadata: {
      version: OCSF_VERSION,
      product: PRODUCT,
      event_code: code,
      sequence: seq,
      log_name: 'audit',
      log_provider: text(fields.broker),
      original_time: text(fields.time),
      correlation_uid: text(fields.session),
      ...(uid === NETWORK ? { profiles: ['security_control'] } : {}),
    },
    ...ofClass(uid, event, fields),
    unmapped: Object.fromEntries(Object.entries(fields).filter(([key]) => !PLACED.has(key))),
  };
}

function ofClass(uid: OcsfClass, event: string, fields: ParsedLine['fields']): object {
  if (uid === NETWORK) return networkPart(fields);
  if (uid === AUTHENTICATION)
    return { user: { name: domainOf(fields.src) ?? 'unknown' }, service: { name: text(fields.broker) ?? 'broker' } };
  if (uid === LIFECYCLE) return { app: { ...PRODUCT, uid: text(fields.broker) } };
  const name = domainOf(fields.src) ?? text(member(fields.detail, 'name')) ?? text(fields.broker) ?? 'broker';
  return { entity: { name, type: event.slice(0, event.indexOf('.')), version: text(fields.policy) } };
}

function networkPart(fields: ParsedLine['fields']): object {
  const { decision, permissive, rule } = fields;
  const port = number(fields.port);
  const source = domainOf(fields.src);
  // A ring or a session has no other end: it is the broker's.
  const destination = domainOf(fields.dst) ?? text(fields.broker) ?? 'broker';
  const [bytes, packets] = [number(fields.bytes), number(fields.messages)];
  // A denial that is not enforced is allowed and logged.
  const isDenied = decision === 'deny' && permissive !== true;
  return {
    action_id: decision === undefined ? 0 : isDenied ? 2 : 1,
    disposition_id: decision === undefined ? 0 : isDenied ? 2 : permissive === true ? 17 : 1,
    src_endpoint: source === undefined ? undefined : { name: source, uid: numbered(fields.src) },
    dst_endpoint: {
      name: destination,
      uid: numbered(fields.dst),
      port: port !== undefined && port <= MAX_OCSF_PORT ? port : undefined,
      svc_name: text(fields.class),
    },
    traffic: bytes === undefined && packets === undefined ? undefined : { bytes, packets },
    firewall_rule: rule === undefined ? undefined : { uid: `${member(rule, 'file')}:${member(rule, 'line')}` },
    authorizations:
      text(decision) === undefined
        ? undefined
        : [{ decision: text(decision), policy: { name: 'policy', uid: text(fields.policy), is_applied: true } }],
  };
}

function domainOf(party: unknown): string | undefined {
  return text(member(party, 'domain'));
}

function numbered(party: unknown): string | undefined {
  const domid = number(member(party, 'domid'));
  return domid === undefined ? undefined : String(domid);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function number(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? Number(value) : undefined;
}
