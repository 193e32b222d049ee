/** What the tools say of `dontaudit` and `auditallow` rows: check, diff, search, why, info. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  answerWhy,
  diffAccess,
  diffAudit,
  finish,
  flowGraph,
  formatAnswer,
  formatAuditRow,
  formatDiff,
  formatDot,
  lintPolicy,
  policyCounts,
  readQuestion,
  recordsLess,
  searchAuditRows,
} from '../../policy/index.ts';
import { compileTexts, ONE_ROW, SERVICES, type Texts } from './compile.ts';

const tools = suite('tools: audit rows');

const BASE = `${ONE_ROW}p, @app, @audio, argo, send, allow\np, @app, @audio, control, *, allow\n`;

async function warnings(rows: string, more: Texts = {}): Promise<string[]> {
  const policy = await compileTexts({ policy: `${BASE}${rows}`, ...more });
  return finish(lintPolicy(policy))
    .filter(({ code }) => ['W-020', 'W-035', 'W-036'].includes(code))
    .map(({ code, line }) => `${code}@${line}`);
}

const LINTED: readonly (readonly [what: string, row: string, expected: readonly string[], more?: Texts])[] = [
  ['a dontaudit row for a denial', 'dontaudit, rogue-vm, @audio, playback, send', []],
  ['a dontaudit row of which a part is allowed', 'dontaudit, @any, @audio, playback, send', []],
  ['a dontaudit row for what is allowed', 'dontaudit, @app, @audio, playback, send', ['W-035@4']],
  ['a dontaudit row that is about the broker', 'dontaudit, rogue-vm, broker, argo, enable', []],
  ['an auditallow row for an allowed use', 'auditallow, @app, @audio, playback, send', []],
  ['an auditallow row for a denial', 'auditallow, rogue-vm, @audio, playback, send', ['W-035@4']],
  ['an auditallow row for what the class records', 'auditallow, @app, @audio, control, source-start', ['W-035@4']],
  ['an auditallow row that adds one permission', 'auditallow, @app, @audio, control, *', []],
  ['an auditallow row for class argo, send', 'auditallow, chrome-vm, @audio, argo, send', []],
  ['a label that can be granted', 'dontaudit, @audio, @mic, playback, send', []],
  [
    'the same row twice',
    'auditallow, @app, @audio, playback, send\nauditallow, @app, @audio, playback, send',
    ['W-020@5'],
  ],
  [
    'what a neverallow line forbids',
    'dontaudit, @any, @app, playback, *',
    ['W-036@4'],
    { assertions: 'neverallow, rogue-vm, @any, *, *\n' },
  ],
  [
    'another permission than the neverallow line names',
    'dontaudit, rogue-vm, @audio, control, sink-cork',
    [],
    { assertions: 'neverallow, rogue-vm, @any, control, other\n' },
  ],
  [
    'an exception of the neverallow line',
    'dontaudit, rogue-vm, chrome-vm, playback, send',
    [],
    { assertions: 'neverallow, rogue-vm, @any, playback, send, except rogue-vm chrome-vm\n' },
  ],
  [
    'what a neverflow line forbids',
    'dontaudit, rogue-vm, mail-vm, playback, send',
    ['W-036@4'],
    { assertions: 'neverflow, rogue-vm, mail-vm\n' },
  ],
  [
    'the other direction of a neverflow line',
    'dontaudit, mail-vm, rogue-vm, playback, send',
    [],
    { assertions: 'neverflow, rogue-vm, mail-vm\n' },
  ],
  [
    'the direction in which the class carries information',
    'dontaudit, mail-vm, rogue-vm, playback, send',
    ['W-036@4'],
    {
      assertions: 'neverflow, rogue-vm, mail-vm\n',
      services: SERVICES.replace('permissions: [send], flow: to-destination', 'permissions: [send], flow: to-source'),
    },
  ],
];
for (const [what, row, expected, more] of LINTED) {
  tools(`the linter looks at ${what}`, async () => {
    assert.equal(await warnings(`${row}\n`, more), expected);
  });
}

tools('diff shows what is recorded otherwise, below what is allowed otherwise', async () => {
  const before = await compileTexts({ policy: `${BASE}dontaudit, rogue-vm, @audio, control, other\n` });
  const after = await compileTexts({
    policy: `${BASE}dontaudit, rogue-vm, @audio, control, source-stop\nauditallow, chrome-vm, @audio, playback, send\n`,
  });
  assert.is(
    formatDiff(finish(diffAccess(before, after)), { audit: finish(diffAudit(before, after)) }),
    `Allow Rules (0 Added, 0 Removed, 0 Modified)
Auditallow Rules (1 Added, 0 Removed, 0 Modified)
   Added Auditallow Rules: 1
      + auditallow chrome-vm audio-vm:playback { send };
Dontaudit Rules (0 Added, 0 Removed, 1 Modified)
   Modified Dontaudit Rules: 1
      * dontaudit rogue-vm audio-vm:control { +source-stop -other };`,
  );
  assert.equal(finish(diffAudit(after, after)), []);
});

tools('a change records less when a dontaudit row comes or an auditallow row goes', async () => {
  const of = (rows: string) => compileTexts({ policy: `${BASE}${rows}` });
  const [none, quiet, each] = [
    await of(''),
    await of('dontaudit, rogue-vm, @audio, playback, send\n'),
    await of('auditallow, @app, @audio, playback, send\n'),
  ];
  assert.equal(
    [recordsLess(none, quiet), recordsLess(quiet, none), recordsLess(none, each), recordsLess(each, none)],
    [true, false, false, true],
  );
});

tools('why names the row that says how the decision is recorded', async () => {
  const policy = await compileTexts({
    policy: `${BASE}dontaudit, @any, @audio, playback, send\nauditallow, @app, @audio, playback, send\n`,
  });
  const ask = (source: string): string => {
    const question = readQuestion(policy, [source, 'audio-vm', 'playback', 'send']);
    assert.ok(typeof question !== 'string');
    const answer = answerWhy(policy, question);
    return formatAnswer(question, answer, policy.hash);
  };
  assert.match(
    ask('chrome-vm'),
    'recorded: each use, one by one: auditallow @app @audio:playback { send };  # policy.csv:5',
  );
  assert.match(
    ask('rogue-vm'),
    'recorded: a count of the denials, once an interval: dontaudit @any @audio:playback { send };  # policy.csv:4',
  );
});

tools('search finds audit rows by kind, and by what they apply to; info counts them', async () => {
  const policy = await compileTexts({
    policy: `${BASE}dontaudit, @any, @audio, playback, send\nauditallow, @app, @audio, playback, send\n`,
  });
  const found = (terms: Parameters<typeof searchAuditRows>[1]) => searchAuditRows(policy, terms).map(formatAuditRow);
  assert.equal(found({ kind: 'dontaudit' }), ['dontaudit @any @audio:playback { send };  # policy.csv:4']);
  assert.is(found({ source: 'chrome-vm' }).length, 2);
  assert.is(found({ source: 'rogue-vm' }).length, 1);
  assert.is(found({ className: 'control' }).length, 0);
  const { Auditallow, Dontaudit } = policyCounts(policy);
  assert.equal([Auditallow, Dontaudit, policy.rows], [1, 1, 5]);
});

tools('a picture of the flows marks the classes of which each message is recorded', async () => {
  const marked = async (row: string): Promise<string> =>
    formatDot(finish(flowGraph(await compileTexts({ policy: `${BASE}${row}` }))));
  const edge = (label: string): string => `"chrome-vm" -> "audio-vm" [label="${label}"]`;
  assert.match(await marked(''), edge('playback\\ncontrol'));
  assert.match(await marked('auditallow, chrome-vm, @audio, playback, send\n'), edge('playback *\\ncontrol'));
  assert.match(await marked('auditallow, chrome-vm, @audio, argo, send\n'), edge('playback *\\ncontrol *'));
  assert.match(await marked('auditallow, mail-vm, @audio, playback, send\n'), edge('playback\\ncontrol'));
});

tools.run();
