/** Policies of other systems: rows mean the same here, and what has no equivalent is listed. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { importCasbin, importQrexec, PolicyError, readMapping } from '../../../policy/index.ts';

const convert = suite('import of policies');

const MAPPING = readMapping(
  'map.yaml',
  new TextEncoder().encode(`services:
  qubes.Filecopy: { class: filecopy, permission: send }
  my.Service+arg: { class: mine, permission: send }
  read: { class: data, permission: read }
names:
  Work_VM: work-vm
  "@adminvm": admin-vm
`),
);

function rowsOf(csv: string): string[] {
  return csv.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

function qrexec(...lines: string[]) {
  const { csv, untranslated } = importQrexec([{ name: '30-user.policy', text: lines.join('\n') }], MAPPING);
  return { csv, rows: rowsOf(csv), refused: untranslated.map(({ line, why }) => `${line}: ${why}`) };
}

const ARGO = (from: string, to: string): string[] => [
  `p, ${from}, ${to}, argo, send, allow`,
  `p, ${to}, ${from}, argo, register_single_source, allow`,
];

const TRANSLATED: readonly (readonly [line: string, rows: readonly string[]])[] = [
  ['qubes.Filecopy * work vault allow', ['p, work, vault, filecopy, send, allow', ...ARGO('work', 'vault')]],
  ['my.Service +arg work vault allow', ['p, work, vault, mine, send, allow', ...ARGO('work', 'vault')]],
  ['qubes.Filecopy * @tag:lab @anyvm allow', ['p, @lab, @any, filecopy, send, allow', ...ARGO('@lab', '@any')]],
  [
    'qubes.Filecopy * Work_VM @adminvm allow',
    ['p, work-vm, admin-vm, filecopy, send, allow', ...ARGO('work-vm', 'admin-vm')],
  ],
  ['qubes.Filecopy * work vault allow notify=yes', ['p, work, vault, filecopy, send, allow', ...ARGO('work', 'vault')]],
  ['qubes.Filecopy * @anyvm @anyvm deny', []],
  ['# a comment', []],
];
for (const [line, rows] of TRANSLATED) {
  convert(`qrexec "${line}" becomes ${rows.length} rows`, () => {
    const { rows: made, refused, csv } = qrexec(line);
    assert.equal([made, refused], [rows, []]);
    if (!line.startsWith('#')) assert.match(csv, `# qrexec 30-user.policy:1: ${line}`);
  });
}

const WITHOUT_EQUIVALENT: readonly (readonly [line: string, why: string])[] = [
  ['qubes.Filecopy * work vault ask', 'nobody is asked here'],
  ['qubes.Filecopy * work @default allow target=vault', 'no default target'],
  ['qubes.Filecopy * work vault allow target=other', 'not redirected'],
  ['qubes.Filecopy * work @dispvm allow', '"@dispvm" has no equivalent'],
  ['qubes.Filecopy * @type:AppVM vault allow', '"@type:AppVM" has no equivalent'],
  ['qubes.Filecopy * Bad_VM vault allow', '"Bad_VM" has no equivalent'],
  ['qubes.Other * work vault allow', 'the mapping file does not say'],
  ['my.Service * work vault allow', 'the mapping file does not say'],
  ['* * work vault allow', 'name the services'],
  ['qubes.Filecopy * work vault permit', 'the action "permit" is not known'],
  ['!include include/more', 'includes are not followed'],
  ['qubes.Filecopy work vault allow', 'not a line of five words'],
];
for (const [line, why] of WITHOUT_EQUIVALENT) {
  convert(`qrexec "${line}" is listed and makes no row`, () => {
    const { rows, refused, csv } = qrexec(line);
    assert.equal(rows, []);
    assert.is(refused.length, 1);
    assert.match(refused[0] ?? '', why);
    assert.match(csv, `# NOT TRANSLATED: qrexec 30-user.policy:1: ${line}`);
  });
}

convert('a denial before the line that would allow it is a row; one behind what it would take back is listed', () => {
  const deny = 'qubes.Filecopy * work vault deny';
  const allow = 'qubes.Filecopy * @anyvm @anyvm allow';
  assert.equal(qrexec(deny, allow).rows[0], 'p, work, vault, filecopy, send, deny');
  const behind = qrexec('qubes.Filecopy * work @anyvm allow', deny, allow);
  assert.not.ok(behind.rows.some((row) => row.endsWith('deny')));
  assert.match(behind.refused[0] ?? '', '30-user.policy:1 allows a part of it first');
  // Two other VMs: the lines do not meet.
  assert.equal(qrexec('qubes.Filecopy * mail vault allow', deny, allow).refused, []);
  // Nothing after it allows anything: the default.
  assert.equal(qrexec('qubes.Filecopy * work @anyvm allow', deny).refused, []);
});

convert('a mapping file with an unknown key or name is refused', () => {
  const broken = 'services: { read: { class: "a\\np, x, y, z", permission: send } }\n';
  for (const text of ['service: {}\n', 'names: { a: "Not A Name" }\n', broken])
    assert.throws(
      () => readMapping('map.yaml', new TextEncoder().encode(text)),
      (error: unknown) => error instanceof PolicyError && error.code === 'ERR_POLICY_YAML',
    );
});

convert('casbin rows, roles and denials are translated; other models are listed', () => {
  const text = [
    'p, alice, data1, read',
    'p, admin, data1, read, deny',
    'g, alice, admin',
    'p, alice, data1, write',
    'p, alice, data1, read, perhaps',
    'p, alice, domain1, data1, read, allow, 10',
    'p, Alice, data1, read',
    'g2, alice, admin',
  ].join('\n');
  const { csv, untranslated, rows } = importCasbin('policy.csv', text, MAPPING);
  assert.equal(rowsOf(csv), [
    'p, alice, data1, data, read, allow',
    'p, @admin, data1, data, read, deny',
    'g, alice, @admin',
  ]);
  assert.equal([rows, untranslated.map(({ line }) => line)], [3, [4, 5, 6, 7, 8]]);
});

convert('a comment cannot break out of its line', () => {
  const { csv } = importCasbin('policy.csv', 'p, a\u2028b\u0085c, d, read\n', MAPPING);
  assert.not.match(csv, /[\u2028\u0085]/);
});

/** Lines of the kinds that the default policy of Qubes consists of: tabs, tags, types, redirections, first match wins. */
const LIKE_THE_DEFAULT_OF_QUBES = [
  '## Rules of a site; the first match counts',
  '!include-service my.Admin * include/admin-ro',
  'my.Dangerous            *           @anyvm          @anyvm      deny',
  'my.Report\t\t*           @anyvm\t        dom0\t    allow',
  'my.Copy                 *           @anyvm          @anyvm      ask',
  'my.Clock                *           @tag:anon-vm    @anyvm      deny',
  'my.Clock                *           @anyvm          @anyvm      allow target=dom0',
  'my.Convert              *           @anyvm          @dispvm     allow',
  'my.Convert              *           @anyvm          @anyvm      ask',
  'my.Proxy                *   @tag:relayed            @default    allow target=sys-relay',
  'my.Proxy                *   @tag:relayed            @anyvm      deny',
  'my.Proxy                *   @type:TemplateVM        @default    allow target=sys-net',
  'my.Restore              +7  @tag:restore            @tag:store  allow',
];

convert('a policy of the kinds of lines that Qubes ships: what has an equivalent is a row, all else is listed', () => {
  const services = ['Report', 'Copy', 'Clock', 'Convert', 'Proxy', 'Dangerous'].map(
    (name) => `  my.${name}: { class: ${name.toLowerCase()}, permission: send }\n`,
  );
  const text = `services:\n${services.join('')}  my.Restore+7: { class: restore, permission: send }\nnames:\n  dom0: admin-vm\n`;
  const mapping = readMapping('map.yaml', new TextEncoder().encode(text));
  const file = { name: '90-default.policy', text: LIKE_THE_DEFAULT_OF_QUBES.join('\n') };
  const { csv, untranslated } = importQrexec([file], mapping);
  assert.equal(rowsOf(csv), [
    'p, @any, admin-vm, report, send, allow',
    ...ARGO('@any', 'admin-vm'),
    'p, @anon-vm, @any, clock, send, deny',
    'p, @restore, @store, restore, send, allow',
    ...ARGO('@restore', '@store'),
  ]);
  assert.equal(
    untranslated.map(({ line }) => line),
    [2, 5, 7, 8, 9, 10, 11, 12],
  );
});

convert.run();
