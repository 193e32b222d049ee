/** Which denials permissive mode loosens: those of the rows, and none that an assertion wants. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PolicyError } from '../../../policy/index.ts';
import { compile, OPEN, type PolicyText } from '../../support/core/harness.ts';

const permissive = suite('permissive mode and assertions');

const SITE: PolicyText = {
  domains: ['a', 'b', 'c'],
  about: { a: 'labels: ["@l"]', b: 'labels: ["@m"]' },
  labels: ['@l', '@m'],
  // A policy without rows is refused; this one says nothing about a.
  rows: ['p, c, broker, argo, enable, allow'],
  permissive: ['a'],
};

/** The destinations among `b`, `c` to which `a` may send in both classes that a message needs. */
async function reached(assertions: readonly string[], more: Partial<PolicyText> = {}): Promise<string> {
  const { monitor, domains, classes } = await compile({ ...SITE, ...more, assertions });
  const data = classes.byName('data');
  const a = domains.byName('a');
  assert.ok(data && a);
  return ['b', 'c']
    .filter((name) => {
      const to = domains.byName(name);
      return to !== undefined && monitor.send(a, to).allowed && monitor.vector(a, to, data).decisions[0]?.allowed;
    })
    .join('');
}

async function refusal(assertions: readonly string[], more: Partial<PolicyText> = {}): Promise<string[]> {
  try {
    await compile({ ...SITE, ...more, assertions });
    return [];
  } catch (error) {
    if (error instanceof PolicyError) return error.findings.map(({ code }) => code);
    throw error;
  }
}

permissive('what a neverallow line forbids stays denied, however the line names the two', async () => {
  const table: readonly (readonly [assertions: readonly string[], reached: string])[] = [
    [[], 'bc'],
    [['neverallow, a, b, data, send'], 'c'],
    [['neverallow, @l, @m, *, *'], 'c'],
    [['neverallow, @any, @any, data, *'], ''],
    [['neverallow, @any, @any, data, send, except a c'], 'c'],
    [['neverallow, @any, @any, data, send, except @l @m'], 'b'],
    [['neverallow, @m, @any, data, send'], 'bc'],
    [['neverallow, a, b, audited, send'], 'bc'],
    [['neverallow, a, b, argo, register_single_source'], 'bc'],
  ];
  for (const [assertions, expected] of table) assert.is(await reached(assertions), expected, assertions.join());
});

permissive('a deny row is loosened like a missing one', async () => {
  assert.is(await reached([], { rows: [...OPEN, 'p, a, b, data, send, deny'] }), 'bc');
});

permissive('a domain cannot be permissive where it would complete a forbidden flow', async () => {
  const TO_A = ['p, c, a, argo, send, allow', 'p, c, a, data, send, allow'];
  assert.equal(await refusal(['neverflow, a, b']), ['A-042']);
  assert.equal(await refusal(['neverflow, c, b']), []);
  assert.equal(await refusal(['neverflow, c, b'], { rows: TO_A }), ['A-042'], 'c -> a -> b');
  assert.equal(await refusal(['neverflow, c, b, via a'], { rows: TO_A }), []);
  assert.equal(await refusal(['neverflow, a, b', 'neverallow, a, @any, *, *']), [], 'a neverallow closes the flow');
  assert.equal(await refusal(['max-fan, a, out, 1']), ['A-045']);
  assert.equal(await refusal(['max-fan, a, out, 2']), []);
});

permissive('a domain that is not declared cannot be permissive', async () => {
  assert.equal(await refusal([], { permissive: ['a', 'd'] }), ['E-010']);
});

permissive('the broker is asked for nothing but a session and a ring', async () => {
  const { monitor, domains, classes } = await compile(SITE);
  const [a, argo, data] = [domains.byName('a'), classes.byName('argo'), classes.byName('data')];
  assert.ok(a && argo && data);
  const asked = monitor.vector(a, domains.broker, argo).decisions.filter(({ allowed }) => allowed);
  assert.equal(
    asked.map(({ permission }) => permission),
    ['enable', 'register_any_source'],
  );
  assert.is(monitor.vector(a, domains.broker, data).decisions[0]?.allowed, false);
});

permissive('the permit names the denial that it stands for', async () => {
  const { monitor, domains } = await compile(SITE);
  const [a, b] = [domains.byName('a'), domains.byName('b')];
  assert.ok(a && b);
  const [loose, strict] = [monitor.send(a, b), monitor.send(b, a)];
  assert.equal([loose.allowed && loose.permissive?.reason, strict.allowed], ['NO_RULE', false]);
});

permissive.run();
