/** Every kind of record, by the bound that prevents it from filling the disk. The floods are those of SECURITY.md. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AuditError, type AuditLog } from '../../../broker/audit/index.ts';
import {
  DEFAULT_FLOW_INTERVAL_MS,
  FLOOD_WINDOW_MS,
  HOUR_MS,
  KINDS_PER_ACCOUNT,
  LOG_BURST_PARTS,
  MIN_DOMAIN_BYTES_PER_HOUR,
  PROMPT_RECORDS_PER_WINDOW,
} from '../../../broker/audit/limits.ts';
import { accountOf } from '../../../broker/audit/write/share/account-of.ts';
import { LogAccounts } from '../../../broker/audit/write/share/log-accounts.ts';
import {
  AUDIT_CATALOG,
  AUDIT_EVENTS,
  type AuditEvent,
  type AuditEventName,
  type AuditRecord,
} from '../../../broker/record/index.ts';
import {
  argoDenials,
  denialOf,
  durable,
  knownDenial,
  type LogFixture,
  named,
  openOn,
  permitOf,
  settle,
} from '../fixtures.ts';

const flood = suite('audit flood');

/** An action that rogue-vm, a stranger, or both with a receiver can repeat at will. `index` grows by one each time. */
type Cause = (log: AuditLog, index: number) => void;

const rogue = named('rogue-vm');
const chrome = named('chrome-vm');
const [enableDenial, , ringDenial] = argoDenials();
if (enableDenial === undefined || ringDenial === undefined) throw new Error('expected denials of class argo');

const told =
  (event: (index: number) => AuditEvent): Cause =>
  (log, index) =>
    log.record(event(index));
const port = (index: number): number => index % 60_000;

/** At least one flood for each event that a domain can cause, and the worst one possible for it. */
const FLOODS: readonly (readonly [label: string, event: AuditEventName, cause: Cause])[] = [
  ['credentials shown', 'session.key', told((index) => ({ event: 'session.key', src: rogue, session: `s${index}` }))],
  ['sessions opened', 'session.open', told((index) => ({ event: 'session.open', src: rogue, session: `s${index}` }))],
  [
    'sessions ended',
    'session.close',
    told((index) => ({ event: 'session.close', src: rogue, session: `s${index}`, reason: 'done' })),
  ],
  [
    'bad hellos of a domain',
    'session.refused',
    told(() => ({ event: 'session.refused', src: rogue, reason: 'MALFORMED' })),
  ],
  [
    'bad hellos of strangers',
    'session.refused',
    told((index) => ({ event: 'session.refused', src: null, reason: `R${index % 300}` })),
  ],
  ['a domain that is not enabled', 'session.refused', (log, index) => log.denied(enableDenial, port(index), 0)],
  [
    'protocol faults',
    'peer.fault',
    told((index) => ({ event: 'peer.fault', src: rogue, reason: 'BAD_FRAME', session: `s${index}` })),
  ],
  [
    'rings registered',
    'ring.register',
    told((index) => ({ event: 'ring.register', by: permitOf(), port: port(index), ringBytes: 64 })),
  ],
  [
    'rings unregistered',
    'ring.unregister',
    told((index) => ({ event: 'ring.unregister', src: rogue, dst: null, port: port(index) })),
  ],
  ['rings denied', 'ring.denied', (log, index) => log.denied(ringDenial, port(index), 0)],
  ['sends denied, a port each', 'send.denied', (log, index) => log.denied(denialOf(), port(index), 7)],
  [
    'sends denied, a session each',
    'send.denied',
    (log, index) => log.denied(denialOf(), 7, 7, { session: `s${index}` }),
  ],
  ['sends denied that a row calls known', 'denied.counted', (log, index) => log.denied(knownDenial(), port(index), 7)],
  [
    'sends of an auditallow class',
    'send.allowed',
    told((index) => ({ event: 'send.allowed', by: permitOf(), port: port(index), bytes: 7 })),
  ],
  [
    'rings closed over messages',
    'send.undelivered',
    told((index) => ({
      event: 'send.undelivered',
      by: denialOf(),
      port: port(index),
      messages: 2,
      ringBytes: 7,
      reason: 'PEER_GONE',
    })),
  ],
  [
    'incidents with keys',
    'key.incident',
    told((index) => ({ event: 'key.incident', reason: 'REVOKED', detail: { name: `n${index}`, key: `k${index}` } })),
  ],
  [
    'flows that end at once',
    'flow',
    (log, index) => {
      log.flow(permitOf(), port(index)).messages += 1;
      log.endFlow(permitOf(), port(index));
    },
  ],
];

/** Number of events that the records of a log stand for, including withheld ones. */
function counted(records: readonly AuditRecord[], event: AuditEventName): number {
  let sum = 0;
  for (const record of records) {
    if (record.event === event) sum += event === 'flow' ? (record.messages ?? 0) : (record.count ?? 1);
    if (record.event !== 'audit.withheld') continue;
    const events = (record.detail?.events ?? {}) as Readonly<Record<string, { readonly count: number }>>;
    sum += events[event]?.count ?? 0;
  }
  return sum;
}

/** Floods for `seconds` seconds. One window ends in each second. */
async function run({ log, clock }: LogFixture, cause: Cause, seconds: number, perSecond: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    for (let index = 0; index < perSecond; index++) cause(log, second * perSecond + index);
    await settle();
    clock.advance(FLOOD_WINDOW_MS);
  }
  await settle();
}

/** Small segments: the disk in memory copies a segment for each write. */
const open = (): ReturnType<typeof openOn> =>
  openOn(undefined, { domainBytesPerHour: MIN_DOMAIN_BYTES_PER_HOUR, segmentBytes: 64 * 1024 });

/** Bytes that a share allows within `seconds` after its first byte. */
function allowance(seconds: number): number {
  const burst = MIN_DOMAIN_BYTES_PER_HOUR / LOG_BURST_PARTS;
  return burst + ((MIN_DOMAIN_BYTES_PER_HOUR - burst) / HOUR_MS) * seconds * 1_000;
}

flood('every kind of record has a bound, and the table of floods has each that a domain can cause', () => {
  const flooded = new Set(FLOODS.map(([, event]) => event));
  for (const event of AUDIT_EVENTS) {
    const { bound } = AUDIT_CATALOG[event];
    assert.is(flooded.has(event), bound === 'share' || bound === 'interval', event);
  }
});

flood('codes are told apart, and their order is that of the table', () => {
  const codes = AUDIT_EVENTS.map((event) => AUDIT_CATALOG[event].code);
  assert.equal(codes, [...new Set(codes)].sort());
});

for (const [label, event, cause] of FLOODS) {
  flood(`${label}: the bytes stay within the share, and the counts are exact`, async () => {
    const bench = await open();
    const [seconds, perSecond] = [120, 400];
    await run(bench, cause, seconds, perSecond);
    const bytes = bench.disk.text().length;
    assert.ok(bytes <= allowance(seconds) + 1_024, `${bytes} bytes, ${allowance(seconds)} allowed`);
    await bench.log.close();
    const records = bench.disk.records();
    assert.is(counted(records, event), seconds * perSecond);
    assert.ok((await bench.disk.verify()).ok);
  });
}

flood('no hour has more bytes of a domain than its share', async () => {
  const bench = await open();
  await run(bench, (log, index) => log.denied(denialOf(), port(index), 7), HOUR_MS / 1_000, 50);
  const bytes = bench.disk.text().length;
  assert.ok(bytes <= MIN_DOMAIN_BYTES_PER_HOUR, String(bytes));
  assert.ok(bytes > MIN_DOMAIN_BYTES_PER_HOUR * 0.8, 'and the share is there to be used');
  await bench.log.close();
});

flood('a burst of an auditallow class is some records, whatever its rate', async () => {
  const { log, disk, clock } = await openOn();
  for (let index = 0; index < 124_200; index++)
    log.record({ event: 'send.allowed', by: permitOf(), port: 7, bytes: 1 });
  clock.advance(FLOOD_WINDOW_MS);
  await settle();
  const allowed = disk.records().filter(({ event }) => event === 'send.allowed');
  assert.is(allowed.length, PROMPT_RECORDS_PER_WINDOW + 1);
  assert.is(counted(disk.records(), 'send.allowed'), 124_200);
  assert.is(
    allowed.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0),
    124_200,
    'the bytes are summed up',
  );
  assert.ok(disk.text().length < 8_192, String(disk.text().length));
  await log.close();
});

flood('repeated sends are told apart by port, and each window has its own prompt records', async () => {
  const { log, disk, clock } = await openOn();
  for (let window = 0; window < 2; window++) {
    for (let index = 0; index < 200; index++)
      log.record({ event: 'send.allowed', by: permitOf(), port: 7 + (index % 2), bytes: 1 });
    clock.advance(FLOOD_WINDOW_MS);
    await settle();
  }
  await log.close();
  const allowed = disk.records().filter(({ event }) => event === 'send.allowed');
  for (const port of [7, 8]) {
    const own = allowed.filter((record) => record.port === port);
    assert.is(own.length, 2 * (PROMPT_RECORDS_PER_WINDOW + 1));
    assert.is(counted(own, 'send.allowed'), 200);
  }
});

flood('more kinds than an account may tell apart are counted per event', async () => {
  const { log, disk } = await openOn();
  for (let index = 0; index < 5_000; index++) log.record({ event: 'peer.fault', src: null, reason: `BUG_${index}` });
  await log.close();
  const faults = disk.records().filter(({ event }) => event === 'peer.fault');
  assert.is(faults.length, KINDS_PER_ACCOUNT);
  assert.is(counted(disk.records(), 'peer.fault'), 5_000);
});

flood('what was withheld says of whom, what, how often and until when', async () => {
  const bench = await open();
  const cause: Cause = (log, index) => {
    log.denied(denialOf(), port(index), 7);
    log.record({ event: 'session.refused', src: null, reason: `R${index % 2_000}` });
  };
  await run(bench, cause, 10, 2_000);
  const withheld = bench.disk.records().filter(({ event }) => event === 'audit.withheld');
  const last = withheld.filter(({ src }) => src?.domain === 'rogue-vm').at(-1);
  const events = last?.detail?.events as Readonly<Record<string, { count: number; bytes: number }>>;
  assert.is(last?.reason, 'LOG_SHARE');
  assert.is(events['send.denied']?.count, last?.count);
  assert.is(events['send.denied']?.bytes, (last?.count ?? 0) * 7);
  assert.ok(String(last?.detail?.until) >= String(last?.time));
  assert.is(withheld.filter(({ src }) => src === undefined).at(-1)?.detail?.cause, '(strangers)');
  const shares = new Map(bench.log.shares().map((share) => [share.name, share.withheld]));
  assert.is(
    withheld.filter(({ src }) => src?.domain === 'rogue-vm').reduce((sum, { count }) => sum + (count ?? 1), 0),
    shares.get('rogue-vm'),
  );
  await bench.log.close();
});

flood('a flood delays neither the records of another domain nor what the operator does', async () => {
  const bench = await open();
  const cause: Cause = (log, index) => {
    log.denied(denialOf(), port(index), 7);
    log.record({
      event: 'send.undelivered',
      by: denialOf('rogue-vm', 'audio-vm'),
      port: port(index),
      messages: 1,
      ringBytes: 1,
      reason: 'PEER_GONE',
    });
    log.record({ event: 'key.incident', reason: 'REVOKED', detail: { name: `n${index}`, key: 'k' } });
  };
  await run(bench, cause, 60, 1_000);
  const { log, disk } = bench;
  for (let index = 0; index < 1_000; index++) cause(log, index);
  const rogueWaits: boolean[] = [];
  log.whenDurable((ok) => rogueWaits.push(ok), rogue);
  const before = disk.records().length;
  const own = new Set(['send.undelivered', 'key.incident', 'audit.withheld']);
  log.denied(denialOf('net-vm'), 7, 0);
  log.record({ event: 'ring.revoked', src: rogue, dst: null, port: 7, reason: 'NO_RULE', by: denialOf() });
  log.record({ event: 'send.revoked', by: denialOf(), port: 7, messages: 1, bytes: 1, reason: 'NO_RULE' });
  log.record({ event: 'key.list', reason: 'INSTALLED' });
  log.record({ event: 'grant.revoke', src: rogue, reason: 'OPERATOR' });
  log.record({ event: 'policy.load', revision: 2, policy: 'ab'.repeat(32) });
  assert.ok(await durable(log, named('net-vm')));
  assert.equal(
    disk
      .records()
      .slice(before)
      .map(({ event, src }) => [event, src?.domain])
      .filter(([event, src]) => !own.has(String(event)) && !(event === 'send.denied' && src === 'rogue-vm')),
    [
      ['send.denied', 'net-vm'],
      ['ring.revoked', 'rogue-vm'],
      ['send.revoked', 'rogue-vm'],
      ['key.list', undefined],
      ['grant.revoke', 'rogue-vm'],
      ['policy.load', undefined],
    ],
  );
  assert.equal(rogueWaits, [], 'its own answers wait with its records');
  bench.clock.advance(FLOOD_WINDOW_MS);
  await settle();
  assert.equal(rogueWaits, [true]);
  await log.close();
});

flood('an account pays for the events of its own domain, and operators pay for nothing', () => {
  const accounts = new LogAccounts(MIN_DOMAIN_BYTES_PER_HOUR, () => 0);
  const payer = (event: AuditEvent): string | undefined => accountOf(event, accounts)?.name;
  assert.is(payer({ event: 'ring.register', by: permitOf(), port: 7 }), 'chrome-vm');
  assert.is(payer({ event: 'send.allowed', by: permitOf(), port: 7, bytes: 1 }), 'chrome-vm');
  assert.is(
    payer({ event: 'send.undelivered', by: permitOf(), port: 7, messages: 1, ringBytes: 1, reason: 'PEER_GONE' }),
    'audio-vm',
    'the receiver closed its ring',
  );
  assert.is(payer({ event: 'session.open', src: chrome, session: 's' }), 'chrome-vm');
  assert.is(payer({ event: 'session.refused', src: null, reason: 'TIMEOUT' }), '(strangers)');
  assert.is(payer({ event: 'key.incident', reason: 'REVOKED' }), '(keys)', 'strangers cannot push it out');
  assert.is(payer({ event: 'grant.expire', src: chrome, reason: 'EXPIRED' }), undefined);
  assert.is(payer({ event: 'ring.revoked', src: chrome, dst: null, port: 7, reason: 'NO_RULE' }), undefined);
});

flood('flows past the share go on counting, and are written when it allows again', async () => {
  const bench = await open();
  const { log, disk, clock } = bench;
  await run(
    bench,
    (each, index) => each.record({ event: 'send.allowed', by: permitOf(), port: port(index), bytes: 1 }),
    20,
    1_000,
  );
  const flow = log.flow(permitOf(), 7);
  for (let round = 0; round < 3; round++) {
    flow.messages += 1;
    clock.advance(DEFAULT_FLOW_INTERVAL_MS);
    await settle();
  }
  clock.advance(HOUR_MS);
  await settle();
  const flows = disk.records().filter(({ event }) => event === 'flow');
  assert.is(
    flows.reduce((sum, { messages }) => sum + (messages ?? 0), 0),
    3,
  );
  await log.close();
});

flood('what a quiet domain did not use is not saved up', () => {
  let now = 0;
  const accounts = new LogAccounts(MIN_DOMAIN_BYTES_PER_HOUR, () => now);
  const account = accounts.of(rogue);
  now += 10 * HOUR_MS;
  assert.is(account.left(now), MIN_DOMAIN_BYTES_PER_HOUR / LOG_BURST_PARTS);
});

flood('a share that could not pay for its own summary is refused', async () => {
  await openOn(undefined, { domainBytesPerHour: MIN_DOMAIN_BYTES_PER_HOUR - 1 }).then(
    () => assert.unreachable(),
    (error: unknown) => assert.is(error instanceof AuditError && error.code, 'ERR_AUDIT_OPTION'),
  );
});

flood.run();
