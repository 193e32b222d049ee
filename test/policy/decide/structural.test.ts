/** neverflow, separate and max-fan: equal to naive twins, bound to grants, strict to read. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Revision } from '../../../policy/index.ts';
import { seeded } from '../../support/seed.ts';
import { codesOf, compileTexts, findingsOf } from '../compile.ts';
import { type Link, naiveDecision, type Rule } from '../naive.ts';

const structure = suite('assertions about shape');

const NAMES = ['vm-a', 'vm-b', 'vm-c', 'vm-d', 'vm-e'];
const LABELS = ['@l0', '@l1'];
const DOMAINS = `labels:\n${LABELS.map((name) => `  - {name: '${name}', grantable: true}\n`).join('')}domains:\n${NAMES.map((name, domid) => `  - {name: ${name}, domid: ${domid}, labels: ['@l${domid % 2}']}\n`).join('')}`;
const SERVICES = `classes:
  - {name: to, ports: [1], inspector: opaque, permissions: [send], flow: to-destination}
  - {name: from, ports: [2], inspector: opaque, permissions: [send], flow: to-source}
`;
const MEMBERS: readonly Link[] = NAMES.map((name, domid): Link => [name, `@l${domid % 2}`]);

const subject = fc.constantFrom(...NAMES, ...LABELS);
const rule = fc.record({
  source: subject,
  destination: subject,
  className: fc.constantFrom('to', 'from', 'argo', 'argo'),
  permission: fc.constant('send'),
  effect: fc.constantFrom('allow' as const, 'allow' as const, 'allow' as const, 'deny' as const),
});

function edges(rules: readonly Rule[]): (from: string, to: string) => boolean {
  const may = (source: string, destination: string, className: string): boolean =>
    naiveDecision(rules, MEMBERS, [source, destination, 'argo', 'send']) &&
    naiveDecision(rules, MEMBERS, [source, destination, className, 'send']);
  return (from, to) => from !== to && (may(from, to, 'to') || may(to, from, 'from'));
}

function has(name: string, wanted: string): boolean {
  return name === wanted || MEMBERS.some(([member, label]) => member === name && label === wanted);
}

structure('neverflow and max-fan hold exactly when the naive graph says so', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(rule, { minLength: 1, maxLength: 9 }),
      subject,
      subject,
      fc.option(subject),
      fc.nat(4),
      async (rules, source, target, via, limit) => {
        const edge = edges(rules);
        const reaches = (start: string): boolean => {
          const seen = new Set([start]);
          const queue = [start];
          for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
            if (at !== start && via !== null && has(at, via)) continue;
            for (const next of NAMES) {
              if (seen.has(next) || !edge(at, next)) continue;
              if (has(next, target)) return true;
              seen.add(next);
              queue.push(next);
            }
          }
          return false;
        };
        const flows = NAMES.filter((name) => has(name, source)).some(reaches);
        const fans = NAMES.filter((name) => has(name, source)).some(
          (name) => NAMES.filter((other) => edge(name, other)).length > limit,
        );
        const policy = rules
          .map((row) => `p, ${row.source}, ${row.destination}, ${row.className}, ${row.permission}, ${row.effect}\n`)
          .join('');
        const accepts = (assertions: string): Promise<boolean> =>
          compileTexts({ domains: DOMAINS, services: SERVICES, policy, assertions }).then(
            () => true,
            () => false,
          );
        assert.is(await accepts(`neverflow, ${source}, ${target}${via === null ? '' : `, via ${via}`}\n`), !flows);
        assert.is(await accepts(`max-fan, ${source}, out, ${limit}\n`), !fans);
      },
    ),
    seeded({ numRuns: 120 }),
  );
});

const CHAIN = ['vm-a vm-b', 'vm-b vm-c'].flatMap((pair) => {
  const [source, destination] = pair.split(' ');
  return ['argo', 'to'].map((className) => `p, ${source}, ${destination}, ${className}, send, allow\n`);
});

structure('the message names each step; a relay that the line trusts ends the path', async () => {
  const texts = { domains: DOMAINS, services: SERVICES, policy: CHAIN.join('') };
  const [first] = await findingsOf({ ...texts, assertions: 'neverflow, vm-a, vm-c\n' });
  assert.is(first?.code, 'A-042');
  assert.is(first?.message, 'neverflow on line 1 of assertions.csv violated: vm-a -> vm-b -> vm-c');
  await compileTexts({ ...texts, assertions: 'neverflow, vm-a, vm-c, via vm-b\n' });
});

structure('max-fan counts the domains that a domain reaches, and those that reach it', async () => {
  const policy = ['vm-b', 'vm-c'].flatMap((other) =>
    ['argo', 'to'].map((className) => `p, vm-a, ${other}, ${className}, send, allow\n`),
  );
  const texts = { domains: DOMAINS, services: SERVICES, policy: policy.join('') };
  await compileTexts({ ...texts, assertions: 'max-fan, vm-a, out, 2\nmax-fan, vm-c, in, 1\n' });
  const [out] = await findingsOf({ ...texts, assertions: 'max-fan, vm-a, out, 1\n' });
  assert.equal(
    [out?.code, out?.message],
    ['A-045', 'max-fan on line 1 of assertions.csv violated: vm-a reaches 2 domains, at most 1'],
  );
  const [into] = await findingsOf({ ...texts, assertions: 'max-fan, vm-c, in, 0\n' });
  assert.is(into?.message, 'max-fan on line 1 of assertions.csv violated: vm-c is reached by 1 domains, at most 0');
});

structure('a grant that would join two labels, or open a flow, is refused', async () => {
  const texts = {
    domains: DOMAINS,
    services: SERVICES,
    policy: 'p, @l0, vm-b, argo, send, allow\np, @l0, vm-b, to, send, allow\n',
  };
  const separate = await compileTexts({ ...texts, assertions: 'separate, @l0, @l1\n' });
  assert.throws(
    () => separate.source.revise(2 as Revision, [{ domain: 'vm-b', label: '@l0' }]),
    /vm-b is both @l0 and @l1/,
  );
  const flow = await compileTexts({ ...texts, assertions: 'neverflow, vm-d, vm-b\n' });
  assert.throws(() => flow.source.revise(2 as Revision, [{ domain: 'vm-d', label: '@l0' }]), /vm-d -> vm-b/);
});

const refused: readonly (readonly [string, string, string])[] = [
  ['relays without via', 'neverflow, vm-a, vm-b, vm-c', 'F-001@1:24'],
  ['via without relays', 'neverflow, vm-a, vm-b, via', 'F-001@1:24'],
  ['an unknown relay', 'neverflow, vm-a, vm-b, via vm-x', 'E-010@1:24'],
  ['separate domains', 'separate, vm-a, @l0', 'F-005@1:11'],
  ['separate @any', 'separate, @l0, @any', 'F-005@1:16'],
  ['a fan in another direction', 'max-fan, @l0, up, 3', 'F-005@1:15'],
  ['a fan without a number', 'max-fan, @l0, out, few', 'F-005@1:20'],
];
for (const [what, line, expected] of refused) {
  structure(`${what} is refused`, async () => {
    assert.equal(
      await codesOf({ domains: DOMAINS, services: SERVICES, policy: CHAIN.join(''), assertions: `${line}\n` }),
      [expected],
    );
  });
}

structure.run();
