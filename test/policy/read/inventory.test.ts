/** domains.yaml, labels and grants. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MAX_LABEL_DEPTH } from '../../../policy/contract/limits.ts';
import { codesOf, compileTexts, DOMAINS, decide, domainOf, findingsOf, ONE_ROW } from '../compile.ts';

const inventory = suite('inventory');

inventory('a domain is found by name and by domid, with all its labels, sorted', async () => {
  const domains = DOMAINS.replace("'@mic'", "'@zoo'\n  - name: '@mic'");
  const policy = await compileTexts({ domains, policy: `${ONE_ROW}g, @app, @zoo\ng, chrome-vm, @audio\n` });
  const chrome = domainOf(policy, 'chrome-vm');
  assert.is(policy.domains.byDomid(101), chrome);
  assert.equal(chrome.labels, ['@app', '@audio', '@zoo']);
  const audio = domainOf(policy, 'audio-vm');
  assert.equal([audio.mac, audio.ipv4, audio.home, audio.carrier], ['02:00:00:00:00:01', '10.0.0.1', null, null]);
  assert.equal(
    policy.domains.all.map(({ index }) => index),
    [0, 1, 2, 3],
  );
});

inventory('the broker is not in the inventory and has no domid that a frame could name', async () => {
  const { domains } = await compileTexts({});
  assert.is(domains.byName('broker'), undefined);
  assert.is(domains.byDomid(domains.broker.domid), undefined);
  assert.not.ok(domains.all.includes(domains.broker));
});

const domain = (line: string): string =>
  `domains:\n  - {name: a, domid: 1, mac: '02:00:00:00:00:01', ipv4: 10.0.0.1}\n  - ${line}\n`;

/** [what, text, expected] */
const refused: readonly (readonly [string, string, string])[] = [
  ['a shared domid', domain('{name: b, domid: 1}'), 'E-050@3:22'],
  ['a shared MAC', domain("{name: b, domid: 2, mac: '02:00:00:00:00:01'}"), 'E-050@3:30'],
  ['a shared IPv4 address', domain('{name: b, domid: 2, ipv4: 10.0.0.1}'), 'E-050@3:31'],
  ['a repeated name', domain('{name: a, domid: 2}'), 'E-016@3:12'],
  ['the name broker', domain('{name: broker, domid: 2}'), 'E-016@3:12'],
  ['an undeclared label', domain("{name: b, domid: 2, labels: ['@app']}"), 'E-011@3:34'],
  ['@any in a list', domain("{name: b, domid: 2, labels: ['@any']}"), 'E-016@3:34'],
  ['an unknown key', domain('{name: b, domid: 2, ipv7: x}'), 'F-009@3:25'],
  ['a reserved domid', domain('{name: b, domid: 0x7ff0}'), 'F-009@3:22'],
  ['a negative domid', domain('{name: b, domid: -1}'), 'F-009@3:22'],
  ['a domid that is no integer', domain('{name: b, domid: 1.5}'), 'F-009@3:22'],
  ['a missing domid', domain('{name: b}'), 'F-009@3:5'],
  ['an upper-case name', domain('{name: B, domid: 2}'), 'F-009@3:12'],
  ['a name of 64 characters', domain(`{name: ${'b'.repeat(64)}, domid: 2}`), 'F-009@3:12'],
  ['an upper-case MAC', domain("{name: b, domid: 2, mac: '02:00:00:00:00:AA'}"), 'F-009@3:30'],
  ['a multicast MAC', domain("{name: b, domid: 2, mac: '03:00:00:00:00:01'}"), 'F-009@3:30'],
  ['an address out of range', domain('{name: b, domid: 2, ipv4: 10.0.0.256}'), 'F-009@3:31'],
  ['an address with leading zeros', domain('{name: b, domid: 2, ipv4: 10.0.0.01}'), 'F-009@3:31'],
  ...['fd00::1/64', 'fd00::/48', 'fd00::/80', '10.0.0.0/8', 'fe80::/64', 'FD00::/64', '::/64', 'ff02::/64'].map(
    (prefix) =>
      [`slaac ${prefix}`, domain(`{name: b, domid: 2, slaac: ['${prefix}']}`), 'F-009@3:33'] as [
        string,
        string,
        string,
      ],
  ),
  ['a user of a VMM that is no name', domain('{name: b, domid: 2, vmm: -u}'), 'F-009@3:30'],
  ['a user of a VMM below 0', domain('{name: b, domid: 2, vmm: -1}'), 'F-009@3:30'],
  ['a uid that means nobody', domain('{name: b, domid: 2, vmm: 4294967295}'), 'F-009@3:30'],
  ['an unquoted label', domain('{name: b, domid: 2, labels: [@app]}'), 'F-009@3:34'],
  ['a repeated key', domain('{name: b, domid: 2, domid: 3}'), 'F-009@3:25'],
  ['an alias', domain('{name: &x b, domid: 2, home: *x}'), 'F-009@3:15'],
  ['an alias of nothing', domain('{name: b, domid: 2, home: *x}'), 'F-009@3:31'],
  ['a tag', domain('{name: !!str b, domid: 2}'), 'F-009@3:18'],
  ['two documents', `${domain('{name: b, domid: 2}')}---\nx: 1\n`, 'F-009@4:1'],
  ['no domains', 'domains: []\n', 'F-009@1:10'],
  ['an empty file', '', 'F-009@0:0'],
  ['a list at the top', '- a\n', 'F-009@1:1'],
  ['a zero-width character', domain('{name: b, domid: 2} # \u200b'), 'F-004@3:27'],
  ['deep nesting', `domains: ${'['.repeat(1_000)}\n`, 'F-008@1:0'],
  ['deep block nesting', `domains:\n${'- '.repeat(1_000)}x\n`, 'F-008@2:0'],
  ['an over-long line', `domains: # ${'x'.repeat(5_000)}\n`, 'F-008@1:0'],
  ['a repeated label', `labels: [{name: '@x'}, {name: '@x'}]\n${domain('{name: b, domid: 2}')}`, 'E-016@1:31'],
  ['a declared @any', `labels: [{name: '@any'}]\n${domain('{name: b, domid: 2}')}`, 'E-016@1:17'],
];
for (const [what, domains, expected] of refused) {
  inventory(`${what} is refused`, async () => {
    const codes = await codesOf({ domains });
    assert.is(codes[0], expected, codes.join(' '));
  });
}

inventory('duplicates are reported with both names', async () => {
  const [first] = await findingsOf({ domains: domain("{name: b, domid: 2, mac: '02:00:00:00:00:01'}") });
  assert.is(first?.message, 'mac 02:00:00:00:00:01 belongs to both "a" and "b"');
});

const chain = (links: number): { domains: string; policy: string } => {
  const labels = Array.from({ length: links }, (_, number) => `@l${number}`);
  const declared = labels.map((name) => `  - name: '${name}'\n`).join('');
  const rows = labels.slice(1).map((label, number) => `g, @l${number}, ${label}\n`);
  return {
    domains: DOMAINS.replace('labels:\n', `labels:\n${declared}`),
    policy: `${ONE_ROW}${rows.join('')}g, rogue-vm, @l0\np, ${labels.at(-1)}, @audio, playback, send, allow\n`,
  };
};

inventory('labels nest as deep as the limit and no deeper', async () => {
  const policy = await compileTexts(chain(MAX_LABEL_DEPTH));
  assert.ok(decide(policy, 'rogue-vm', 'audio-vm', 'playback', 'send').allowed);
  for (const links of [MAX_LABEL_DEPTH + 1, MAX_LABEL_DEPTH + 2, 60]) {
    assert.match((await codesOf(chain(links))).join(), /^E-017/);
  }
});

inventory('a chain is too deep also when its end was seen before, from nearer', async () => {
  const { domains, policy } = chain(MAX_LABEL_DEPTH + 2);
  const [first] = await findingsOf({ domains, policy: `${policy}g, audio-vm, @l4\n` });
  assert.match(first?.message ?? '', `is ${MAX_LABEL_DEPTH + 1} links away from its farthest label`);
});

inventory('a cycle of labels is refused and shown', async () => {
  const [first] = await findingsOf({ policy: `${ONE_ROW}g, @app, @mic\ng, @mic, @audio\ng, @audio, @app\n` });
  assert.is(first?.code, 'E-017');
  assert.match(first?.message ?? '', /^labels contain each other: (@\w+) -> @\w+ -> @\w+ -> \1$/);
  assert.match((await codesOf({ policy: `${ONE_ROW}g, @app, @app\n` })).join(), /^E-017@2:4/);
});

inventory('a row that names a label without members is refused, unless the label can be granted', async () => {
  const domains = DOMAINS.replace("'@mic'", "'@empty'\n  - name: '@mic'");
  assert.equal(await codesOf({ domains, policy: `${ONE_ROW}p, @empty, @audio, playback, send, allow\n` }), [
    'E-019@2:1',
  ]);
  const policy = await compileTexts({ policy: `${ONE_ROW}p, @mic, @audio, control, source-start, allow\n` });
  assert.is(policy.rows, 2);
});

const grants = suite('grants');
const MIC = { policy: `${ONE_ROW}p, @mic, @audio, control, source-start, allow\n` };

grants('a grantable label changes decisions for the domain that got it alone', async () => {
  const policy = await compileTexts(MIC, { overlay: [{ domain: 'chrome-vm', label: '@mic' }] });
  assert.ok(decide(policy, 'chrome-vm', 'audio-vm', 'control', 'source-start').allowed);
  assert.not(decide(policy, 'mail-vm', 'audio-vm', 'control', 'source-start').allowed);
  assert.equal(domainOf(policy, 'chrome-vm').labels, ['@app', '@mic']);
});

grants('a label that is not grantable, an unknown label and an unknown domain are refused', async () => {
  assert.equal(await codesOf(MIC, { overlay: [{ domain: 'chrome-vm', label: '@audio' }] }), ['E-053@0:0']);
  assert.equal(await codesOf(MIC, { overlay: [{ domain: 'chrome-vm', label: '@mike' }] }), ['E-053@0:0']);
  assert.equal(await codesOf(MIC, { overlay: [{ domain: 'nobody', label: '@mic' }] }), ['E-053@0:0']);
  assert.equal(await codesOf(MIC, { overlay: [{ domain: 'chrome-vm', label: '@any' }] }), ['E-053@0:0']);
});

grants('assertions bind a grant', async () => {
  const assertions = 'neverallow, rogue-vm, @any, control, *\n';
  await compileTexts({ ...MIC, assertions });
  const [first] = await findingsOf({ ...MIC, assertions }, { overlay: [{ domain: 'rogue-vm', label: '@mic' }] });
  assert.is(first?.code, 'A-040');
});

grants('tests speak of the files alone: a grant cannot fail them, and they cannot stop a grant', async () => {
  const tests = 'chrome-vm, audio-vm, control, source-start, deny\n';
  const policy = await compileTexts({ ...MIC, tests }, { overlay: [{ domain: 'chrome-vm', label: '@mic' }] });
  assert.ok(decide(policy, 'chrome-vm', 'audio-vm', 'control', 'source-start').allowed);
});

inventory.run();
grants.run();
