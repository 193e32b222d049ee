/** How a decision is recorded: `dontaudit` and `auditallow` rows, found at the miss of the AVC and kept with the decision. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Decision } from '../../../policy/index.ts';
import { seeded } from '../../support/seed.ts';
import { compileTexts, decide } from '../compile.ts';
import { type Link, naiveAudit, naiveDecision, type Rule, rowOf } from '../naive.ts';

const audit = suite('audit rows');

const ROWS = `p, @app, @audio, playback, send, allow
p, mail-vm, @audio, playback, send, deny
`;

const lineOf = (decision: Decision): number | null => (decision.allowed ? null : (decision.dontaudit?.line ?? null));
const isEach = (decision: Decision): boolean => decision.allowed && decision.auditallow;

audit('a dontaudit row marks denials, whatever denied them, and no allowed use', async () => {
  const policy = await compileTexts({ policy: `${ROWS}dontaudit, @any, @audio, playback, send\n` });
  const asked = ['chrome-vm', 'mail-vm', 'rogue-vm'].map((name) =>
    decide(policy, name, 'audio-vm', 'playback', 'send'),
  );
  assert.equal(
    asked.map((decision) => [decision.allowed, lineOf(decision)]),
    [
      [true, null],
      [false, 3],
      [false, 3],
    ],
  );
  assert.is(lineOf(decide(policy, 'rogue-vm', 'audio-vm', 'control', 'other')), null, 'another class');
  assert.is(lineOf(decide(policy, 'audio-vm', 'rogue-vm', 'playback', 'send')), null, 'the other direction');
});

audit('an auditallow row marks allowed uses, and no denial', async () => {
  const policy = await compileTexts({ policy: `${ROWS}auditallow, @app, @audio, playback, *\n` });
  assert.equal(
    ['chrome-vm', 'mail-vm'].map((name) => isEach(decide(policy, name, 'audio-vm', 'playback', 'send'))),
    [true, false],
  );
});

audit('a row adds to the level of the class, and takes nothing from it', async () => {
  const rows = 'p, @app, @audio, control, *, allow\nauditallow, @app, @audio, control, source-stop\n';
  const policy = await compileTexts({ policy: rows });
  const names = ['source-start', 'source-stop', 'sink-cork'];
  assert.equal(
    names.map((name) => isEach(decide(policy, 'chrome-vm', 'audio-vm', 'control', name))),
    [true, true, false],
  );
});

audit('a grant brings what rows say about its label', async () => {
  const text = { policy: `${ROWS}dontaudit, @mic, @audio, playback, send\n` };
  const before = await compileTexts(text);
  const after = await compileTexts(text, { overlay: [{ domain: 'rogue-vm', label: '@mic' }] });
  assert.equal(
    [before, after].map((policy) => lineOf(decide(policy, 'rogue-vm', 'audio-vm', 'playback', 'send'))),
    [null, 3],
  );
});

audit('the broker is meant by its name and not by @any', async () => {
  const rows = (destination: string): string => `${ROWS}dontaudit, @any, ${destination}, argo, *\n`;
  const enable = async (destination: string): Promise<number | null> =>
    lineOf(decide(await compileTexts({ policy: rows(destination) }), 'rogue-vm', 'broker', 'argo', 'enable'));
  assert.equal([await enable('broker'), await enable('@any')], [3, null]);
});

audit('a denial for what a message is, or for a name that does not exist, is always recorded', async () => {
  const rows = `${ROWS}dontaudit, @any, @any, playback, *\ndontaudit, @any, @any, argo, *\ndontaudit, @any, broker, argo, *\n`;
  const { monitor, domains, classes } = await compileTexts({ policy: rows });
  const [chrome, speaker] = [domains.byName('chrome-vm'), domains.byName('audio-vm')];
  const playback = classes.byName('playback');
  assert.ok(chrome && speaker && playback);
  for (const denial of [
    monitor.unfit(chrome, speaker, playback, 'MALFORMED'),
    monitor.unknownDestination(chrome),
    monitor.foreignSource(chrome),
  ])
    assert.is(denial.dontaudit, null, denial.reason);
});

audit('of several rows the first is named', async () => {
  const rows = 'dontaudit, rogue-vm, @audio, playback, *\ndontaudit, @any, audio-vm, playback, send\n';
  const policy = await compileTexts({ policy: `${ROWS}${rows}` });
  assert.is(lineOf(decide(policy, 'rogue-vm', 'audio-vm', 'playback', 'send')), 3);
  assert.is(lineOf(decide(policy, 'mail-vm', 'audio-vm', 'playback', 'send')), 4);
});

const NAMES = ['vm-a', 'vm-b', 'vm-c'];
const LABELS = ['@l0', '@l1'];
const DOMAINS = `labels:\n${LABELS.map((name) => `  - {name: '${name}', grantable: true}\n`).join('')}domains:\n${NAMES.map((name, domid) => `  - {name: ${name}, domid: ${domid}}\n`).join('')}`;
const PERMISSIONS = ['source-start', 'source-stop', 'sink-cork', 'sink-uncork', 'other'];
const SERVICES = `classes:
  - {name: y, ports: [2], inspector: audio-control, permissions: [${PERMISSIONS.join(', ')}], flow: both, auditallow: [other]}
`;

const subject = fc.constantFrom(...NAMES, ...LABELS, '@any');
const rowWith = (...effects: Rule['effect'][]): fc.Arbitrary<Rule> =>
  fc.record({
    source: subject,
    destination: subject,
    className: fc.constant('y'),
    permission: fc.constantFrom('*', ...PERMISSIONS),
    effect: fc.constantFrom(...effects),
  });
const link = fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...LABELS));

audit('on random rows the AVC marks what a naive evaluator marks, and decides as without them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(rowWith('allow', 'deny'), { minLength: 1, maxLength: 6 }),
      fc.array(rowWith('dontaudit', 'auditallow'), { maxLength: 6 }),
      fc.array(link, { maxLength: 4 }),
      async (rules, marks, links) => {
        const all = [...rules, ...marks];
        const text = [...all.map(rowOf), ...links.map(([member, label]) => `g, ${member}, ${label}`)];
        const policy = await compileTexts({ domains: DOMAINS, services: SERVICES, policy: `${text.join('\n')}\n` });
        for (const source of NAMES) {
          for (const destination of NAMES) {
            for (const permission of PERMISSIONS) {
              const request = [source, destination, 'y', permission] as const;
              const decision = decide(policy, ...request);
              const what = request.join(' ');
              assert.is(decision.allowed, naiveDecision(rules, links as Link[], request), what);
              const marked = (effect: 'dontaudit' | 'auditallow') => naiveAudit(all, links as Link[], request, effect);
              if (decision.allowed)
                assert.is(decision.auditallow, permission === 'other' || marked('auditallow'), what);
              else assert.is(decision.dontaudit !== null, marked('dontaudit'), what);
            }
          }
        }
      },
    ),
    seeded({ numRuns: 60 }),
  );
});

audit.run();
