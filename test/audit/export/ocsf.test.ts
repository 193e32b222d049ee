/**
 * OCSF events, held against the published schema: ocsf-1.3.0.json is compiled from it, and says from where. It
 * has all attributes of four classes, so an attribute that does not exist is found.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ParsedLine, parseLine } from '../../../broker/audit/chain.ts';
import { AUDIT_CATALOG, AUDIT_EVENTS } from '../../../broker/record/index.ts';
import { ocsfEvent } from '../../../clients/audit/index.ts';
import { WORKING_TREE } from '../../support/program.ts';
import { denialOf, durable, named, openOn, permitOf } from '../fixtures.ts';

const ocsf = suite('audit OCSF');

/** The part of JSON Schema that the fixture uses. */
interface Schema {
  readonly $ref?: string;
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly enum?: readonly number[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
  readonly anyOf?: readonly { readonly required: readonly string[] }[];
}

const FIXTURE = JSON.parse(readFileSync(join(WORKING_TREE, 'test/audit/export/ocsf-1.3.0.json'), 'utf8')) as {
  readonly classes: Readonly<Record<string, Schema>>;
  readonly $defs: Readonly<Record<string, Schema>>;
};

/** What is wrong with the value, each with its place. */
function faultsOf(schema: Schema, value: unknown, at: string): readonly string[] {
  if (schema.$ref !== undefined) return faultsOf(FIXTURE.$defs[schema.$ref.slice('#/$defs/'.length)] ?? {}, value, at);
  if (schema.type === 'array') {
    if (!Array.isArray(value)) return [`${at}: no array`];
    return value.flatMap((one, index) => faultsOf(schema.items ?? {}, one, `${at}[${index}]`));
  }
  if (schema.type === 'object') return typeof value === 'object' && value !== null ? faultsIn(schema, value, at) : [at];
  const isOf =
    schema.type === undefined ||
    (schema.type === 'integer' ? Number.isSafeInteger(value) : typeof value === schema.type);
  if (!isOf) return [`${at}: ${JSON.stringify(value)} is no ${schema.type}`];
  if (typeof value !== 'number') return [];
  if (schema.enum !== undefined && !schema.enum.includes(value)) return [`${at}: ${value} is not in the enum`];
  const isIn = value >= (schema.minimum ?? value) && value <= (schema.maximum ?? value);
  return isIn ? [] : [`${at}: ${value} is out of range`];
}

function faultsIn(schema: Schema, value: object, at: string): readonly string[] {
  const faults: string[] = [];
  for (const key of schema.required ?? []) if (!Object.hasOwn(value, key)) faults.push(`${at}.${key} is missing`);
  const isAny = schema.anyOf?.some(({ required }) => required.every((key) => Object.hasOwn(value, key))) ?? true;
  if (!isAny) faults.push(`${at} has none of the attributes of which it must have one`);
  for (const [key, one] of Object.entries(value)) {
    const inner = schema.properties?.[key];
    if (inner !== undefined) faults.push(...faultsOf(inner, one, `${at}.${key}`));
    else if (schema.additionalProperties === false) faults.push(`${at}.${key} does not exist`);
  }
  return faults;
}

/** As it is printed: without what is undefined. */
function printed(record: ParsedLine): { readonly class_uid: number; readonly [key: string]: unknown } {
  return JSON.parse(JSON.stringify(ocsfEvent(record)));
}

function faults(record: ParsedLine): readonly string[] {
  const made = printed(record);
  return faultsOf(FIXTURE.classes[made.class_uid] ?? {}, made, record.event);
}

async function records(): Promise<readonly ParsedLine[]> {
  const { log, disk } = await openOn();
  log.record({ event: 'policy.load', revision: 1, policy: 'ab'.repeat(32) });
  log.record({ event: 'session.refused', src: null, reason: 'TIMEOUT', detail: { carrier: 'tcp' } });
  log.record({ event: 'session.open', src: named('audio-vm'), session: 's1' });
  log.denied(denialOf(), 4_000_000_000, 10, { session: 's1' });
  log.denied(denialOf('audio-vm', 'net-vm'), 7, 1, { permissive: true });
  log.record({ event: 'send.allowed', by: permitOf(), port: 7, bytes: 3 });
  log.record({ event: 'ring.unregister', src: named('audio-vm'), dst: null, port: 7 });
  log.record({ event: 'key.incident', reason: 'REVOKED', detail: { name: 'audio-vm' } });
  await durable(log);
  await log.close();
  const lines = disk.text().trimEnd().split('\n');
  return lines.map((line) => parseLine(Buffer.from(line))).filter((parsed) => typeof parsed !== 'string');
}

ocsf('every record is an event as the published schema says', async () => {
  for (const record of await records()) assert.equal(faults(record), []);
});

ocsf('so is every kind of record, whatever fields it has', async () => {
  const [denied] = (await records()).filter(({ event }) => event === 'send.denied');
  const [bare] = await records();
  if (denied === undefined || bare === undefined) throw new Error('no records');
  for (const event of [...AUDIT_EVENTS, 'audit.later'])
    for (const { seq, fields } of [denied, bare]) {
      const code = Object.hasOwn(AUDIT_CATALOG, event) ? AUDIT_CATALOG[event as 'flow'].code : undefined;
      assert.equal(faults({ ...denied, seq, event, fields: { ...fields, event, code } }), [], event);
    }
});

ocsf('a denial is refused and blocked; one that is not enforced is allowed and logged', async () => {
  const [blocked, logged] = (await records()).filter(({ event }) => event === 'send.denied').map(printed);
  const verdictOf = (one: typeof blocked): unknown[] => [one?.type_uid, one?.action_id, one?.disposition_id];
  assert.equal(verdictOf(blocked), [400_105, 2, 2]);
  assert.equal(verdictOf(logged), [400_105, 1, 17]);
  if (blocked === undefined) throw new Error('no denial');
  const { src_endpoint: source, dst_endpoint: destination, unmapped } = blocked;
  assert.equal(source, { name: 'rogue-vm', uid: '3' });
  assert.equal(destination, { name: 'audio-vm', uid: '1', svc_name: 'audio-playback' });
  assert.is((unmapped as { port: number }).port, 4_000_000_000, 'a port of 32 bits has no place in OCSF');
});

ocsf('the check finds what the schema forbids', async () => {
  const [denied] = (await records()).filter(({ event }) => event === 'send.denied').map(printed);
  if (denied === undefined) throw new Error('no denial');
  const { dst_endpoint: _, ...without } = denied;
  const schema = FIXTURE.classes['4001'] ?? {};
  assert.equal(faultsOf(schema, without, 'x'), ['x.dst_endpoint is missing']);
  assert.equal(faultsOf(schema, { ...denied, colour: 1 }, 'x'), ['x.colour does not exist']);
  assert.equal(faultsOf(schema, { ...denied, action_id: 77 }, 'x'), ['x.action_id: 77 is not in the enum']);
  assert.equal(faultsOf(schema, { ...denied, dst_endpoint: { port: 1 } }, 'x').length, 1);
});

ocsf.run();
