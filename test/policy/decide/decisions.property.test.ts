/** On random policies: the AVC, Casbin over all rows and links as written, and a naive evaluator give the same decisions. */
import { newEnforcer, newModelFromString } from 'casbin';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MODEL_TEXT } from '../../../policy/read/casbin-model.ts';
import { seeded } from '../../support/seed.ts';
import { compileTexts } from '../compile.ts';
import { type Link, naiveDecision, type Rule } from '../naive.ts';

const decisions = suite('decisions');

const NAMES = ['vm-a', 'vm-b', 'vm-c', 'vm-d'];
const LABELS = ['@l0', '@l1', '@l2', '@l3'];
const CLASSES: Readonly<Record<string, readonly string[]>> = {
  x: ['send'],
  y: ['source-start', 'source-stop', 'sink-cork', 'sink-uncork', 'other'],
};

// Every label grantable, so that a row may name one that nobody has.
const DOMAINS = `labels:\n${LABELS.map((name) => `  - {name: '${name}', grantable: true}\n`).join('')}domains:\n${NAMES.map((name, domid) => `  - {name: ${name}, domid: ${domid}}\n`).join('')}`;
const SERVICES = `classes:
  - {name: x, ports: [1], inspector: opaque, permissions: [send], flow: both}
  - {name: y, ports: [2], inspector: audio-control, permissions: [${CLASSES.y?.join(', ')}], flow: both}
`;

const subject = fc.constantFrom(...NAMES, ...LABELS, '@any');
const rule: fc.Arbitrary<Rule> = fc.constantFrom(...Object.keys(CLASSES)).chain((className) =>
  fc.record({
    source: subject,
    destination: subject,
    className: fc.constant(className),
    permission: fc.constantFrom('*', ...(CLASSES[className] ?? [])),
    effect: fc.constantFrom('allow' as const, 'allow' as const, 'deny' as const),
  }),
);
/** From a domain to any label, or from a label to one with a higher number: no cycles. */
const link: fc.Arbitrary<Link> = fc.oneof(
  fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...LABELS)),
  fc
    .tuple(fc.nat(2), fc.nat(2))
    .map(([from, step]): Link => [`@l${from}`, `@l${Math.min(3, from + 1 + step)}`])
    .filter(([from, to]) => from !== to),
);

function requests(): [string, string, string, string][] {
  return NAMES.flatMap((source) =>
    NAMES.flatMap((destination) =>
      Object.entries(CLASSES).flatMap(([className, permissions]) =>
        permissions.map((permission): [string, string, string, string] => [source, destination, className, permission]),
      ),
    ),
  );
}

decisions('AVC = Casbin over everything = naive evaluator', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(rule, { minLength: 1, maxLength: 25 }),
      fc.array(link, { maxLength: 12 }),
      fc.array(fc.record({ domain: fc.constantFrom(...NAMES), label: fc.constantFrom(...LABELS) }), { maxLength: 3 }),
      async (rules, links, overlay) => {
        const rows = rules.map(
          (row) => `p, ${row.source}, ${row.destination}, ${row.className}, ${row.permission}, ${row.effect}\n`,
        );
        const text = `${rows.join('')}${links.map(([member, label]) => `g, ${member}, ${label}\n`).join('')}`;
        const policy = await compileTexts({ domains: DOMAINS, services: SERVICES, policy: text }, { overlay });
        const allLinks: Link[] = [...links, ...overlay.map(({ domain, label }): Link => [domain, label])];

        const casbin = await newEnforcer(newModelFromString(MODEL_TEXT));
        const model = casbin.getModel();
        for (const row of rules)
          model.addPolicy('p', 'p', [row.source, row.destination, row.className, row.permission, row.effect]);
        for (const [member, label] of [...allLinks, ...NAMES.map((name): Link => [name, '@any'])])
          model.addPolicy('g', 'g', [member, label]);
        await casbin.buildRoleLinks();

        for (const request of requests()) {
          const [source, destination, className, permission] = request;
          const [from, to] = [policy.domains.byName(source), policy.domains.byName(destination)];
          const serviceClass = policy.classes.byName(className);
          assert.ok(from && to && serviceClass);
          const decision = policy.monitor.vector(from, to, serviceClass).decisions[
            serviceClass.permissions.indexOf(permission)
          ];
          const asked = request.join(' ');
          assert.is(decision?.allowed, naiveDecision(rules, allLinks, request), `naive: ${asked}`);
          assert.is(decision?.allowed, casbin.enforceSync(...request), `Casbin: ${asked}`);
          assert.is(decision?.permission, permission);
          if (decision?.allowed === true) assert.is(rules[(decision.rule?.line ?? 0) - 1]?.effect, 'allow');
          else assert.is(decision?.reason, decision?.rule === null ? 'NO_RULE' : 'EXPLICIT_DENY');
        }
      },
    ),
    seeded({ numRuns: 150 }),
  );
});

decisions('a neverallow that passes is never contradicted by a decision', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(rule, { minLength: 1, maxLength: 15 }),
      fc.array(link, { maxLength: 8 }),
      rule,
      async (rules, links, never) => {
        const rows = rules.map(
          (row) => `p, ${row.source}, ${row.destination}, ${row.className}, ${row.permission}, ${row.effect}\n`,
        );
        const text = `${rows.join('')}${links.map(([member, label]) => `g, ${member}, ${label}\n`).join('')}`;
        const assertions = `neverallow, ${never.source}, ${never.destination}, ${never.className}, ${never.permission}\n`;
        const texts = { domains: DOMAINS, services: SERVICES, policy: text };
        const accepted = await compileTexts({ ...texts, assertions }).then(
          () => true,
          () => false,
        );
        const forbidden: Rule = { ...never, effect: 'allow' };
        const violated = requests().some(
          (request) => naiveDecision(rules, links, request) && naiveDecision([forbidden], links, request),
        );
        assert.is(accepted, !violated);
      },
    ),
    seeded({ numRuns: 150 }),
  );
});

decisions.run();
