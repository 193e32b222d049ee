/** services.yaml: which port is which class. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { classOf, codesOf, compileTexts, DOMAINS, domainOf, findingsOf, ONE_ROW, SERVICES } from '../compile.ts';

const classes = suite('service classes');

classes('argo is 0, unclassified is 1, the others follow in the order of the file', async () => {
  const policy = await compileTexts({});
  const names = policy.classes.all.map(({ index, name }) => `${index} ${name}`);
  assert.equal(names, ['0 argo', '1 unclassified', '2 playback', '3 control']);
  assert.equal(classOf(policy, 'argo').permissions, [
    'enable',
    'register_single_source',
    'register_any_source',
    'send',
  ]);
  assert.equal(classOf(policy, 'control').auditallow, [true, false, false, false, false]);
});

classes('a port is of the class that claims it at this destination, else unclassified', async () => {
  const policy = await compileTexts({});
  const at = (name: string, port: number): string => policy.classes.of(domainOf(policy, name), port).name;
  for (const [port, expected] of [
    [4712, 'unclassified'],
    [4713, 'playback'],
    [4714, 'control'],
    [5999, 'unclassified'],
    [6000, 'control'],
    [6010, 'control'],
    [6011, 'unclassified'],
    [0, 'unclassified'],
    [2 ** 32, 'unclassified'],
    [Number.NaN, 'unclassified'],
    [-1, 'unclassified'],
  ] as const) {
    assert.is(at('audio-vm', port), expected, String(port));
    assert.is(at('chrome-vm', port), 'unclassified', String(port));
  }
});

classes('a domain of another revision has no classes here', async () => {
  const [one, two] = [await compileTexts({}), await compileTexts({}, { revision: 2 })];
  assert.is(one.classes.of(domainOf(two, 'audio-vm'), 4713).name, 'unclassified');
});

const one = (changes: string): string =>
  `classes:\n  - {name: x, ports: [1], inspector: opaque, permissions: [send], flow: both}\n  - {${changes}}\n`;
const REST = 'inspector: opaque, permissions: [send], flow: both';

/** [what, text, first finding] */
const refused: readonly (readonly [string, string, string])[] = [
  ['a class twice', one(`name: x, ports: [2], ${REST}`), 'E-016@3:12'],
  ['a class called argo', one(`name: argo, ports: [2], ${REST}`), 'E-016@3:12'],
  ['a class called unclassified', one(`name: unclassified, ports: [2], ${REST}`), 'E-016@3:12'],
  ['an unknown inspector', one('name: y, ports: [2], inspector: opaqe, permissions: [send], flow: both'), 'E-052@3:38'],
  [
    'permissions other than the inspector has',
    one('name: y, ports: [2], inspector: opaque, permissions: [send, other], flow: both'),
    'E-052@3:59',
  ],
  [
    'permissions in another order',
    one(
      'name: y, ports: [2], inspector: audio-control, permissions: [source-stop, source-start, sink-cork, sink-uncork, other], flow: both',
    ),
    'E-052@3:66',
  ],
  ['auditallow of an unknown permission', one(`name: y, ports: [2], ${REST}, auditallow: [sned]`), 'E-014@3:92'],
  ['strict of an unknown permission', one(`name: y, ports: [2], ${REST}, strict: [sned]`), 'E-014@3:88'],
  ['digest of an unknown permission', one(`name: y, ports: [2], ${REST}, digest: [sned]`), 'E-014@3:88'],
  ['an undeclared destination', one(`name: y, ports: [2], destination: '@nobody', ${REST}`), 'E-011@3:40'],
  ['the same port twice', one(`name: y, ports: [1], ${REST}`), 'E-051@3:23'],
  ['a range over a port', one(`name: y, ports: ['1-5'], ${REST}`), 'E-051@3:23'],
  ['a port of one label and of all', one(`name: y, ports: [1], destination: '@app', ${REST}`), 'E-051@3:23'],
  ['port 0', one(`name: y, ports: [0], ${REST}`), 'F-009@3:23'],
  ['a port of 33 bits', one(`name: y, ports: [4294967296], ${REST}`), 'F-009@3:23'],
  ['a range backwards', one(`name: y, ports: ['9-8'], ${REST}`), 'F-009@3:23'],
  ['no ports', one(`name: y, ports: [], ${REST}`), 'F-009@3:22'],
  ['an unknown flow', one('name: y, ports: [2], inspector: opaque, permissions: [send], flow: up'), 'F-009@3:73'],
  ['an unknown key', one(`name: y, port: [2], ports: [2], ${REST}`), 'F-009@3:15'],
];
for (const [what, services, expected] of refused) {
  classes(`${what} is refused`, async () => {
    const codes = await codesOf({ services, policy: 'p, @app, @audio, x, send, allow\n' });
    assert.is(codes[0], expected, codes.join(' '));
  });
}

classes('two labels share a port only as long as no domain has both, grants included', async () => {
  const services = `classes:\n  - {name: playback, ports: [7], destination: '@audio', ${REST}}\n  - {name: y, ports: [7], destination: '@mic', ${REST}}\n`;
  const policy = await compileTexts({ services });
  assert.is(policy.classes.of(domainOf(policy, 'audio-vm'), 7).name, 'playback');
  const [first] = await findingsOf({ services }, { overlay: [{ domain: 'audio-vm', label: '@mic' }] });
  assert.is(first?.code, 'E-051');
  assert.match(first?.message ?? '', '"audio-vm", which is both @audio and @mic');
});

classes('without any class of its own a policy still has the two built-in ones', async () => {
  const policy = await compileTexts({ services: 'classes: []\n', policy: 'p, @app, broker, argo, enable, allow\n' });
  assert.is(policy.classes.all.length, 2);
});

classes('a model.conf that is not the shipped one is refused', async () => {
  assert.equal(await codesOf({ model: '[matchers]\nm = true\n' }), ['E-018@0:0']);
});

classes('findings of several files are reported together', async () => {
  const codes = await codesOf({
    model: 'x',
    domains: DOMAINS.replace('101', '1'),
    services: SERVICES,
    policy: ONE_ROW,
  });
  assert.equal(codes, ['E-018@0:0', 'E-050@8:30']);
});

classes.run();
