/** Permissive domains of a broker: for a stated time, with a reason, on disk first, and never longer than that. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PolicyReload } from '../../../broker/service/index.ts';
import { PolicyHarness } from './policy-harness.ts';

const modes = suite('modes');

type Result = Awaited<ReturnType<PolicyReload['run']>>;

/** A policy whose rows let chrome-vm send nothing to mail-vm, and whose assertions do not forbid it. */
async function open(): Promise<PolicyHarness> {
  return PolicyHarness.open({ 'assertions.csv': () => '' });
}

function loosen(harness: PolicyHarness, domain = 'chrome-vm', forMs = 60_000, reason = 'test'): Promise<Result> {
  return harness.modes.loosen({ domain, forMs, by: 'tester', reason });
}

function enforce(harness: PolicyHarness, domain = 'chrome-vm'): Promise<Result> {
  return harness.modes.tighten({ domain, by: 'tester', reason: 'done' });
}

function passes(harness: PolicyHarness, from = 'chrome-vm', to = 'mail-vm'): boolean {
  const { monitor, domains } = harness.argo.policy;
  const [source, destination] = [domains.byName(from), domains.byName(to)];
  assert.ok(source && destination);
  return monitor.send(source, destination).allowed;
}

const codeOf = (result: Result): string => (result.ok ? 'ok' : result.code);

modes('a permissive domain passes what the rows deny, and no other domain does', async () => {
  const harness = await open();
  assert.is(passes(harness), false);
  assert.is(codeOf(await loosen(harness)), 'ok');
  assert.equal([passes(harness), passes(harness, 'mail-vm', 'chrome-vm')], [true, false]);
  const [listed] = harness.modes.list();
  assert.equal([listed?.domain, listed?.by, listed?.reason], ['chrome-vm', 'tester', 'test']);
});

modes('permissive mode needs a domain that exists, a reason, and a time of at most a day', async () => {
  const harness = await open();
  const wrong = [
    await loosen(harness, 'chrome-wm'),
    await loosen(harness, 'chrome-vm', 60_000, '  '),
    await loosen(harness, 'chrome-vm', 0),
    await loosen(harness, 'chrome-vm', 86_400_001),
    await enforce(harness, 'chrome-wm'),
  ];
  assert.equal(wrong.map(codeOf), Array(5).fill('ERR_BROKER_MODE'));
  assert.is(harness.argo.policy.revision, 1);
});

modes('sixteen domains are permissive at most', async () => {
  const names = Array.from({ length: 17 }, (_, index) => `vm-${index}`);
  const inventory = names.map((name, index) => `  - {name: ${name}, domid: ${1_000 + index}}\n`).join('');
  const harness = await PolicyHarness.open({
    'assertions.csv': () => '',
    'domains.yaml': (text) => `${text}${inventory}`,
  });
  const results = await Promise.all(names.map((name) => loosen(harness, name)));
  assert.equal(results.filter(({ ok }) => !ok).map(codeOf), ['ERR_BROKER_MODE']);
  assert.is(harness.argo.policy.permissive.length, 16);
});

modes('it ends at its time by the clock that is reached first, and the log says so', async () => {
  for (const step of [0, 3_600_000, -3_600_000]) {
    const harness = await open();
    await loosen(harness, 'chrome-vm', 10_000);
    harness.clock.advance(5_000);
    harness.clock.step(step);
    if (step <= 0) {
      harness.clock.advance(4_900);
      assert.is(passes(harness), true);
    }
    harness.clock.advance(200);
    assert.is(passes(harness), false, `stepped by ${step}`);
    const { reason, src, detail } = harness.audit.records.findLast(({ event }) => event === 'mode.set') ?? {};
    assert.equal([reason, src?.domain, detail?.why], ['ENFORCING', 'chrome-vm', 'EXPIRED']);
  }
});

modes('enforcing is in force before the call returns, also while the log cannot be written', async () => {
  const harness = await open();
  await loosen(harness);
  harness.audit.setHealthy(false);
  const answer = enforce(harness);
  assert.is(passes(harness), false);
  assert.equal(await answer, { ok: true, revision: 3, changed: true, recorded: false });
  assert.is(codeOf(await loosen(harness)), 'ERR_BROKER_AUDIT');
  assert.is(passes(harness), false);
});

modes(
  'a domain becomes permissive only when that is on disk, and not when it was made enforcing meanwhile',
  async () => {
    const harness = await open();
    const waiting: ((isDurable: boolean) => void)[] = [];
    harness.audit.whenDurable = (callback) => void waiting.push(callback);
    const loosened = loosen(harness);
    while (waiting.length === 0) await Promise.resolve();
    assert.is(passes(harness), false);
    const enforced = enforce(harness);
    for (const answer of waiting.splice(0)) answer(true);
    assert.is(codeOf(await loosened), 'ERR_BROKER_MODE');
    assert.equal([codeOf(await enforced), passes(harness)], ['ok', false]);
  },
);

modes('each change is recorded: who, why, for how long, and the policy with its permissive domains', async () => {
  const harness = await open();
  await loosen(harness);
  await enforce(harness);
  const set = harness.audit.records.filter(({ event }) => event === 'mode.set');
  assert.equal(
    set.map(({ reason, detail }) => [reason, detail?.by, detail?.why, detail?.forMs ?? null, detail?.from]),
    [
      ['PERMISSIVE', 'tester', 'test', 60_000, 2],
      ['ENFORCING', 'tester', 'done', null, 3],
    ],
  );
  const loads = harness.audit.records.filter(({ event }) => event === 'policy.load');
  assert.equal(
    loads.map(({ detail }) => detail?.permissive ?? null),
    [['chrome-vm'], null],
  );
});

modes('a new policy keeps a permissive domain, unless it breaks an assertion or the domain is gone', async () => {
  const harness = await open();
  await loosen(harness);
  await harness.edit('policy.csv', (text) => `${text}# edited\n`);
  await harness.reload.run();
  assert.is(passes(harness), true);
  await harness.edit('assertions.csv', () => 'neverflow, chrome-vm, mail-vm, via @net\n');
  assert.is(codeOf(await harness.reload.run()), 'ok');
  assert.equal([harness.argo.policy.permissive, passes(harness)], [[], false]);
  assert.is(harness.audit.records.findLast(({ event }) => event === 'mode.set')?.reason, 'ENFORCING');
  assert.is(codeOf(await loosen(harness)), 'ERR_POLICY_ASSERTION');
});

modes('assertions that allow a permissive domain more come into force only when that is on disk', async () => {
  const harness = await PolicyHarness.open({ 'assertions.csv': () => 'neverallow, @app, @app, argo, send\n' });
  await loosen(harness);
  assert.is(passes(harness), false, 'no switch turns an assertion off');
  harness.audit.setHealthy(false);
  await harness.edit('assertions.csv', () => '');
  assert.is(codeOf(await harness.reload.run()), 'ERR_BROKER_AUDIT');
  assert.is(passes(harness), false);
});

modes('grants come and go while a domain is permissive', async () => {
  const harness = await open();
  await harness.grant('chrome-vm', '@mic');
  await loosen(harness, 'gui-vm');
  await harness.grant('mail-vm', '@mic');
  assert.equal([harness.argo.policy.permissive, harness.hears('mail-vm')], [['gui-vm'], true]);
  await harness.revoke('chrome-vm', '@mic');
  assert.equal([harness.argo.policy.permissive, harness.hears('chrome-vm')], [['gui-vm'], false]);
});

modes('a permissive domain does not prevent a revocation: it is enforcing again with it', async () => {
  const harness = await PolicyHarness.open({
    'domains.yaml': (text) => text.replace('labels:\n', 'labels:\n  - name: "@relay"\n    grantable: true\n'),
    'policy.csv': () =>
      ['broker, argo, *', 'audio-vm, argo, send', 'audio-vm, audio-playback, send']
        .map((rest) => `p, ${rest.startsWith('broker') ? '@any' : 'chrome-vm'}, ${rest}, allow\n`)
        .join(''),
    'assertions.csv': () => 'neverflow, chrome-vm, mail-vm, via @relay\n',
    'tests.csv': () => '',
  });
  assert.is(codeOf(await loosen(harness, 'audio-vm')), 'ERR_POLICY_ASSERTION');
  await harness.grant('audio-vm', '@relay');
  assert.is(codeOf(await loosen(harness, 'audio-vm')), 'ok');
  assert.is(codeOf(await harness.revoke('audio-vm', '@relay')), 'ok');
  assert.equal([harness.argo.policy.grants, harness.argo.policy.permissive], [[], []]);
  assert.is(harness.audit.records.findLast(({ event }) => event === 'mode.set')?.reason, 'ENFORCING');
});

modes.run();
