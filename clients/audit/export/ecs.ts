/**
 * A record as a document of the Elastic Common Schema 8.
 *
 * `event.outcome` is that of the broker: a message that it blocked as it should is a success of type `denied`, as in ECS's
 * own example of a firewall. What ECS has no field for is under `argus`, unchanged.
 */
import type { ParsedLine } from '../../../broker/audit/index.ts';
import type { AuditEventName } from '../../../broker/record/index.ts';
import { member } from '../query/index.ts';

const ECS_VERSION = '8.17.0';

interface EcsKind {
  readonly category: readonly string[];
  /** Besides `allowed` or `denied`, which the decision gives. */
  readonly type: readonly string[];
  readonly outcome: 'success' | 'failure';
}

const MESSAGE: EcsKind = { category: ['network'], type: ['connection'], outcome: 'success' };
const CHANGE: EcsKind = { category: ['iam'], type: ['change'], outcome: 'success' };
const OWN: EcsKind = { category: ['process'], type: ['info'], outcome: 'success' };

const KINDS: Readonly<Record<AuditEventName, EcsKind>> = {
  'broker.start': { ...OWN, type: ['start'] },
  'broker.stop': { ...OWN, type: ['end'] },
  'session.open': { category: ['authentication', 'session'], type: ['start'], outcome: 'success' },
  'session.close': { category: ['session'], type: ['end'], outcome: 'success' },
  'session.refused': { category: ['authentication'], type: ['start'], outcome: 'failure' },
  'session.key': { category: ['authentication', 'session'], type: ['change'], outcome: 'success' },
  'peer.fault': { category: ['network'], type: ['protocol'], outcome: 'failure' },
  'ring.register': MESSAGE,
  'ring.unregister': MESSAGE,
  'ring.denied': MESSAGE,
  'ring.revoked': MESSAGE,
  'send.denied': MESSAGE,
  'send.allowed': MESSAGE,
  'send.revoked': MESSAGE,
  'send.undelivered': { ...MESSAGE, outcome: 'failure' },
  flow: MESSAGE,
  'denied.counted': MESSAGE,
  'policy.load': { category: ['configuration'], type: ['change'], outcome: 'success' },
  'policy.reject': { category: ['configuration'], type: ['change'], outcome: 'failure' },
  'policy.prepare': { category: ['configuration'], type: ['info'], outcome: 'success' },
  'grant.add': CHANGE,
  'grant.revoke': CHANGE,
  'grant.expire': CHANGE,
  'mode.set': CHANGE,
  'key.list': CHANGE,
  'key.own': CHANGE,
  'key.issue': CHANGE,
  'key.revoke': CHANGE,
  'key.incident': { category: ['iam', 'intrusion_detection'], type: ['info'], outcome: 'success' },
  'audit.gap': { ...OWN, outcome: 'failure' },
  'audit.withheld': OWN,
  'audit.clock': OWN,
  'audit.prune': { ...OWN, type: ['deletion'] },
  'audit.space': OWN,
  'admin.request': { category: ['configuration'], type: ['admin'], outcome: 'success' },
  'admin.refused': { category: ['configuration'], type: ['admin'], outcome: 'failure' },
};

/** Fields that ECS has a place for; the others stay under `argus`. */
const PLACED = new Set(['seq', 'time', 'event', 'code', 'reason', 'bytes', 'messages', 'prev', 'sum']);

export function ecsDocument({ seq, event, fields }: ParsedLine): object {
  // A later version may know more events; it is exported all the same.
  const kind = Object.hasOwn(KINDS, event) ? KINDS[event as AuditEventName] : OWN;
  const { decision } = fields;
  const verdict = decision === 'allow' ? ['allowed'] : decision === 'deny' ? ['denied'] : [];
  const rule = fields.rule;
  return {
    '@timestamp': fields.time,
    ecs: { version: ECS_VERSION },
    event: {
      kind: 'event',
      category: kind.category,
      type: kind.category.includes('network') ? [...kind.type, ...verdict] : kind.type,
      action: event,
      code: fields.code,
      outcome: kind.outcome,
      reason: fields.reason,
      sequence: seq,
      module: 'argus',
      dataset: 'argus.audit',
    },
    observer: { name: fields.broker, type: 'broker', vendor: 'Argus' },
    rule:
      rule === undefined
        ? undefined
        : {
            id: `${String(member(rule, 'file'))}:${String(member(rule, 'line'))}`,
            ruleset: member(rule, 'file'),
            version: fields.policy,
          },
    source: fields.src === undefined ? undefined : { address: member(fields.src, 'domain') },
    destination: fields.dst === undefined ? undefined : { address: member(fields.dst, 'domain') },
    network:
      fields.bytes === undefined && fields.messages === undefined
        ? undefined
        : { bytes: fields.bytes, packets: fields.messages },
    argus: Object.fromEntries(Object.entries(fields).filter(([key]) => !PLACED.has(key))),
  };
}
