/** The analysis tools against naive twins: diff, flow, linter; and what `why` says. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  answerWhy,
  applyWaivers,
  diffAccess,
  finish,
  flowGraph,
  formatChange,
  formatDiff,
  formatSvg,
  lintPolicy,
  type PolicyBuild,
  type PolicyFiles,
  pageOf,
  readQuestion,
  searchRows,
  shortestFlows,
  summarizeAccess,
  toSarif,
  WARNINGS,
} from '../../policy/index.ts';
import { CATALOGUE } from '../../policy/read/finding.ts';
import { seeded } from '../support/seed.ts';
import { compileTexts, domainOf, ONE_ROW } from './compile.ts';
import { type Link, naiveDecision, type Rule } from './naive.ts';

const analyse = suite('analysis');

const NAMES = ['vm-a', 'vm-b', 'vm-c', 'vm-d'];
const LABELS = ['@l0', '@l1', '@l2'];
const DOMAINS = `labels:\n${LABELS.map((name) => `  - {name: '${name}'}\n`).join('')}domains:\n${NAMES.map((name, domid) => `  - {name: ${name}, domid: ${domid}, labels: ['@l${domid % 3}']}\n`).join('')}`;
const SERVICES = `classes:
  - {name: to, ports: [1], inspector: opaque, permissions: [send], flow: to-destination}
  - {name: from, ports: [2], inspector: opaque, permissions: [send], flow: to-source}
`;
const MEMBERS: readonly Link[] = NAMES.map((name, domid): Link => [name, `@l${domid % 3}`]);

const subject = fc.constantFrom(...NAMES, ...LABELS, '@any');
const rule = fc.record({
  source: subject,
  destination: subject,
  className: fc.constantFrom('to', 'from', 'argo'),
  permission: fc.constant('send'),
  effect: fc.constantFrom('allow' as const, 'allow' as const, 'deny' as const),
});
const rules: fc.Arbitrary<Rule[]> = fc.array(rule, { minLength: 1, maxLength: 10 });

function compile(list: readonly Rule[], domains = DOMAINS): Promise<PolicyBuild> {
  const rows = list.map(
    ({ source, destination, className, permission, effect }) =>
      `p, ${source}, ${destination}, ${className}, ${permission}, ${effect}\n`,
  );
  return compileTexts({ domains, services: SERVICES, policy: rows.join('') });
}

function allowed(list: readonly Rule[]): Set<string> {
  const cells = NAMES.flatMap((source) =>
    NAMES.flatMap((destination) =>
      ['argo', 'to', 'from'].map((className) => [source, destination, className, 'send'] as const),
    ),
  );
  return new Set(cells.filter((cell) => naiveDecision(list, MEMBERS, cell)).map((cell) => cell.join(' ')));
}

analyse('diff lists exactly the requests whose decision differs', async () => {
  await fc.assert(
    fc.asyncProperty(rules, rules, async (before, after) => {
      const changes = finish(diffAccess(await compile(before), await compile(after)));
      const listed = (part: 'added' | 'removed') =>
        changes
          .flatMap((change) =>
            change[part].map((name) => `${change.source} ${change.destination} ${change.className} ${name}`),
          )
          .sort();
      const [old, now] = [allowed(before), allowed(after)];
      assert.equal(listed('added'), [...now].filter((cell) => !old.has(cell)).sort());
      assert.equal(listed('removed'), [...old].filter((cell) => !now.has(cell)).sort());
    }),
    seeded({ numRuns: 60 }),
  );
});

analyse('the summary of a change counts what diff lists, and shows the first of it', async () => {
  await fc.assert(
    fc.asyncProperty(rules, rules, async (list, other) => {
      const [before, after] = [await compile(list), await compile(other)];
      const changes = finish(diffAccess(before, after));
      const summary = finish(summarizeAccess(before, after));
      const [, added, removed, modified] =
        /\((\d+) Added, (\d+) Removed, (\d+) Modified/.exec(formatDiff(changes)) ?? [];
      assert.equal([summary?.added, summary?.removed, summary?.modified], [added, removed, modified].map(Number));
      const listed = changes.map((change) => formatChange(change));
      assert.is(summary?.examples.length, Math.min(4, changes.length));
      for (const example of summary?.examples ?? []) assert.ok(listed.includes(example.slice(2)), example);
    }),
    seeded({ numRuns: 60 }),
  );
});

analyse('where only some domains changed, only their pairs are compared', async () => {
  const rows: Rule[] = [
    { source: '@l0', destination: '@any', className: 'to', permission: 'send', effect: 'allow' },
    { source: 'vm-b', destination: '@l0', className: 'from', permission: 'send', effect: 'allow' },
  ];
  const before = await compile(rows);
  const after = await compile(
    rows,
    DOMAINS.replace("name: vm-b, domid: 1, labels: ['@l1']", "name: vm-b, domid: 1, labels: ['@l1', '@l0']"),
  );
  const changed = [domainOf(after, 'vm-b')];
  const whole = finish(summarizeAccess(before, after));
  assert.ok(whole !== null && whole.added > 0);
  assert.equal({ ...finish(summarizeAccess(before, after, changed)) }, { ...whole });
  assert.equal({ ...finish(summarizeAccess(before, after, [])) }, { added: 0, removed: 0, modified: 0, examples: [] });
});

analyse('a domain or class that only one policy has is denied everything in the other', async () => {
  const more = `${DOMAINS}  - {name: vm-e, domid: 9, labels: ['@l0']}\n`;
  const policy = 'p, @any, @any, to, send, allow\n';
  const [before, after] = await Promise.all(
    [DOMAINS, more].map((domains) => compileTexts({ domains, services: SERVICES, policy })),
  );
  assert.ok(before !== undefined && after !== undefined);
  const counts = (from: PolicyBuild, to: PolicyBuild) => {
    const summary = finish(summarizeAccess(from, to));
    return [summary?.added, summary?.removed, summary?.modified];
  };
  // vm-e with itself, and with each of the four others in both directions.
  assert.equal(counts(before, after), [9, 0, 0]);
  assert.equal(counts(after, before), [0, 9, 0]);
});

analyse('a flow is found exactly when a chain of messages can carry it, and none is shorter', async () => {
  await fc.assert(
    fc.asyncProperty(rules, async (list) => {
      const policy = await compile(list);
      const cells = allowed(list);
      const edge = (from: string, to: string): boolean =>
        from !== to &&
        ((cells.has(`${from} ${to} argo send`) && cells.has(`${from} ${to} to send`)) ||
          (cells.has(`${to} ${from} argo send`) && cells.has(`${to} ${from} from send`)));
      const graph = finish(flowGraph(policy));
      for (const source of NAMES) {
        for (const target of NAMES) {
          if (source === target) continue;
          let reached = [source];
          let steps = 0;
          while (!reached.includes(target) && steps < NAMES.length) {
            reached = NAMES.filter((name) => reached.includes(name) || reached.some((from) => edge(from, name)));
            steps++;
          }
          const paths = shortestFlows(graph, new Set([domainOf(policy, source)]), new Set([domainOf(policy, target)]));
          assert.is(paths[0]?.length ?? 0, reached.includes(target) ? steps : 0, `${source} ${target}`);
          for (const path of paths) for (const { from, to } of path) assert.ok(edge(from.name, to.name));
        }
      }
    }),
    seeded({ numRuns: 60 }),
  );
});

analyse('the picture of the flows is well-formed, and has each domain and each flow once', async () => {
  const row = (source: string, destination: string, className: string): Rule => ({
    source,
    destination,
    className,
    permission: 'send',
    effect: 'allow',
  });
  const policy = await compile([row('@any', '@any', 'argo'), row('vm-a', '@any', 'to'), row('@l1', 'vm-a', 'from')]);
  const graph = finish(flowGraph(policy));
  const svg = formatSvg(graph);
  assert.equal(unclosed(svg), []);
  const titles = [...svg.matchAll(/<title>([^<]*)<\/title>/g)].map(([, title]) => title);
  const flows = graph.steps.flat().filter((step) => step !== undefined);
  assert.ok(flows.length > 0);
  for (const { from, to } of flows)
    assert.is(titles.filter((title) => title?.startsWith(`${from.name} -&gt; ${to.name}:`)).length, 1);
  for (const { name } of graph.domains) assert.is(svg.split(`>${name}</text>`).length, 2);
});

/** Tags of a text that are open at its end, or were closed without being open. */
function unclosed(xml: string): string[] {
  const open: string[] = [];
  for (const [, slash, name = '', end] of xml.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (end === '/') continue;
    if (slash !== '/') open.push(name);
    else if (open.pop() !== name) return [`/${name}`];
  }
  return open;
}

analyse('without a row that is called duplicate, redundant, dead or void nothing changes', async () => {
  const CODES = ['W-020', 'W-021', 'W-022', 'W-024'];
  await fc.assert(
    fc.asyncProperty(rules, async (list) => {
      const warnings = finish(lintPolicy(await compile(list)));
      const whole = [...allowed(list)].join();
      for (const [index] of list.entries()) {
        const rest = list.filter((_, position) => position !== index);
        const isWarned = warnings.some(({ code, line }) => line === index + 1 && CODES.includes(code));
        const isFirstOfEquals = warnings.some(
          ({ code, message }) => code === 'W-020' && message.endsWith(` ${index + 1}`),
        );
        if (isWarned) assert.is([...allowed(rest)].join(), whole, `line ${index + 1}`);
        else if (!isFirstOfEquals) {
          // A row without a warning matters: alone among rows of its effect it decides a cell, or a deny meets an allow.
          const decides = [...allowed(rest)].join() !== whole;
          const isPartlyDenied = list.some(({ effect }) => effect === 'deny');
          assert.ok(decides || isPartlyDenied, `line ${index + 1} has no effect and no warning`);
        }
      }
    }),
    seeded({ numRuns: 100 }),
  );
});

const LINTED: readonly (readonly [what: string, row: string, expected: readonly string[]])[] = [
  ['a duplicate', ONE_ROW, ['W-020@3']],
  ['a row that a wider one covers', 'p, chrome-vm, @audio, playback, send, allow\n', ['W-021@3']],
  ['a denial of what nothing allows', 'p, rogue-vm, @audio, playback, send, deny\n', ['W-024@3']],
  ['everything to everybody', 'p, @any, @any, argo, send, allow\n', ['W-021@2', 'W-025@3']],
  ['a domain and itself', 'p, mail-vm, mail-vm, argo, send, allow\n', ['W-026@3']],
  ['a class without argo send', 'p, rogue-vm, @audio, control, other, allow\n', ['W-033@3']],
  [
    'a class that the destination does not have',
    'p, @app, @audio, argo, *, allow\np, audio-vm, mail-vm, argo, send, allow\np, audio-vm, mail-vm, playback, send, allow\n',
    ['W-021@2', 'W-034@5'],
  ],
];
for (const [what, row, expected] of LINTED) {
  analyse(`the linter sees ${what}`, async () => {
    const policy = `${ONE_ROW}p, @app, @audio, argo, send, allow\n${row}`;
    // @mic is not used here, and rogue-vm can do nothing.
    const warnings = finish(lintPolicy(await compileTexts({ policy }))).filter(
      ({ code }) => code !== 'W-031' && code !== 'W-032',
    );
    assert.equal(
      warnings.map(({ code, line }) => `${code}@${line}`),
      expected,
    );
  });
}

analyse('an allow row that a denial takes back, an unused label, an empty assertion, an idle exception', async () => {
  const policy = await compileTexts({
    domains: `labels:\n  - {name: '@app'}\n  - {name: '@audio'}\n  - {name: '@idle'}\n  - {name: '@ghost'}\ndomains:\n  - {name: a, domid: 1, labels: ['@app']}\n  - {name: b, domid: 2, labels: ['@audio']}\n`,
    policy: 'p, a, b, argo, send, allow\np, @app, @any, argo, send, deny\n',
    assertions: 'neverallow, @ghost, @any, argo, send\nneverallow, @app, @app, argo, send, except b a\n',
    services: 'classes: []\n',
  });
  assert.equal(
    finish(lintPolicy(policy)).map(({ code, file, line }) => `${code} ${file}:${line}`),
    [
      'W-022 policy.csv:1',
      'W-031 domains.yaml:3',
      'W-031 domains.yaml:4',
      'W-040 assertions.csv:1',
      'W-041 assertions.csv:2',
    ],
  );
});

analyse('a domain that no row, label or assertion concerns is named, with its line', async () => {
  const isolated = async (more: { policy?: string; assertions?: string }): Promise<string[]> =>
    finish(lintPolicy(await compileTexts({ policy: ONE_ROW, ...more })))
      .filter(({ code }) => code === 'W-032')
      .map(({ file, line, message }) => `${file}:${line} ${/"(.*?)"/.exec(message)?.[1]}`);
  assert.equal(await isolated({}), ['domains.yaml:10 rogue-vm']);
  assert.equal(await isolated({ assertions: 'neverallow, rogue-vm, @any, *, *\n' }), []);
  assert.equal(await isolated({ policy: `${ONE_ROW}p, rogue-vm, @audio, playback, send, allow\n` }), []);
});

analyse('a waiver needs a code, an end and a reason, ends, and must waive something', async () => {
  const waive = (comment: string) => {
    const text = `${comment}\n${ONE_ROW}`;
    const files = { 'policy.csv': text, 'domains.yaml': '', 'assertions.csv': '' };
    const bytes = Object.fromEntries(
      Object.entries(files).map(([name, each]) => [name, new TextEncoder().encode(each)]),
    );
    const found = [{ file: 'policy.csv', line: 2, column: 1, code: 'W-021' as const, message: 'redundant' }];
    const { warnings, waived } = applyWaivers(bytes as unknown as PolicyFiles, found, '2026-11-28');
    return [warnings.map(({ code }) => code).join(), waived.length];
  };
  assert.equal(waive('# lint-disable:W-021 until=2026-12-31 reason=on purpose'), ['', 1]);
  assert.equal(waive('# lint-disable:W-021 until=2026-11-27 reason=on purpose'), ['W-021,W-051', 0]);
  assert.equal(waive('# lint-disable:W-021 until=2026-12-31'), ['W-050,W-021', 0]);
  assert.equal(waive('# lint-disable:W-021 reason=on purpose'), ['W-050,W-021', 0]);
  assert.equal(waive('# lint-disable:W-024 until=2026-12-31 reason=on purpose'), ['W-021,W-052', 0]);
  assert.equal(waive('# lint-disable:A-040 until=2026-12-31 reason=on purpose'), ['W-050,W-021', 0]);
});

analyse('why names the row, the labels, the near miss and what would allow it', async () => {
  const policy = await compileTexts({
    policy: `${ONE_ROW}p, mail-vm, @audio, playback, send, deny\np, @audio, @mic, control, other, allow\n`,
  });
  const ask = (source: string, destination: string, className: string, permission: string) => {
    const question = readQuestion(policy, [source, destination, className, permission]);
    assert.ok(typeof question !== 'string');
    return answerWhy(policy, question);
  };
  const yes = ask('chrome-vm', 'audio-vm', 'playback', 'send');
  assert.equal(
    [yes.reason, yes.rule?.row.place.line, yes.labels],
    ['ALLOWED', 1, ['chrome-vm is @app', 'audio-vm is @audio']],
  );
  const no = ask('mail-vm', 'audio-vm', 'playback', 'send');
  assert.equal([no.reason, no.rule?.row.place.line, no.labels], ['EXPLICIT_DENY', 2, ['audio-vm is @audio']]);
  const near = ask('audio-vm', 'chrome-vm', 'control', 'other');
  assert.equal([near.reason, near.nearMisses[0]?.because], ['NO_RULE', 'chrome-vm is not @mic']);
  assert.equal(
    near.candidates.map(({ text }) => text),
    ['p, audio-vm, chrome-vm, control, other, allow', 'argus grant chrome-vm @mic'],
  );
  assert.match(String(readQuestion(policy, ['chrome-vm', 'audio-vm', 'playback', 'sent'])), 'it has: send');
});

analyse('search finds rows by what they apply to, or by what they name', async () => {
  const policy = await compileTexts({ policy: `${ONE_ROW}p, chrome-vm, audio-vm, control, *, allow\n` });
  const lines = (terms: Parameters<typeof searchRows>[1]) => searchRows(policy, terms).map(({ row }) => row.place.line);
  assert.equal(lines({ source: 'chrome-vm' }), [1, 2]);
  assert.equal(lines({ source: 'mail-vm' }), [1]);
  assert.equal(lines({ source: 'chrome-vm', directSource: true }), [2]);
  assert.equal(lines({ permission: 'other' }), [2]);
  assert.equal(lines({ effect: 'deny' }), []);
});

analyse('equal policies differ in nothing; SARIF has a rule for each result; every code has a page', async () => {
  const [one, other] = [await compileTexts({}), await compileTexts({})];
  assert.is(formatDiff(finish(diffAccess(one, other))), 'Allow Rules (0 Added, 0 Removed, 0 Modified)');
  const sarif = toSarif('policy', '1', finish(lintPolicy(await compileTexts({ policy: ONE_ROW + ONE_ROW })))) as {
    readonly runs: readonly {
      readonly results: readonly { readonly ruleIndex: number }[];
      readonly tool: { readonly driver: { readonly rules: readonly unknown[] } };
    }[];
  };
  const [run] = sarif.runs;
  assert.ok((run?.results.length ?? 0) > 0);
  assert.ok(run?.results.every(({ ruleIndex }) => run.tool.driver.rules[ruleIndex] !== undefined));
  for (const code of [...Object.keys(CATALOGUE), ...Object.keys(WARNINGS)]) assert.ok(pageOf(code), code);
  assert.is(pageOf('W-999'), null);
});

analyse.run();
