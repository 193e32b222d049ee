/** An index gives the answers that a scan of the log gives, whatever the log and the question are. */
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readAudit } from '../../../broker/audit/index.ts';
import { conditionOf } from '../../../clients/audit/derived/condition.ts';
import { Dictionary } from '../../../clients/audit/derived/dictionary.ts';
import {
  type DerivedIndex,
  eachLine,
  Groups,
  groupsOf,
  malformedLines,
  parseQuestion,
  predicateOf,
  type QueryField,
  RecordRow,
  sortedGroups,
  Timeline,
  timelineOf,
} from '../../../clients/audit/index.ts';
import { seeded } from '../../support/seed.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { NOON, SmallLog, withDuckDb, withIndex } from './derived-fixtures.ts';

const answers = suite('the answers of an audit index');

/** Names that could break out of a statement, and text that is not well-formed. */
const NAMES = ['a-vm', 'b-vm', "x' OR '1'='1", '-', '', 'é\ud800', '@app'] as const;
const TIMES = ['2026-11-20T12:01:00.000Z', '2026-11-20T12:01:60.000Z', 'yesterday', '2026-11-20', '', 7] as const;

const name = fc.constantFrom(...NAMES);
const labels = fc.constantFrom([], ['@app'], ['@app', '@db'], ['two words'], 'no list');
const party = fc.oneof(fc.record({ domain: name, labels }), fc.constantFrom('a-vm', null, [], { labels: ['@db'] }));
const amount = fc.constantFrom(0, 1, 7, -3, 4096, 1.5, 1e9, '7', null);

/** Members of any type: a forger writes what it likes, and a record of tomorrow may have other members. */
const record = fc.record(
  {
    event: fc.constantFrom('flow', 'send.denied', 'policy.load', 'x'),
    decision: fc.constantFrom('allow', 'deny', 'maybe', 3),
    reason: name,
    rule: fc.constantFrom({ file: 'policy.csv', line: 3 }, { file: 'a' }, 'policy.csv:3'),
    src: party,
    dst: party,
    port: amount,
    class: name,
    messages: amount,
    bytes: amount,
    count: amount,
    permissive: fc.constantFrom(true, false, 1),
    revision: amount,
    detail: fc.constantFrom({ a: 1 }, 'a-vm', [7]),
    time: fc.constantFrom(...TIMES),
  },
  { requiredKeys: ['event'] },
);
const line = fc.oneof(
  { weight: 9, arbitrary: record },
  { weight: 1, arbitrary: fc.constantFrom('{', '', '{"seq":1}') },
);

const TEXT_FIELDS = ['src', 'dst', 'reason', 'class', 'event', 'decision', 'rule', 'src.labels', 'detail'] as const;
const NUMBER_FIELDS = ['port', 'bytes', 'count', 'seq', 'hour', 'permissive', 'messages'] as const;
const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
const textCondition = fc
  .tuple(fc.constantFrom(...TEXT_FIELDS), fc.constantFrom('=', '!='), fc.oneof(name, fc.constantFrom('deny', '@db')))
  .map(([field, operator, value]) => `${field}${operator}${quoted(value)}`);
const patternCondition = fc
  .tuple(
    fc.constantFrom(...TEXT_FIELDS, 'time', 'port'),
    fc.constantFrom('~', '!~'),
    fc.constantFrom('^a', 'vm$', '.', '7', "'"),
  )
  .map(([field, operator, value]) => `${field}${operator}${quoted(value)}`);
const numberCondition = fc
  .tuple(
    fc.constantFrom(...NUMBER_FIELDS),
    fc.constantFrom('=', '!=', '<', '<=', '>', '>='),
    fc.constantFrom(0, 1, 7, 12, 1.5),
  )
  .map(([field, operator, value]) => `${field}${operator}${value}`);
const timeCondition = fc
  .tuple(fc.constantFrom('since', 'until'), fc.integer({ min: 0, max: 20 }))
  .map(([word, minutes]) => `${word}=${new Date(NOON + minutes * 60_000).toISOString()}`);
const condition = fc.oneof(textCondition, patternCondition, numberCondition, timeCondition);
const { question } = fc.letrec<{ question: string }>((tie) => ({
  question: fc.oneof(
    { maxDepth: 3 },
    condition,
    fc.tuple(tie('question'), tie('question')).map(([a, b]) => `(${a} ${b})`),
    fc.tuple(tie('question'), tie('question')).map(([a, b]) => `(${a} OR ${b})`),
    tie('question').map((inner) => `NOT (${inner})`),
  ),
}));
const KEYS: readonly (readonly QueryField[])[] = [
  [],
  ['src', 'dst'],
  ['src.labels', 'port'],
  ['time'],
  ['hour', 'decision', 'rule'],
  ['permissive', 'count'],
  ['detail'],
];

async function scanned(directory: string, text: string, by: readonly QueryField[]) {
  const wants = predicateOf(parseQuestion(text, NOON));
  const [groups, timeline, lines] = [new Groups(by), new Timeline(60_000), [] as string[]];
  let malformed = 0;
  for await (const { parsed, place } of readAudit(directory)) {
    if (typeof parsed === 'string') {
      malformed += 1;
      lines.push(`${place.offset} ${parsed}`);
      continue;
    }
    const row = new RecordRow(parsed);
    if (!wants(row)) continue;
    lines.push(`${place.offset} ${parsed.seq}`);
    groups.add(row);
    timeline.add(row);
  }
  return { groups: groups.sorted(), timeline: timeline.result(), lines, malformed };
}

async function sameAnswers(index: DerivedIndex, directory: string, text: string, by: readonly QueryField[]) {
  const asked = parseQuestion(text, NOON);
  const scan = await scanned(directory, text, by);
  const lines: string[] = [];
  const use = ({ parsed, place }: { parsed: unknown; place: { offset: number } }): void => {
    lines.push(`${place.offset} ${typeof parsed === 'string' ? parsed : (parsed as { seq: number }).seq}`);
  };
  assert.ok(await eachLine(index, directory, asked, use, 0));
  assert.equal(lines, scan.lines, text);
  assert.is(await malformedLines(index), scan.malformed);
  const groups = await groupsOf(index, asked, by);
  if (groups !== null) assert.equal(sortedGroups(groups, 'events'), scan.groups, `${text} by ${by}`);
  const timeline = await timelineOf(index, asked, 60_000);
  if (timeline !== null) assert.equal(timeline, scan.timeline, text);
}

withDuckDb(answers, 'random questions to random logs are answered as by a scan', async () => {
  const questions = fc.array(fc.tuple(question, fc.constantFrom(...KEYS)), { minLength: 10, maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 40 }), questions, async (lines, asked) => {
      const log = new SmallLog(join(temporaryDirectory(), 'audit'));
      for (const one of lines) {
        if (typeof one === 'string') log.addLine(one);
        else log.add(one);
      }
      await withIndex(log.directory, async (index) => {
        for (const [text, by] of asked) await sameAnswers(index, log.directory, text, by);
      });
    }),
    seeded({ numRuns: 10 }),
  );
});

withDuckDb(answers, 'a question about detail is not counted by the index, which has no details', async () => {
  const log = new SmallLog(join(temporaryDirectory(), 'audit'));
  log.add({ detail: { by: 'bob' } });
  await withIndex(log.directory, async (index) => {
    assert.is(await groupsOf(index, parseQuestion('detail~bob', NOON), ['src']), null);
    assert.is(await groupsOf(index, parseQuestion('NOT detail~bob', NOON), ['src']), null);
    assert.is(await groupsOf(index, parseQuestion('', NOON), ['detail']), null);
    assert.is(await timelineOf(index, parseQuestion('detail~bob', NOON), 60_000), null);
  });
});

withDuckDb(answers, 'a question that many records answer is left to a scan', async () => {
  const log = new SmallLog(join(temporaryDirectory(), 'audit'));
  for (let count = 0; count < 40; count++) log.add({ port: count });
  await withIndex(log.directory, async (index) => {
    const found: number[] = [];
    const ask = (text: string): Promise<boolean> =>
      eachLine(index, log.directory, parseQuestion(text, NOON), ({ place }) => found.push(place.offset));
    assert.not(await ask('port>3'));
    assert.is(found.length, 0);
    assert.ok(await ask('port=3'));
    assert.is(found.length, 1);
  });
});

answers('what a person writes is bound, and never a part of the statement', () => {
  const dictionary = new Dictionary();
  for (const text of ["o'); DROP TABLE records; --", 'beta']) dictionary.idOf(text);
  const marks = ['src="o\'); DROP TABLE records; --"', 'src~"(bet|DROP)"', 'dst!="\'"', 'port>7', 'since=2026-11-20'];
  const { sql, values } = conditionOf(parseQuestion(marks.join(' '), NOON), { dictionary, hasOddTimes: true });
  assert.not.match(sql, /drop|beta|'|7|2026/i);
  assert.equal(values.slice(0, 2), [1, [1, 2]]);
  assert.is(values.length, (sql.match(/\$\d+/g) ?? []).length);
});

answers.run();
