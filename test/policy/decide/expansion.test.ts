/** The expansion over kinds: equal to the naive evaluator, before, during and after grants; exceptions of assertions. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bitsMeet, countBits, emptyBits, membersOf, setBit } from '../../../policy/decide/bits.ts';
import type { Revision } from '../../../policy/index.ts';
import { seeded } from '../../support/seed.ts';
import { classOf, codesOf, compileTexts, decide, domainOf, findingsOf, ONE_ROW } from '../compile.ts';
import { type Link, naiveDecision, type Rule } from '../naive.ts';

const expansion = suite('expansion');

const NAMES = Array.from({ length: 9 }, (_, index) => `vm-${index}`);
const LABELS = ['@l0', '@l1', '@l2', '@l3'];
const PERMISSIONS = ['source-start', 'source-stop', 'sink-cork', 'sink-uncork', 'other'];
const DOMAINS = `labels:\n${LABELS.map((name) => `  - {name: '${name}', grantable: true}\n`).join('')}domains:\n${NAMES.map((name, domid) => `  - {name: ${name}, domid: ${domid}}\n`).join('')}`;
const SERVICES = `classes:\n  - {name: y, ports: [2], inspector: audio-control, permissions: [${PERMISSIONS.join(', ')}], flow: both}\n`;

const subject = fc.constantFrom(...NAMES.slice(0, 4), ...LABELS, ...LABELS, '@any');
const rule: fc.Arbitrary<Rule> = fc.record({
  source: subject,
  destination: subject,
  className: fc.constant('y'),
  permission: fc.constantFrom('*', ...PERMISSIONS),
  effect: fc.constantFrom('allow' as const, 'allow' as const, 'deny' as const),
});
const link: fc.Arbitrary<Link> = fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...LABELS));
const grant = fc.record({ domain: fc.constantFrom(...NAMES), label: fc.constantFrom(...LABELS) });

function textOf(rules: readonly Rule[], links: readonly Link[]): string {
  const rows = rules.map(
    ({ source, destination, className, permission, effect }) =>
      `p, ${source}, ${destination}, ${className}, ${permission}, ${effect}\n`,
  );
  return `${rows.join('')}${links.map(([member, label]) => `g, ${member}, ${label}\n`).join('')}`;
}

expansion('equals the naive evaluator under every overlay that comes and goes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(rule, { minLength: 1, maxLength: 20 }),
      fc.array(link, { maxLength: 15 }),
      fc.array(fc.array(grant, { maxLength: 4 }), { minLength: 1, maxLength: 5 }),
      async (rules, links, overlays) => {
        const first = await compileTexts({ domains: DOMAINS, services: SERVICES, policy: textOf(rules, links) });
        for (const [step, overlay] of [[], ...overlays, []].entries()) {
          const policy = first.source.revise((step + 2) as Revision, overlay);
          const all: Link[] = [...links, ...overlay.map(({ domain, label }): Link => [domain, label])];
          const { placement, expansion: cells } = policy.examined;
          for (const source of NAMES) {
            for (const destination of NAMES) {
              for (const [position, permission] of PERMISSIONS.entries()) {
                const expected = naiveDecision(rules, all, [source, destination, 'y', permission]);
                const [from, to] = [source, destination].map((name) => placement.kind(domainOf(policy, name)));
                const asked = `${source} ${destination} ${permission}`;
                assert.is(cells.isAllowed(from ?? -1, to ?? -1, classOf(policy, 'y'), position), expected, asked);
                assert.is(decide(policy, source, destination, 'y', permission).allowed, expected, asked);
              }
            }
          }
        }
      },
    ),
    seeded({ numRuns: 20 }),
  );
});

expansion('a neverallow holds under a grant exactly when no cell violates it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(rule, { minLength: 1, maxLength: 12 }),
      fc.array(link, { maxLength: 8 }),
      rule,
      fc.tuple(subject, subject),
      grant,
      async (rules, links, never, [exceptSource, exceptDestination], given) => {
        const assertions = `neverallow, ${never.source}, ${never.destination}, y, ${never.permission}, except ${exceptSource} ${exceptDestination}\n`;
        const violated = (all: readonly Link[]): boolean =>
          NAMES.some((source) =>
            NAMES.some((destination) =>
              PERMISSIONS.some((permission) => {
                const request = [source, destination, 'y', permission] as const;
                const exempt: Rule = {
                  source: exceptSource,
                  destination: exceptDestination,
                  className: 'y',
                  permission: '*',
                  effect: 'allow',
                };
                return (
                  naiveDecision(rules, all, request) &&
                  naiveDecision([{ ...never, effect: 'allow' }], all, request) &&
                  !naiveDecision([exempt], all, request)
                );
              }),
            ),
          );
        const texts = { domains: DOMAINS, services: SERVICES, policy: textOf(rules, links), assertions };
        const policy = await compileTexts(texts).catch(() => null);
        assert.is(policy === null, violated(links));
        if (policy === null) return;
        const revise = () => policy.source.revise(2 as Revision, [given]);
        if (violated([...links, [given.domain, given.label]])) assert.throws(revise);
        else revise();
      },
    ),
    seeded({ numRuns: 60 }),
  );
});

expansion('domains with the same labels are one kind; a domain that a row names has its own', async () => {
  const policy = await compileTexts({ policy: `${ONE_ROW}p, rogue-vm, @audio, control, other, deny\n` });
  const kinds = ['chrome-vm', 'mail-vm', 'audio-vm', 'rogue-vm'].map((name) =>
    policy.examined.placement.kind(domainOf(policy, name)),
  );
  assert.is(kinds[0], kinds[1]);
  assert.is(new Set(kinds).size, 3);
});

expansion('a revocation adds no kind, and untouched domains stay the same objects', async () => {
  const first = await compileTexts({});
  const granted = first.source.revise(2 as Revision, [{ domain: 'chrome-vm', label: '@mic' }]);
  const size = first.examined.book.kinds.size;
  const revoked = first.source.revise(3 as Revision, []);
  assert.is(first.examined.book.kinds.size, size);
  assert.is(granted.domains.byName('mail-vm'), first.domains.byName('mail-vm'));
  assert.is(revoked.domains.byName('chrome-vm'), first.domains.byName('chrome-vm'));
  assert.is.not(granted.domains.byName('chrome-vm'), first.domains.byName('chrome-vm'));
});

expansion('more combinations than there is room for start the sets afresh', async () => {
  const labels = Array.from({ length: 12 }, (_, index) => `@g${index}`);
  const names = Array.from({ length: 4 }, (_, index) => `vm-${index}`);
  const domains = `labels:\n${labels.map((name) => `  - {name: '${name}', grantable: true}\n`).join('')}domains:\n${names.map((name, domid) => `  - {name: ${name}, domid: ${domid}}\n`).join('')}`;
  const policy = await compileTexts({ domains, services: SERVICES, policy: 'p, @g0, @g1, y, other, allow\n' });
  for (let combination = 0; combination < 700; combination++) {
    const overlay = labels
      .filter((_, bit) => ((combination >> bit) & 1) === 1)
      .map((label) => ({ domain: 'vm-0', label }));
    const held = policy.source.revise((combination + 2) as Revision, [...overlay, { domain: 'vm-1', label: '@g1' }]);
    assert.is(decide(held, 'vm-0', 'vm-1', 'y', 'other').allowed, (combination & 1) === 1);
  }
});

expansion('bit sets know their members', () => {
  const bits = emptyBits(70);
  for (const index of [0, 31, 32, 69]) setBit(bits, index);
  assert.equal([...membersOf(bits)], [0, 31, 32, 69]);
  assert.is(countBits(bits), 4);
  assert.is(bitsMeet(bits, emptyBits(70)), false);
});

const exceptions = suite('exceptions');

const OWN_PIPE = `${ONE_ROW}p, chrome-vm, mail-vm, argo, send, allow\n`;
const NEVER = 'neverallow, @app, @app, argo, send';

exceptions('one row and one exception make a pipe between two apps, in this direction only', async () => {
  assert.equal(await codesOf({ policy: OWN_PIPE, assertions: `${NEVER}\n` }), ['A-040@1:1']);
  await compileTexts({ policy: OWN_PIPE, assertions: `${NEVER}, except chrome-vm mail-vm\n` });
  const back = `${OWN_PIPE}p, mail-vm, chrome-vm, argo, send, allow\n`;
  const [first, ...more] = await findingsOf({ policy: back, assertions: `${NEVER}, except chrome-vm mail-vm\n` });
  assert.equal(more, []);
  assert.match(first?.message ?? '', 'allow mail-vm chrome-vm:argo { send } (policy.csv:3');
  await compileTexts({
    policy: back,
    assertions: `${NEVER}, except chrome-vm mail-vm, except mail-vm chrome-vm\n`,
  });
});

const refused: readonly (readonly [string, string, string])[] = [
  ['a word that is not except', `${NEVER}, unless chrome-vm mail-vm`, 'F-001@1:37'],
  ['one end only', `${NEVER}, except chrome-vm`, 'F-001@1:37'],
  ['an unknown domain', `${NEVER}, except chrom-vm mail-vm`, 'E-010@1:37'],
  ['an exception of must-allow', 'must-allow, @app, @audio, playback, send, except chrome-vm audio-vm', 'F-001@1:43'],
];
for (const [what, line, expected] of refused) {
  exceptions(`${what} is refused`, async () => {
    assert.equal(await codesOf({ assertions: `${line}\n` }), [expected]);
  });
}

const rows = suite('tests with a line');

rows('a test can say which line decides', async () => {
  await compileTexts({ tests: 'chrome-vm, audio-vm, playback, send, allow, 1\n' });
  const [first] = await findingsOf({ tests: 'chrome-vm, audio-vm, playback, send, allow, 2\n' });
  assert.match(first?.message ?? '', 'got allow (policy.csv:1), expected allow (policy.csv:2)');
  assert.equal(await codesOf({ tests: 'chrome-vm, audio-vm, playback, send, allow, one\n' }), ['F-005@1:45']);
});

expansion.run();
exceptions.run();
rows.run();
