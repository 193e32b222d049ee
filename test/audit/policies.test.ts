import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INSPECTORS } from '../../broker/index.ts';
import { accessUse, loadedPolicyOf, RecordRow, ruleUse, UsageTally, unusedRows } from '../../clients/audit/index.ts';
import { compileFiles, type PolicyRevision } from '../../policy/index.ts';
import { MORNING, OPENED } from './day/policies.ts';

const policies = suite('policies next to their use');

const morning = await compileFiles('morning', MORNING, { revision: 1, inspectors: INSPECTORS });
const opened = await compileFiles('opened', OPENED, { revision: 2, inspectors: INSPECTORS });

let seq = 0;

function record(fields: object): RecordRow {
  seq += 1;
  return new RecordRow({ seq, fields: { seq, time: '2026-11-17T10:00:00.000Z', ...fields } });
}

function asked(src: string, dst: string, what: string, more: object): RecordRow {
  const [className, permission] = what.split(':');
  const party = (domain: string): object => ({ domain, domid: 1, labels: [] });
  return record({ src: party(src), dst: party(dst), class: className, permission, ...more });
}

function flow(
  src: string,
  dst: string,
  what: string,
  policy: PolicyRevision,
  line: number,
  messages: number,
): RecordRow {
  const rule = { file: 'policy.csv', line };
  return asked(src, dst, what, { event: 'flow', decision: 'allow', messages, rule, policy: policy.hash.slice(0, 16) });
}

const DENIED = { event: 'send.denied', decision: 'deny', reason: 'NO_RULE' };

function tallyOf(...rows: readonly RecordRow[]): UsageTally {
  const tally = new UsageTally();
  for (const row of rows) tally.add(row);
  return tally;
}

function stateOf(policy: PolicyRevision, tally: UsageTally, cell: string): readonly unknown[] {
  const found = accessUse(policy, tally).find(
    (one) => `${one.source} ${one.destination} ${one.className}:${one.permission}` === cell,
  );
  return found === undefined ? [] : [found.state, found.allowed, found.denied];
}

policies('a permission is used, never used, or was tried without one', () => {
  const tally = tallyOf(
    record({ event: 'session.open', src: { domain: 'work-vm', domid: 103, labels: [] } }),
    flow('work-vm', 'db-vm', 'data:send', morning, 19, 7),
    asked('mail-vm', 'db-vm', 'argo:send', { ...DENIED, count: 5 }),
    asked('mail-vm', 'db-vm', 'argo:send', DENIED),
  );
  assert.equal(stateOf(morning, tally, 'work-vm db-vm data:send'), ['used', 7, 0]);
  assert.equal(stateOf(morning, tally, 'work-vm db-vm argo:send'), ['used', 7, 0], 'goes without saying');
  assert.equal(stateOf(morning, tally, 'work-vm broker argo:enable'), ['used', 1, 0], 'had a session');
  assert.equal(stateOf(morning, tally, 'chrome-vm broker argo:enable'), ['unused', 0, 0]);
  assert.equal(stateOf(morning, tally, 'mail-vm db-vm argo:send'), ['tried', 0, 6]);
  assert.equal(stateOf(opened, tally, 'mail-vm db-vm argo:send'), ['unused', 0, 6], 'tried in vain, and allowed now');
  assert.equal(stateOf(morning, tally, 'mail-vm work-vm argo:send'), [], 'neither allowed nor tried');
});

policies('a record of a class with auditallow is not counted next to its flow', () => {
  const allowed = { event: 'send.allowed', decision: 'allow', policy: morning.hash.slice(0, 16) };
  const tally = tallyOf(
    asked('zoom-vm', 'audio-vm', 'audio-control:source-start', allowed),
    flow('zoom-vm', 'audio-vm', 'audio-control:source-start', morning, 13, 1),
  );
  assert.equal(stateOf(morning, tally, 'zoom-vm audio-vm audio-control:source-start'), ['used', 1, 0]);
});

function timesOf(policy: PolicyRevision, tally: UsageTally, line: number): readonly unknown[] {
  const found = ruleUse(policy, tally).find(({ text }) => text.endsWith(`policy.csv:${line}`));
  return found === undefined ? [] : [found.times, found.sources];
}

policies('a row counts what it decided: by its line in the same files, by a new decision from others', () => {
  const tally = tallyOf(
    // With a grant of that time, which the policy at hand does not have.
    flow('audio-vm', 'zoom-vm', 'audio-capture:send', morning, 15, 3),
    // Line 19 of other files is another row perhaps.
    flow('chrome-vm', 'net-vm', 'ethernet:ipv4', opened, 19, 11),
    flow('mail-vm', 'db-vm', 'data:send', opened, 24, 2),
    asked('mail-vm', 'chrome-vm', 'argo:send', DENIED),
  );
  assert.equal(timesOf(morning, tally, 15), [3, ['audio-vm']]);
  assert.equal(timesOf(morning, tally, 16), [11, ['chrome-vm']]);
  assert.equal(timesOf(morning, tally, 19), [0, []]);
  assert.equal(timesOf(opened, tally, 24), [2, ['mail-vm']]);
  assert.equal(timesOf(morning, tally, 10), [11, ['chrome-vm']], 'argo:send of the flows');
});

policies('W-030 names allow rows that decided nothing, if they were in force all the time', () => {
  const SINCE = '2026-11-17T00:00:00.000Z';
  const tally = tallyOf(flow('chrome-vm', 'net-vm', 'ethernet:ipv4', morning, 16, 3));
  const lines = (policy: PolicyRevision, before: PolicyRevision): number[] =>
    unusedRows(policy, before, tally, SINCE).map(({ line }) => line);
  const unused = ruleUse(morning, tally).filter(({ effect, times }) => effect === 'allow' && times === 0);
  const forGrants = unused.filter(({ text }) => text.includes('@mic'));
  assert.ok(forGrants.length > 0 && unused.length > forGrants.length);
  assert.equal(
    lines(morning, morning),
    unused.filter((use) => !forGrants.includes(use)).map(({ place }) => place.line),
    'rows for a label that can be granted are not meant',
  );
  assert.ok(!lines(morning, morning).includes(16));
  const added = lines(opened, opened).filter((line) => !lines(opened, morning).includes(line));
  assert.equal(added, [23, 24], 'the rows that the policy of the afternoon added are too new for the morning');
  assert.match(unusedRows(morning, morning, tally, SINCE)[0]?.message ?? '', 'allowed nothing since 2026-11-17');
});

policies('a policy.load names files, grants and who wanted it; other records and damaged ones do not', () => {
  const detail = { cause: 'apply', by: 'bob', why: 'reports', grants: ['zoom-vm @mic', 'x', 5] };
  const loaded = loadedPolicyOf(record({ event: 'policy.load', revision: 5, policy: 'ab', detail }));
  assert.equal(
    [loaded?.revision, loaded?.policy, loaded?.by, loaded?.grants],
    [5, 'ab', 'bob', [{ domain: 'zoom-vm', label: '@mic' }]],
  );
  assert.is(loadedPolicyOf(record({ event: 'flow', policy: 'ab' })), null);
  assert.is(loadedPolicyOf(record({ event: 'policy.load' })), null);
  assert.equal(loadedPolicyOf(record({ event: 'policy.load', policy: 'ab', detail: 'x' }))?.grants, []);
});

policies.run();
