/**
 * The schema of an audit record. docs/audit-schema.json is its JSON Schema, and a test compares the two.
 *
 * An older or a newer log can hold records that do not match this schema. So only `verify --schema` and the tests use
 * it.
 */
import { z } from 'zod';
import type { AuditRecord } from './audit-record.ts';
import { AUDIT_CATALOG, AUDIT_EVENTS } from './catalog.ts';
import { MESSAGE_IDS } from './message-ids.ts';

const count = z.int().min(0);
const domain = z.strictObject({
  domain: z.string().min(1),
  domid: count,
  labels: z.array(z.string()),
});

const auditRecord = z
  .strictObject({
    seq: z.int().min(1).describe('Counts from 1 without gaps over the life of the directory. Order by this.'),
    time: z.iso.datetime({ precision: 3 }).describe('The wall clock of the host, UTC. It may step (audit.clock).'),
    mono: z.number().describe('Milliseconds since the broker started. It never steps.'),
    boot: z.string().min(1).describe('Names one start of the broker.'),
    broker: z.string().min(1).describe('The name of the broker.'),
    event: z.enum(AUDIT_EVENTS),
    code: z
      .enum(AUDIT_EVENTS.map((event) => AUDIT_CATALOG[event].code))
      .describe('Stable: never changes, never reused.'),
    decision: z.enum(['allow', 'deny']).optional(),
    reason: z.string().optional(),
    rule: z
      .strictObject({ file: z.string(), line: z.int().min(1) })
      .optional()
      .describe('In the revision of the record.'),
    src: domain.optional().describe('With the labels that it had then.'),
    dst: domain.optional().describe('With the labels that it had then.'),
    port: count.optional().describe('The Argo port of the destination or of the ring.'),
    class: z.string().optional(),
    permission: z.string().optional(),
    messages: count.optional(),
    bytes: count.optional().describe('Payload, in bytes.'),
    ringBytes: count.optional().describe('Room in a ring, in bytes: 16 and the padded payload for each message.'),
    revision: count.optional(),
    policy: z
      .string()
      .regex(/^[0-9a-f]+$/)
      .optional()
      .describe('First digits of the hash of the policy.'),
    session: z.string().optional(),
    permissive: z.literal(true).optional(),
    count: z.int().min(2).optional().describe('Identical events that this record stands for; absent: one.'),
    detail: z.record(z.string(), z.json()).optional(),
    prev: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .describe('RFC 6962 leaf hash of the line before.'),
    sum: z
      .string()
      .regex(/^[0-9a-f]{16}$/)
      .describe('First digits of the SHA-256 of this line up to itself.'),
  } satisfies { readonly [Key in keyof AuditRecord]-?: z.ZodType })
  .meta({ title: 'Argus audit record', description: 'One line of an audit log of Argus.' });

/** An annotation: a validator does not read it, and a program that knows records by their id does. */
const MESSAGES = Object.fromEntries(
  AUDIT_EVENTS.map((event) => [event, { code: AUDIT_CATALOG[event].code, messageId: MESSAGE_IDS[event] }]),
);

/** Why a value is not a valid audit record; null: it is valid. */
export function recordFault(value: unknown): string | null {
  const parsed = auditRecord.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return `${issue?.path.join('.') || 'record'}: ${issue?.message ?? 'not a record'}`;
  }
  const { event, code } = parsed.data;
  const expected = AUDIT_CATALOG[event].code;
  return code === expected ? null : `code: expected ${expected} for ${event}, got ${code}`;
}

/** The schema as a JSON Schema document. */
export function recordJsonSchema(): object {
  return { ...z.toJSONSchema(auditRecord), 'x-messages': MESSAGES };
}
