/**
 * When a policy comes into force: a revocation at once, a permission after its record, and never a part of a policy.
 */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { firstAccess } from '../../../broker/service/index.ts';
import { hashFiles, memoryArchive, PolicyError, type PolicyFiles, readPolicyFiles } from '../../../policy/index.ts';
import { FAR, PolicyHarness } from './policy-harness.ts';

const force = suite('policy in force');

force('a revocation is in force before the call returns', async () => {
  const harness = await PolicyHarness.open();
  await harness.grant('chrome-vm', '@mic');
  assert.is(harness.hears('chrome-vm'), true);
  const answer = harness.revoke('chrome-vm', '@mic');
  assert.is(harness.hears('chrome-vm'), false);
  assert.equal(await answer, { ok: true, revision: 3, changed: true });
});

/** What the records of the policies say of the difference to the one before. */
function accessOf({ audit }: PolicyHarness, event = 'policy.load'): unknown[] {
  return audit.records.filter((record) => record.event === event).map(({ detail }) => detail?.access);
}

force('the record of a policy says what it allows more and less than the one before', async () => {
  const harness = await PolicyHarness.open();
  await harness.grant('chrome-vm', '@mic');
  await harness.revoke('chrome-vm', '@mic');
  const row = 'p, gui-vm, @audio, audio-playback, send, allow\n';
  await harness.edit('policy.csv', (text) => `${text}${row}`);
  await harness.reload.run();
  await harness.edit('policy.csv', (text) => text.replace(row, ''));
  await harness.reload.run();
  const [given, taken, widened, narrowed] = accessOf(harness) as Record<string, unknown>[];
  assert.match(String(given?.examples), '+ allow audio-vm chrome-vm:audio-capture { send };');
  assert.equal([given?.removed, taken?.added, taken?.removed], [0, 0, given?.added]);
  const allows = 'allow gui-vm audio-vm:audio-playback { send };';
  assert.equal(widened, { added: 1, removed: 0, modified: 0, examples: [`+ ${allows}`] });
  assert.equal(narrowed, { added: 0, removed: 1, modified: 0, examples: [`- ${allows}`] });
  assert.equal(accessOf(harness, 'policy.prepare'), [given, widened]);
});

force('the first policy of a run is compared with that of the run before', async () => {
  const harness = await PolicyHarness.open();
  const { archive } = harness;
  const { policy } = harness.reload;
  assert.is(await firstAccess(policy, archive), undefined);
  await harness.grant('chrome-vm', '@mic');
  const ended = { time: '', cause: 'grants', by: 'test', reason: '', rows: 1 } as const;
  const note = (hash: string, grants: readonly string[]) =>
    archive.note({ ...ended, revision: archive.newest + 1, policy: hash, before: null, assertions: hash, grants });
  await note(policy.hash, ['chrome-vm @mic']);
  const restarted = await firstAccess(policy, archive);
  assert.ok(restarted !== undefined && restarted !== null);
  assert.equal([restarted.added, restarted.removed > 0], [0, true], 'a grant has ended with its run');
  await harness.edit('policy.csv', (text) => `${text}p, gui-vm, @audio, audio-playback, send, allow\n`);
  await harness.reload.run();
  const edited = await firstAccess(policy, archive);
  assert.equal([edited?.added, edited?.removed], [0, restarted.removed + 1], 'the row of the run before is not there');
  await note('0'.repeat(64), []);
  assert.is(await firstAccess(policy, archive), null, 'its files are not there any more');
});

force('a log that cannot be written delays no revocation, and refuses a grant without a trace of it', async () => {
  const harness = await PolicyHarness.open();
  await harness.grant('chrome-vm', '@mic');
  harness.audit.setHealthy(false);
  const answer = harness.revoke('chrome-vm', '@mic');
  assert.is(harness.hears('chrome-vm'), false);
  assert.equal(await answer, { ok: true, revision: 3, changed: true, recorded: false });
  const loads = harness.events('policy.load', 'grant.add').length;
  const refused = await harness.grant('mail-vm', '@mic');
  assert.is(refused.ok ? '' : refused.code, 'ERR_BROKER_AUDIT');
  assert.is(harness.events('policy.load', 'grant.add').length, loads);
  assert.is(harness.hears('mail-vm'), false);
});

force('a revocation overtakes loads and grants that wait, and the grant it meets does not come after it', async () => {
  const harness = await PolicyHarness.open();
  await harness.grant('chrome-vm', '@mic');
  await harness.edit('policy.csv', (text) => `${text}# edited\n`);
  const loads = Array.from({ length: 500 }, () => harness.reload.run());
  const grants = [harness.grant('mail-vm', '@mic'), harness.grant('gui-vm', '@speaker')];
  const answer = harness.revoke('chrome-vm', '@mic');
  const stopped = harness.revoke('mail-vm', '@mic');
  assert.is(harness.hears('chrome-vm'), false);
  await Promise.all([answer, stopped, ...loads, ...grants]);
  assert.is(harness.hears('mail-vm'), false);
  assert.equal(harness.argo.policy.grants, [{ domain: 'gui-vm', label: '@speaker' }]);
  assert.is(harness.hears('chrome-vm'), false);
  assert.is(new Set(loads).size, 1, 'requests that wait are answered by one load');
});

force('what a load brings is put on top of a revocation that came meanwhile', async () => {
  const harness = await PolicyHarness.open();
  await harness.grant('chrome-vm', '@mic');
  await harness.grant('mail-vm', '@mic');
  const { rows } = harness.reload.policy;
  await harness.edit('policy.csv', (text) => `${text}p, gui-vm, @audio, audio-playback, send, allow\n`);
  const loaded = harness.reload.run();
  void harness.revoke('chrome-vm', '@mic');
  assert.equal([(await loaded).ok, harness.reload.policy.rows], [true, rows + 1]);
  assert.equal(
    harness.argo.policy.grants.map(({ domain }) => domain),
    ['mail-vm'],
  );
  assert.is(harness.hears('chrome-vm'), false);
});

force(
  'a removed row is in force while the log cannot be written; an added one comes by itself when it can',
  async () => {
    const harness = await PolicyHarness.open({
      'policy.csv': (text) => `${text}p, gui-vm, @audio, audio-playback, send, allow\n`,
    });
    harness.audit.setHealthy(false);
    await harness.edit('policy.csv', (text) => text.replace('p, gui-vm, @audio, audio-playback, send, allow\n', ''));
    const narrowed = await harness.reload.run();
    assert.is(narrowed.ok && narrowed.recorded === false, true);
    await harness.edit('policy.csv', (text) => `${text}p, gui-vm, @audio, audio-playback, send, allow\n`);
    const { revision } = harness.argo.policy;
    const widened = await harness.reload.run();
    assert.is(widened.ok ? '' : widened.code, 'ERR_BROKER_AUDIT');
    assert.is(harness.argo.policy.revision, revision);
    harness.audit.setHealthy(true);
    while (harness.argo.policy.revision === revision) await turns();
    assert.equal(harness.reload.policy.files['policy.csv'], await readFile(join(harness.directory, 'policy.csv')));
  },
);

force(
  'a row that keeps denials out of the log is recorded before it is in force, like one that allows something',
  async () => {
    const harness = await PolicyHarness.open();
    const row = 'dontaudit, @app, @net, ethernet, other\n';
    harness.audit.setHealthy(false);
    await harness.edit('policy.csv', (text) => `${text}${row}`);
    const { revision } = harness.argo.policy;
    const refused = await harness.reload.run();
    assert.is(refused.ok ? '' : refused.code, 'ERR_BROKER_AUDIT');
    assert.is(harness.argo.policy.revision, revision);
    harness.audit.setHealthy(true);
    while (harness.argo.policy.revision === revision) await turns();
    harness.audit.setHealthy(false);
    await harness.edit('policy.csv', (text) => text.replace(row, ''));
    const recordsMore = await harness.reload.run();
    assert.is(recordsMore.ok && recordsMore.recorded === false, true);
  },
);

force('taking back a label that a deny row names allows something, and so it waits for its record', async () => {
  const harness = await PolicyHarness.open({
    'domains.yaml': (text) => text.replace('labels:\n', 'labels:\n  - name: "@deaf"\n    grantable: true\n'),
    'policy.csv': (text) => `${text}p, @audio, @deaf, audio-capture, send, deny\n`,
  });
  await harness.grant('mail-vm', '@deaf');
  await harness.grant('mail-vm', '@mic');
  assert.is(harness.hears('mail-vm'), false);
  harness.audit.setHealthy(false);
  const refused = await harness.revoke('mail-vm', '@deaf');
  assert.is(harness.hears('mail-vm'), false);
  assert.is(refused.ok, true, 'all grants are taken back instead, which allows nothing');
  assert.equal(harness.argo.policy.grants, []);
});

force('an expiry is noticed within 100 ms, by the clock that is reached first', async () => {
  for (const step of [0, 3_600_000, -3_600_000]) {
    const harness = await PolicyHarness.open();
    await harness.grant('chrome-vm', '@mic', 10_000);
    harness.clock.advance(5_000);
    harness.clock.step(step);
    if (step > 0) harness.clock.advance(100);
    else {
      harness.clock.advance(4_990);
      assert.is(harness.hears('chrome-vm'), true);
      harness.clock.advance(100);
    }
    assert.is(harness.hears('chrome-vm'), false, `stepped by ${step}`);
  }
});

force('256 grants is the limit, also for 300 at once', async () => {
  const names = Array.from({ length: 300 }, (_, index) => `vm-${index}`);
  const harness = await PolicyHarness.open({
    'domains.yaml': (text) =>
      `${text}${names.map((name, index) => `  - {name: ${name}, domid: ${1_000 + index}}\n`).join('')}`,
  });
  const results = await Promise.all(names.map((name) => harness.grant(name, '@mic')));
  assert.is(results.filter(({ ok }) => ok).length, 256);
  assert.is(harness.argo.policy.grants.length, 256);
});

force('a load whose files no longer bear one of a hundred grants drops that one, by halves', async () => {
  const names = Array.from({ length: 100 }, (_, index) => `vm-${index}`);
  const harness = await PolicyHarness.open({
    'domains.yaml': (text) =>
      `${text}${names.map((name, index) => `  - {name: ${name}, domid: ${1_000 + index}}\n`).join('')}`,
  });
  await Promise.all(names.map((name) => harness.grant(name, '@mic')));
  await harness.edit('assertions.csv', (text) => `${text}neverallow, @audio, vm-37, audio-capture, send\n`);
  assert.is((await harness.reload.run()).ok, true);
  assert.equal(
    harness.argo.policy.grants.map(({ domain }) => domain),
    names.filter((name) => name !== 'vm-37'),
  );
  assert.equal(harness.events('grant.revoke'), ['grant.revoke']);
});

force('a refused file is recorded as refused and never as loaded', async () => {
  const harness = await PolicyHarness.open();
  await harness.edit('policy.csv', (text) => `${text}p, half a row\n`);
  assert.is((await harness.reload.run()).ok, false);
  assert.equal(harness.events('policy.load', 'policy.reject'), ['policy.reject']);
});

force(
  'a refused directory is named in the log: its hash, the revision that stays, the number that it would have had',
  async () => {
    const harness = await PolicyHarness.open();
    await harness.edit('policy.csv', (text) => `${text}p, half a row\n`);
    const result = await harness.reload.run();
    const hash = hashFiles(await readPolicyFiles(harness.directory));
    const reject = harness.audit.records.findLast(({ event }) => event === 'policy.reject');
    assert.is(reject?.policy, hash.slice(0, 16));
    assert.equal([reject?.detail?.revision, reject?.detail?.refused], [1, 2]);
    assert.equal([result.ok ? null : result.policy, harness.reload.refusal?.policy], [hash, hash]);
    await rm(join(harness.directory, 'tests.csv'));
    await harness.reload.run();
    const unread = harness.audit.records.findLast(({ event }) => event === 'policy.reject');
    assert.equal([unread?.reason, unread?.policy], ['ERR_POLICY_FILE', undefined]);
  },
);

force('what allows something is prepared on disk first, and loaded in the log only when it is in force', async () => {
  const harness = await PolicyHarness.open();
  const waiting: ((isDurable: boolean) => void)[] = [];
  harness.audit.whenDurable = (callback) => void waiting.push(callback);
  const events = (): string[] => harness.events('policy.prepare', 'policy.load', 'policy.reject', 'grant.add');
  const granted = harness.grant('chrome-vm', '@mic');
  await turns();
  assert.equal([events(), harness.hears('chrome-vm')], [['policy.prepare'], false]);
  waiting.shift()?.(true);
  await turns();
  assert.equal([events(), harness.hears('chrome-vm')], [['policy.prepare', 'grant.add', 'policy.load'], true]);
  waiting.shift()?.(true);
  assert.is((await granted).ok, true);
  const { revision, policy } = harness.audit.records.findLast(({ event }) => event === 'policy.prepare') ?? {};
  assert.equal([revision, policy], [2, harness.reload.policy.hash.slice(0, 16)]);
});

force('a revision that was overtaken or could not be recorded is never said to be loaded', async () => {
  const harness = await PolicyHarness.open();
  await harness.grant('chrome-vm', '@mic');
  const waiting: ((isDurable: boolean) => void)[] = [];
  harness.audit.whenDurable = (callback) => void waiting.push(callback);
  const loads = (): unknown[] =>
    harness.audit.records.filter(({ event }) => event === 'policy.load').map(({ revision }) => revision);
  const granted = harness.grant('mail-vm', '@mic');
  await turns();
  const revoked = harness.revoke('chrome-vm', '@mic');
  for (const answer of waiting.splice(0)) answer(true);
  await turns();
  const taken = harness.audit.records.findLast(({ event }) => event === 'policy.reject');
  assert.equal([taken?.reason, taken?.detail?.refused, loads()], ['SUPERSEDED', 3, [2, 4]]);
  for (const answer of waiting.splice(0)) answer(false);
  await Promise.all([granted, revoked]);
  const last = harness.audit.records.findLast(({ event }) => event === 'policy.reject');
  assert.equal([last?.reason, last?.detail?.refused, loads()], ['AUDIT_UNAVAILABLE', 5, [2, 4]]);
});

force('a load that is overtaken while it waits for its record is made again on top of what overtook it', async () => {
  const harness = await PolicyHarness.open();
  await harness.grant('chrome-vm', '@mic');
  const { rows } = harness.reload.policy;
  const prepared = harness.events('policy.prepare').length;
  const release = holdRecords(harness);
  await harness.edit('policy.csv', (text) => `${text}p, gui-vm, @audio, audio-playback, send, allow\n`);
  const loaded = harness.reload.run();
  while (harness.events('policy.prepare').length === prepared) await turns();
  const revoked = harness.revoke('chrome-vm', '@mic');
  release();
  assert.equal([(await loaded).ok, (await revoked).ok], [true, true]);
  assert.equal([harness.reload.policy.rows, harness.hears('chrome-vm')], [rows + 1, false]);
});

force('a load that takes away brings back no grant that was revoked while it was checked', async () => {
  const harness = await PolicyHarness.open({
    'policy.csv': (text) => `${text}p, gui-vm, @audio, audio-playback, send, allow\n`,
  });
  await harness.grant('chrome-vm', '@mic');
  await harness.edit('policy.csv', (text) => text.replace('p, gui-vm, @audio, audio-playback, send, allow\n', ''));
  let revoked: Promise<unknown> | null = null;
  harness.rest = () => {
    revoked ??= harness.revoke('chrome-vm', '@mic');
    return null;
  };
  assert.is((await harness.reload.run()).ok, true);
  assert.ok(revoked !== null, 'the check has steps');
  await revoked;
  assert.equal([harness.argo.policy.grants, harness.hears('chrome-vm')], [[], false]);
});

force('a grant that is taken back while it waits for its record never comes into force', async () => {
  const harness = await PolicyHarness.open();
  const release = holdRecords(harness);
  const granted = harness.grant('mail-vm', '@mic');
  await turns();
  const revoked = harness.revoke('mail-vm', '@mic');
  release();
  assert.equal([(await granted).ok, (await revoked).ok], [false, true]);
  assert.equal([harness.argo.policy.grants, harness.hears('mail-vm')], [[], false]);
});

force('a grant lasts a whole number of milliseconds, within bounds', async () => {
  const harness = await PolicyHarness.open();
  for (const forMs of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    const result = await harness.grant('chrome-vm', '@mic', forMs);
    assert.is(result.ok ? 'granted' : result.code, 'ERR_BROKER_GRANT', String(forMs));
  }
  assert.equal(harness.argo.policy.grants, []);
});

force('a grant to a VM of another broker says when it ends, because its end is not seen here', async () => {
  const harness = await PolicyHarness.open({
    'domains.yaml': (text) => `${text}  - {name: ${FAR}, domid: 999}\n`,
  });
  const endless = await harness.grant(FAR, '@mic', null, false);
  assert.is(endless.ok ? 'granted' : endless.code, 'ERR_BROKER_GRANT');
  assert.ok((await harness.grant(FAR, '@mic', 1_000, false)).ok);
});

force('a goodbye and a newer session end the grants of a VM at once, a lost carrier does not', async () => {
  for (const [reason, remains] of [
    ['done', false],
    ['superseded', false],
    ['carrier', true],
  ] as const) {
    const harness = await PolicyHarness.open();
    await harness.grant('chrome-vm', '@mic', null, false);
    harness.grants.sessionEnded('chrome-vm', reason);
    await turns();
    assert.is(harness.hears('chrome-vm'), remains, reason);
    harness.grants.close();
  }
});

force('what could not be taken back is taken back as soon as the log can be written', async () => {
  const harness = await PolicyHarness.open({
    'domains.yaml': (text) => text.replace('labels:\n', 'labels:\n  - name: "@deaf"\n    grantable: true\n'),
    'policy.csv': (text) =>
      `${text}p, @audio, @deaf, audio-capture, send, deny\np, @audio, mail-vm, audio-capture, send, allow\n`,
  });
  await harness.grant('mail-vm', '@deaf');
  harness.audit.setHealthy(false);
  const refused = await harness.revoke('mail-vm', '@deaf');
  assert.equal([refused.ok, harness.argo.policy.grants.length], [false, 1]);
  harness.audit.setHealthy(true);
  for (let tries = 0; tries < 100 && harness.argo.policy.grants.length > 0; tries++) {
    harness.clock.advance(100);
    await turns();
  }
  assert.equal(harness.argo.policy.grants, []);
});

/** Until the returned function is called, no record counts as written. After that, each does at once. */
function holdRecords(harness: PolicyHarness): () => void {
  const { audit } = harness;
  const whenDurable = audit.whenDurable.bind(audit);
  const waiting: ((isDurable: boolean) => void)[] = [];
  audit.whenDurable = (callback) => void waiting.push(callback);
  return () => {
    audit.whenDurable = whenDurable;
    for (const callback of waiting) callback(true);
  };
}

/** Runs everything that waits only for promises. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Files of the policy in force with one more row. */
function withRow(harness: PolicyHarness, row: string): PolicyFiles {
  const { files } = harness.reload.policy;
  return { ...files, 'policy.csv': Buffer.concat([files['policy.csv'], Buffer.from(`${row}\n`)]) };
}

const BY_ADMIN = { cause: 'apply', by: 'admin', reason: 'test' } as const;

force('files are applied only over the policy that the admin has looked at', async () => {
  const harness = await PolicyHarness.open({}, memoryArchive(), true);
  const { hash } = harness.reload.policy;
  const files = withRow(harness, 'p, gui-vm, @audio, audio-playback, send, allow');
  const wrong = `${hash[0] === '0' ? '1' : '0'}${hash.slice(1)}`;
  for (const token of ['', hash.slice(0, 11), wrong]) {
    const result = await harness.reload.apply({ files, token, attribution: BY_ADMIN });
    assert.is(result.ok ? 'applied' : result.code, 'ERR_BROKER_TOKEN', token);
  }
  assert.is(harness.reload.policy.hash, hash);
  assert.ok((await harness.reload.apply({ files, token: hash, attribution: BY_ADMIN })).ok);
  assert.is((await harness.archive.revisions()).at(-1)?.reason, 'test');
});

force('where policies are applied the directory does not count, and where it counts none is applied', async () => {
  const applied = await PolicyHarness.open({}, memoryArchive(), true);
  const watched = await PolicyHarness.open();
  const result = await applied.reload.run();
  assert.is(result.ok ? 'loaded' : result.code, 'ERR_BROKER_SOURCE');
  const { files, hash } = watched.reload.policy;
  const refusal = await watched.reload.apply({ files, token: hash, attribution: BY_ADMIN });
  assert.is(refusal.ok ? 'applied' : refusal.code, 'ERR_BROKER_SOURCE');
});

force('what cannot be archived allows nothing new, and still takes away', async () => {
  const archive = memoryArchive();
  const harness = await PolicyHarness.open({}, archive, true);
  const { hash } = harness.reload.policy;
  archive.keep = () => Promise.reject(new PolicyError('ERR_POLICY_ARCHIVE', 'the disk is full'));
  const more = withRow(harness, 'p, gui-vm, @audio, audio-playback, send, allow');
  const refusal = await harness.reload.apply({ files: more, token: hash, attribution: BY_ADMIN });
  assert.is(refusal.ok ? 'applied' : refusal.code, 'ERR_POLICY_ARCHIVE');
  assert.is(harness.reload.policy.hash, hash);
  const less = withRow(harness, 'p, mail-vm, @net, dhcp, release, deny');
  const result = await harness.reload.apply({ files: less, token: hash, attribution: BY_ADMIN });
  assert.equal([result.ok, result.ok && result.archived], [true, false]);
  assert.is.not(harness.reload.policy.hash, hash);
});

force('closing waits for the policy under way, whose sockets are closed after it, and begins no other', async () => {
  const harness = await PolicyHarness.open();
  await harness.edit('policy.csv', (text) => `${text}p, gui-vm, @audio, audio-playback, send, allow\n`);
  const underWay = harness.reload.run();
  await harness.reload.close();
  assert.is(harness.synced, 1);
  const loaded = await underWay;
  assert.ok(loaded.ok && loaded.changed);
  await harness.edit('policy.csv', (text) => `${text}# edited\n`);
  const late = await harness.reload.run();
  assert.equal([late.ok && late.changed, harness.synced], [false, 1]);
});

force('closing refuses files that an admin applies after it', async () => {
  const harness = await PolicyHarness.open({}, memoryArchive(), true);
  const files = withRow(harness, 'p, gui-vm, @audio, audio-playback, send, allow');
  await harness.reload.close();
  const { hash } = harness.reload.policy;
  const late = await harness.reload.apply({ files, token: hash, attribution: BY_ADMIN });
  assert.equal([late.ok ? 'applied' : late.code, harness.synced], ['ERR_BROKER_AUDIT', 0]);
});

force.run();
