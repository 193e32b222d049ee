/** A69 … A80: what Flask's policy means, and Argus' means as well. */
import * as assert from 'uvu/assert';
import { InvariantError } from '../../broker/base/index.ts';
import { Ring } from '../../broker/core/index.ts';
import { Op, Status } from '../../broker/wire/index.ts';
import { PolicyError } from '../../policy/index.ts';
import { CoreHarness, compile, OPEN, PORT } from '../support/core/harness.ts';
import { statement } from './harness.ts';

const ENABLED = 'p, @any, broker, argo, *, allow';
const SEND_A_B = 'p, a, b, argo, send, allow';
const DATA_A_B = 'p, a, b, data, send, allow';

/** The codes of the findings for which a policy is refused. */
async function refusal(attempt: Promise<unknown>): Promise<string[]> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof PolicyError) return error.findings.map(({ code }) => code);
    throw error;
  }
  return [];
}

statement('A69', undefined, async () => {
  const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: [ENABLED] });
  harness.register('b', 'ANY');
  assert.is(harness.send('a', 'b'), Status.EACCES);
  await harness.adopt({ domains: ['a', 'b'], rows: [ENABLED, SEND_A_B] });
  assert.is(harness.send('a', 'b'), Status.EACCES, 'the class of the port has no rule yet');
  await harness.adopt({ domains: ['a', 'b'], rows: [ENABLED, SEND_A_B, DATA_A_B] });
  assert.is(harness.send('a', 'b'), Status.OK);
  await harness.adopt({ domains: ['a', 'b'], rows: [ENABLED] });
  assert.is(harness.send('a', 'b'), Status.EACCES);
});

statement('A70', undefined, async () => {
  const harness = await CoreHarness.of({
    domains: ['a', 'b'],
    rows: [ENABLED, SEND_A_B, 'p, @any, @any, data, send, allow'],
  });
  harness.register('a', 'ANY');
  harness.register('b', 'ANY');
  assert.equal([harness.send('a', 'b'), harness.send('b', 'a')], [Status.OK, Status.EACCES]);
});

statement(
  'A71',
  { deviation: 'a denial is a record of the hash-chained audit log (JSON), with what the AVC line has and more' },
  async () => {
    const harness = await CoreHarness.of({
      domains: ['a', 'b'],
      rows: [ENABLED, SEND_A_B, 'p, a, b, data, send, deny'],
    });
    harness.send('a', 'b', { payload: 'xyz' });
    const record = harness.audit.records.at(-1);
    const { event, decision, reason, rule, src, dst, port, permission, bytes, revision, session } = record ?? {};
    assert.equal(
      { event, decision, reason, rule, src, dst, port, permission, bytes, revision, session },
      {
        event: 'send.denied',
        decision: 'deny',
        reason: 'EXPLICIT_DENY',
        rule: { file: 'policy.csv', line: 3 },
        src: { domain: 'a', domid: 1, labels: [] },
        dst: { domain: 'b', domid: 2, labels: [] },
        port: PORT,
        permission: 'send',
        bytes: 3,
        revision: 1,
        session: 'session-of-a',
      },
    );
    assert.is(record?.class, 'data');
  },
);

statement(
  'A72',
  {
    deviation:
      'the denials of a dontaudit row have no lines of their own, and one record an interval has their exact count',
  },
  async () => {
    const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: [ENABLED, 'dontaudit, a, b, argo, send'] });
    for (let i = 0; i < 5; i++) assert.is(harness.send('a', 'b'), Status.EACCES);
    harness.send('b', 'a');
    assert.equal(harness.denials(), ['send.denied NO_RULE b>a send']);
    harness.audit.flushFlows();
    const record = harness.audit.records.at(-1);
    assert.equal([record?.event, record?.count, record?.detail?.dontaudit], ['denied.counted', 5, 'policy.csv:2']);
  },
);

statement('A73', undefined, async () => {
  const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: [...OPEN, 'p, a, b, audited, send, allow'] });
  harness.register('b', 'ANY', { port: 1000 });
  harness.register('b', 'ANY');
  const before = harness.log.length;
  for (let i = 0; i < 3; i++) harness.send('a', 'b', { port: 1000 });
  for (let i = 0; i < 3; i++) harness.send('a', 'b');
  assert.equal(harness.log.slice(before), Array<string>(3).fill('send.allowed - a>b send'));

  for (const row of ['auditallow, a, b, data, send', 'auditallow, a, b, argo, send']) {
    const marked = await CoreHarness.of({ domains: ['a', 'b'], rows: [...OPEN, row] });
    for (const name of ['a', 'b']) marked.register(name, 'ANY');
    const start = marked.log.length;
    for (let i = 0; i < 3; i++) marked.send('a', 'b');
    marked.send('b', 'a');
    assert.equal(marked.log.slice(start), Array<string>(3).fill('send.allowed - a>b send'), row);
    assert.is(marked.audit.records.at(-1)?.class, 'data', row);
  }
});

statement('A74', undefined, async () => {
  const policy = { domains: ['a', 'b'], rows: [ENABLED], permissive: ['a'] };
  const harness = await CoreHarness.of(policy);
  harness.register('b', 'ANY');
  const before = harness.audit.records.length;
  assert.equal([harness.send('a', 'b'), harness.send('a', 'b'), harness.send('b', 'a')].slice(0, 2), [
    Status.OK,
    Status.OK,
  ]);
  const noted = () => harness.audit.records.slice(before).filter(({ permissive }) => permissive === true);
  const requests = () =>
    noted().map(({ event, decision, reason, class: name }) => [event, decision, reason, name].join(' '));
  assert.equal(requests(), ['send.denied deny NO_RULE argo', 'send.denied deny NO_RULE data']);
  await harness.adopt(policy);
  harness.send('a', 'b');
  assert.is(requests().filter((each) => each.startsWith('send.denied')).length, 4, 'a new revision is a new cache');
});

statement('A75', undefined, async () => {
  const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: OPEN });
  harness.register('b', 'ANY');
  assert.is(harness.send('a', 'b'), Status.OK);
  await harness.adopt({ domains: ['a', 'b'], rows: [...OPEN, 'p, a, b, data, send, deny'] });
  assert.is(harness.send('a', 'b'), Status.EACCES);
  await harness.adopt({ domains: ['a', 'b'], rows: OPEN });
  assert.is(harness.send('a', 'b'), Status.OK);
  assert.equal(
    harness
      .at('b')
      .of(Op.revision)
      .map(({ revision }) => revision),
    [2, 3],
  );
});

statement('A76', undefined, async () => {
  // Each revision has a cache of its own; what an older one decides later reaches neither the new cache nor a ring.
  const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: OPEN });
  const old = harness.argo.policy;
  await harness.adopt({ domains: ['a', 'b'], rows: [...OPEN, 'p, a, b, argo, send, deny'] });
  const [a, b] = [old.domains.byName('a'), old.domains.byName('b')];
  assert.ok(a !== undefined && b !== undefined);
  const late = old.monitor.vector(a, b, old.classes.of(b, PORT)).decisions[0];
  assert.ok(late?.allowed);
  assert.is(harness.argo.policy.monitor.send(harness.state('a').domain, harness.state('b').domain).allowed, false);
  assert.is(harness.argo.policy.monitor.send(a, b).allowed, false, 'the new revision does not know the old domains');
  const { revision, classes } = harness.argo.policy;
  const binding = { revision, serviceClass: classes.of(harness.state('b').domain, PORT) };
  const ring = new Ring(1, harness.state('b'), PORT, null, 4096, binding);
  assert.throws(
    () => ring.insert(late, 0, ring.shareOf(harness.state('a')), 16),
    (error: unknown) => error instanceof InvariantError,
  );
});

statement('A77', undefined, async () => {
  const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: OPEN });
  harness.register('b', 'ANY');
  for (const rows of [['p, a, b, argo, send'], ['p, a, nobody, argo, send, allow'], ['allow everything']]) {
    assert.is.not((await refusal(harness.adopt({ domains: ['a', 'b'], rows }))).length, 0);
    assert.is(harness.argo.policy.revision, 1);
    assert.is(harness.send('a', 'b'), Status.OK);
  }
  assert.equal(harness.at('b').of(Op.revision), []);
});

statement(
  'A78',
  {
    deviation:
      'labels belong to a revision: a policy that names an undeclared one is refused whole, and who lost a label is denied with EACCES',
  },
  async () => {
    const labelled = { domains: ['a', 'b'], labels: ['@app'], about: { a: 'labels: ["@app"]' } };
    const rows = [ENABLED, 'p, @app, b, argo, send, allow', 'p, @app, b, data, send, allow'];
    const harness = await CoreHarness.of({ ...labelled, rows });
    harness.register('b', 'ANY');
    assert.is(harness.send('a', 'b'), Status.OK);
    assert.is.not((await refusal(harness.adopt({ domains: ['a', 'b'], rows }))).length, 0);
    assert.is(harness.send('a', 'b'), Status.OK);
    await harness.adopt({ domains: ['a', 'b'], labels: ['@app'], rows });
    assert.is(harness.send('a', 'b'), Status.EACCES);
  },
);

statement('A79', undefined, async () => {
  const text = { domains: ['a', 'b'], rows: [...OPEN], assertions: ['neverallow, a, b, argo, send'] };
  assert.is.not((await refusal(compile(text))).length, 0);
  assert.equal(await refusal(compile({ ...text, rows: [...OPEN, 'p, a, b, argo, send, deny'] })), []);
});

statement('A80', undefined, async () => {
  const harness = await CoreHarness.of({ domains: ['a', 'b', 'c'], rows: OPEN });
  harness.register('b', 'ANY');
  assert.is(harness.send('a', 'b'), Status.OK);
  await harness.adopt({ domains: ['a', 'b', 'c'], rows: [...OPEN, 'p, a, b, argo, send, deny'] });
  assert.is(harness.send('a', 'b'), Status.EACCES);
  assert.is(harness.send('c', 'b'), Status.OK, 'the ring is still there');
  assert.equal(harness.at('b').of(Op.ringClosed), []);
});

statement.run();
