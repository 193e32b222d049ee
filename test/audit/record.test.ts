import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CHECKPOINT_INTERVAL_MS, CLOCK_STEP_MS, HOUR_MS } from '../../broker/audit/limits.ts';
import {
  AUDIT_CATALOG,
  AUDIT_EVENTS,
  type AuditRecord,
  MESSAGE_IDS,
  MESSAGE_NAMESPACE,
  recordFault,
  recordJsonSchema,
} from '../../broker/record/index.ts';
import { needsThat } from '../support/needs.ts';
import { denialOf, durable, knownDenial, named, openOn, permitOf } from './fixtures.ts';

const record = suite('audit record');
const PUBLISHED = fileURLToPath(new URL('../../docs/audit-schema.json', import.meta.url));
const DEBIAN_PYTHON = '/usr/bin/python3';
const withJsonSchema = needsThat(
  () => existsSync('/usr/lib/python3/dist-packages/jsonschema'),
  'a validator of JSON Schema (apt-get install python3-jsonschema)',
);

/** One record at least of each kind that the broker tells. */
async function oneOfEach(): Promise<readonly AuditRecord[]> {
  const { log, disk, clock } = await openOn();
  const [audio, rogue] = [named('audio-vm'), named('rogue-vm')];
  log.record({ event: 'policy.load', revision: 1, policy: 'ab'.repeat(32), detail: { rows: 3 } });
  log.record({ event: 'policy.reject', reason: 'ERR_POLICY_ROW', policy: 'cd'.repeat(32) });
  log.record({ event: 'policy.prepare', revision: 2, policy: 'ef'.repeat(32), detail: { rows: 4 } });
  for (const event of ['admin.request', 'admin.refused'] as const)
    log.record({ event, reason: 'DONE', detail: { request: 'grants.add', caller: { pid: 1, uid: 0 } } });
  log.record({ event: 'session.open', src: audio, session: 's' });
  log.record({ event: 'session.refused', src: null, reason: 'TIMEOUT', detail: { carrier: 'tcp' } });
  log.record({ event: 'peer.fault', src: audio, reason: 'BAD_FRAME', session: 's' });
  log.record({ event: 'session.key', src: audio, session: 's', detail: { key: 'k', generation: 2 } });
  log.record({ event: 'ring.register', by: permitOf(), port: 7, ringBytes: 4_096 });
  log.record({ event: 'ring.unregister', src: audio, dst: null, port: 7, reason: 'unregistered' });
  log.record({ event: 'ring.revoked', src: audio, dst: rogue, port: 7, reason: 'NO_RULE', by: denialOf() });
  log.record({ event: 'send.allowed', by: permitOf(), port: 7, bytes: 3 });
  log.record({ event: 'send.revoked', by: denialOf(), port: 7, messages: 1, bytes: 3, reason: 'NO_RULE' });
  log.record({ event: 'send.undelivered', by: permitOf(), port: 7, messages: 1, ringBytes: 32, reason: 'PEER_GONE' });
  for (const event of ['grant.add', 'grant.revoke', 'grant.expire'] as const)
    log.record({ event, src: audio, reason: 'OPERATOR', detail: { label: '@mic', by: 'root' } });
  log.record({ event: 'mode.set', src: audio, reason: 'PERMISSIVE', detail: { by: 'root', forMs: 60_000 } });
  log.record({ event: 'key.list', reason: 'INSTALLED', detail: { serial: 1, entries: 0, ended: 0 } });
  log.record({ event: 'key.own', reason: 'REPLACED', detail: { generation: 2 } });
  log.record({ event: 'key.issue', reason: 'APPROVED', detail: { name: 'chrome-vm', by: 'alice' } });
  log.record({ event: 'key.revoke', reason: 'REVOKED', detail: { name: 'chrome-vm', by: null } });
  log.record({ event: 'key.incident', reason: 'REVOKED', detail: { name: 'audio-vm', count: 2 } });
  log.denied(denialOf(), 7, 3, { session: 's', permissive: true });
  log.denied(knownDenial(), 7, 3);
  log.flow(permitOf(), 7).messages += 1;
  log.record({ event: 'session.close', src: audio, session: 's', reason: 'done' });
  await durable(log);
  clock.step(HOUR_MS);
  log.record({ event: 'policy.reject', reason: 'x' });
  await log.close('done');
  return disk.records();
}

record('records of every kind are as the schema says, with the code of their event', async () => {
  const records = await oneOfEach();
  for (const one of records) {
    assert.is(recordFault(one), null, one.event);
    assert.is(one.code, AUDIT_CATALOG[one.event].code);
  }
  const seen = new Set(records.map(({ event }) => event));
  // These are made, and judged, by the tests of denials, of floods, of full disks and of retention.
  const elsewhere = ['ring.denied', 'audit.gap', 'audit.withheld', 'audit.prune', 'audit.space'];
  assert.equal(
    AUDIT_EVENTS.filter((event) => !seen.has(event)),
    elsewhere,
  );
});

record('the published schema is the one of the code', () => {
  const published = JSON.parse(readFileSync(PUBLISHED, 'utf8'));
  assert.equal(
    published,
    JSON.parse(JSON.stringify(recordJsonSchema())),
    'argus audit schema > docs/audit-schema.json',
  );
});

withJsonSchema(
  record,
  "another program's validator takes every record by the published schema, and no other",
  async () => {
    const records = await oneOfEach();
    const [good] = records;
    const strangers = [{ ...good, payload: 'x' }, { ...good, event: 'broker.pause' }, { ...good, seq: 0 }, {}];
    const input = [...records, ...strangers].map((one) => `${JSON.stringify(one)}\n`).join('');
    const script = fileURLToPath(new URL('judge-by-schema.py', import.meta.url));
    const faults: (string | null)[] = JSON.parse(
      execFileSync(DEBIAN_PYTHON, [script, PUBLISHED], { input, encoding: 'utf8' }),
    );
    assert.equal(
      faults.map((fault) => fault === null),
      [...records.map(() => true), ...strangers.map(() => false)],
      String(faults.find((fault) => fault !== null)),
    );
  },
);

/** RFC 9562, section 5.5: a name-based UUID, without its hyphens. */
function uuidOfName(namespace: string, name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest();
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  return hash.toString('hex', 0, 16);
}

record('the message id of a kind is the UUID of its code, and stands in the schema', () => {
  // The example of RFC 9562, appendix A.4.
  const dns = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
  assert.is(uuidOfName(dns, 'www.example.com'), '2ed6657de927568b95e12665a8aea6a2');
  for (const event of AUDIT_EVENTS)
    assert.is(MESSAGE_IDS[event], uuidOfName(MESSAGE_NAMESPACE, AUDIT_CATALOG[event].code), event);
  const { 'x-messages': messages } = recordJsonSchema() as { 'x-messages': Record<string, { messageId: string }> };
  assert.equal(
    Object.entries(messages).map(([event, { messageId }]) => [event, messageId]),
    AUDIT_EVENTS.map((event) => [event, MESSAGE_IDS[event]]),
  );
});

record('what no broker writes is not a record', async () => {
  const [good] = await oneOfEach();
  const refused: readonly (readonly [label: string, change: object, where: string])[] = [
    ['a key that there is not', { payload: 'x' }, 'record'],
    ['a code of another event', { code: 'A1002I' }, 'code'],
    ['an unknown event', { event: 'broker.pause' }, 'event'],
    ['a number before the first', { seq: 0 }, 'seq'],
    ['a time without its milliseconds', { time: '2026-11-28T10:00:00Z' }, 'time'],
    ['a negative size', { bytes: -1 }, 'bytes'],
    ['a count of one', { count: 1 }, 'count'],
    ['a domain without labels', { src: { domain: 'a', domid: 1 } }, 'src.labels'],
    ['a hash of another length', { prev: '00' }, 'prev'],
  ];
  assert.is(recordFault(good), null);
  for (const [label, change, where] of refused)
    assert.is(recordFault({ ...good, ...change })?.split(':')[0], where, label);
});

record('a unit has one name: payload is bytes, room in a ring is ringBytes', async () => {
  const inRings = new Set(['ring.register', 'send.undelivered']);
  for (const one of await oneOfEach()) {
    if (one.ringBytes !== undefined) assert.ok(inRings.has(one.event), one.event);
    if (inRings.has(one.event)) assert.is(one.bytes, undefined, one.event);
  }
});

record('a clock that is set is a record of its own, before the first with the new time', async () => {
  for (const byMs of [HOUR_MS, -HOUR_MS, CLOCK_STEP_MS + 1, -CLOCK_STEP_MS - 1]) {
    const { log, disk, clock } = await openOn();
    const expected = new Date(clock.wall()).toISOString();
    clock.step(byMs);
    log.record({ event: 'policy.reject', reason: 'x' });
    assert.ok(await durable(log));
    const [, step, after] = disk.records();
    assert.equal(
      [step?.event, step?.reason, step?.detail],
      ['audit.clock', byMs < 0 ? 'BACK' : 'FORWARD', { byMs, expected }],
    );
    assert.is(after?.event, 'policy.reject');
    log.record({ event: 'policy.reject', reason: 'y' });
    await log.close();
    assert.is(disk.records().filter(({ event }) => event === 'audit.clock').length, 1, 'once');
    assert.ok((await disk.verify()).ok, 'the order is seq, so a step does not matter to it');
  }
});

record('what NTP may slew, and time that passes, is no step', async () => {
  const { log, disk, clock } = await openOn();
  for (const [elapsedMs, byMs] of [
    [0, CLOCK_STEP_MS],
    [CHECKPOINT_INTERVAL_MS, 0],
    [10 * HOUR_MS, 18_000],
  ] as const) {
    clock.advance(elapsedMs);
    clock.step(byMs);
    log.record({ event: 'policy.reject', reason: 'x' });
    assert.ok(await durable(log));
  }
  await log.close();
  assert.not.ok(disk.records().some(({ event }) => event === 'audit.clock'));
});

record.run();
