import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  AuditQuestionError,
  csvTable,
  Groups,
  ObservedFlow,
  Openings,
  Probes,
  parseQuestion,
  predicateOf,
  RecordRow,
  Timeline,
  textTable,
} from '../../clients/audit/index.ts';
import { seeded } from '../support/seed.ts';

const questions = suite('audit questions');

/** A Friday. */
const NOW = Date.UTC(2026, 10, 20, 15, 30);

function record(seq: number, fields: object): RecordRow {
  const time = new Date(NOW - 3_600_000 + seq * 60_000).toISOString();
  return new RecordRow({ seq, fields: { seq, time, broker: 'b', boot: 'x', event: 'flow', ...fields } });
}

function between(src: string, dst: string, more: object = {}): object {
  return {
    src: { domain: src, domid: 1, labels: ['@app'] },
    dst: { domain: dst, domid: 2, labels: ['@db'] },
    class: 'msg',
    permission: 'send',
    port: 7,
    ...more,
  };
}

const DENIED = { event: 'send.denied', decision: 'deny', reason: 'NO_RULE' };
const ALLOWED = { decision: 'allow', messages: 3, bytes: 30 };

const LOG: readonly RecordRow[] = [
  record(1, { event: 'broker.start' }),
  record(2, between('chrome-vm', 'db', { ...DENIED, count: 5 })),
  record(3, between('chrome-vm', 'net', { ...DENIED, port: 8, rule: { file: 'policy.csv', line: 12 } })),
  record(4, between('mail-vm', 'chrome-vm', ALLOWED)),
  record(5, { event: 'policy.load', revision: 2 }),
  record(6, between('chrome-vm', 'db', ALLOWED)),
  record(7, between('db', 'net', { ...ALLOWED, bytes: 5 })),
  record(8, between('rogue', 'x y', { ...DENIED, reason: 'a "b" OR c', permissive: true })),
];

function seqs(question: string): readonly number[] {
  const wants = predicateOf(parseQuestion(question, NOW));
  return LOG.filter(wants).map(({ seq }) => seq);
}

const ANSWERS: readonly (readonly [question: string, seqs: readonly number[]])[] = [
  ['', [1, 2, 3, 4, 5, 6, 7, 8]],
  ['decision=deny', [2, 3, 8]],
  ['decision=deny src=chrome-vm', [2, 3]],
  ['decision=deny AND NOT src=chrome-vm', [8]],
  ['src=mail-vm OR src=db', [4, 7]],
  ['src=mail-vm or src=db decision=allow', [4, 7]],
  ['(src=chrome-vm OR src=db) decision=allow', [6, 7]],
  ['src in (mail-vm, db)', [4, 7]],
  ['NOT (decision=deny OR decision=allow)', [1, 5]],
  ['src!=chrome-vm decision=deny', [8]],
  ['dst="x y"', [8]],
  ['reason="a \\"b\\" OR c"', [8]],
  ['src="and" OR src="OR"', []],
  ['src~^chrome', [2, 3, 6]],
  ['src!~"chrome|rogue" decision=deny', []],
  ['port=8', [3]],
  ['port>7', [3]],
  ['port<=7 decision=allow', [4, 6, 7]],
  ['bytes>=30', [4, 6]],
  ['count>1', [2]],
  ['permissive=1', [8]],
  ['permissive=true', [8]],
  ['rule=policy.csv:12', [3]],
  ['src=@app dst=chrome-vm', [4]],
  ['dst.labels=@db dst=net', [3, 7]],
  ['event=policy.load', [5]],
  ['since=today', [1, 2, 3, 4, 5, 6, 7, 8]],
  ['since=2026-11-20T14:35Z until=2026-11-20T14:37Z', [5, 6]],
  ['until=yesterday', []],
  ['since=recent', []],
  ['hour=14', [1, 2, 3, 4, 5, 6, 7, 8]],
  ['cls=msg perm=send seq>6', [7, 8]],
];

for (const [question, expected] of ANSWERS) {
  questions(`${question === '' ? 'no question' : question}`, () => assert.equal(seqs(question), expected));
}

const REFUSED: readonly (readonly [question: string, says: RegExp])[] = [
  ['colour=red', /"colour" is no field/],
  ['decision', /operator is missing after "decision"/],
  ['decision=', /a value is missing here, at character 10/],
  ['decision=deny)', /cannot stand here, at character 14/],
  ['(decision=deny', /not closed, at character 1/],
  ['reason="x', /quote is not closed, at character 8/],
  ['port=x', /"port" is a number/],
  ['src<3', /"src" is a text/],
  ['since=tomorrow', /not a moment/],
  ['since~today', /takes =/],
  ['src~[', /not a regular expression/],
  ['src in chrome', /a list such as/],
  ['src in (a b)', /a comma is expected/],
  ['OR', /a field name|a condition|an operator/],
  ['('.repeat(50), /too many brackets/],
  ['x'.repeat(5_000), /too long/],
  [`src~${'x'.repeat(300)}`, /pattern is too long/],
];

for (const [question, says] of REFUSED) {
  questions(`refused: ${question.slice(0, 30)}`, () => {
    try {
      parseQuestion(question, NOW);
      assert.unreachable();
    } catch (error) {
      assert.instance(error, AuditQuestionError);
      assert.is((error as AuditQuestionError).code, 'ERR_AUDIT_QUERY');
      assert.match((error as AuditQuestionError).message, says);
    }
  });
}

questions('any text is a question or a question error', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      try {
        predicateOf(parseQuestion(text, NOW))(LOG[1] ?? record(1, {}));
      } catch (error) {
        assert.instance(error, AuditQuestionError);
      }
    }),
    seeded({ numRuns: 1_000 }),
  );
});

questions('a record whose members have other types than a broker writes is a row without them', () => {
  const row = new RecordRow({
    seq: 1,
    fields: { time: 5, src: 'x', dst: [], rule: null, port: '7', detail: { a: 1 } },
  });
  assert.equal(
    (['time', 'src', 'dst.labels', 'rule', 'port', 'hour'] as const).map((field) => row.get(field)),
    [undefined, undefined, [], undefined, undefined, undefined],
  );
  assert.is(row.get('detail'), '{"a":1}');
});

// ---- reports

questions('groups count what collapsed records stand for', () => {
  const groups = new Groups(['src', 'decision']);
  for (const row of LOG) if (row.get('decision') !== undefined) groups.add(row);
  assert.equal(
    groups.sorted().map(({ key, events, bytes }) => [...key, events, bytes]),
    [
      ['chrome-vm', 'deny', 6, 0],
      ['chrome-vm', 'allow', 1, 30],
      ['db', 'allow', 1, 5],
      ['mail-vm', 'allow', 1, 30],
      ['rogue', 'deny', 1, 0],
    ],
  );
});

questions('observed flow goes along messages in their order, and never back in time', () => {
  const path = (source: string, target: string): readonly number[] | undefined => {
    const flow = new ObservedFlow(source);
    for (const row of LOG) flow.add(row);
    return flow.pathTo(target)?.map(({ seq }) => seq);
  };
  assert.equal(path('mail-vm', 'net'), [4, 6, 7]);
  assert.equal(path('chrome-vm', 'mail-vm'), undefined);
  const backwards = new ObservedFlow('mail-vm');
  for (const row of LOG.toReversed()) backwards.add(row);
  assert.is(backwards.pathTo('net'), null, 'what was sent before cannot carry what came later');
});

questions('a denial that is allowed later is found, with the changes between', () => {
  const openings = new Openings();
  for (const row of LOG) openings.add(row);
  const [found, ...more] = openings.result();
  assert.equal(more, []);
  assert.equal([found?.src, found?.dst, found?.deniedSeq, found?.allowedSeq], ['chrome-vm', 'db', 2, 6]);
  assert.equal(found?.between, [{ seq: 5, event: 'policy.load', src: null }]);
});

questions('a pair that class argo denied is opened by its first message of any class', () => {
  const openings = new Openings();
  openings.add(record(1, between('mail-vm', 'db', { ...DENIED, class: 'argo' })));
  openings.add(record(2, { event: 'policy.load', revision: 2 }));
  openings.add(record(3, between('mail-vm', 'db', ALLOWED)));
  openings.add(record(4, between('mail-vm', 'db', ALLOWED)));
  assert.equal(
    openings.result().map((one) => [one.class, one.deniedSeq, one.allowedSeq, one.between.length]),
    [['argo', 1, 3, 1]],
  );
});

questions('probes are sources by how many different things they were denied', () => {
  const probes = new Probes();
  for (const row of LOG) probes.add(row);
  assert.equal(
    probes.result().map(({ src, ports, denials }) => [src, ports, denials]),
    [
      ['chrome-vm', 2, 6],
      ['rogue', 1, 1],
    ],
  );
});

questions('a timeline counts messages where there are any', () => {
  const timeline = new Timeline(3_600_000);
  for (const row of LOG) timeline.add(row);
  assert.equal(timeline.result(), [{ time: '2026-11-20T14:00:00.000Z', allowed: 9, denied: 7, other: 2 }]);
});

// ---- tables

questions('a table cannot make a spreadsheet compute, nor a terminal act', () => {
  const table = {
    columns: ['a', 'b'],
    rows: [
      ['=1+1', 5],
      ['x,"y"', -5],
      ['\u001b[31m', 0],
      ['@a', 1],
    ],
  };
  assert.is(csvTable(table), 'a,b\r\n\'=1+1,5\r\n"x,""y""",-5\r\n\u001b[31m,0\r\n\'@a,1');
  assert.not.ok(textTable(table).includes('\u001b'));
  assert.is(
    textTable({
      columns: ['name', 'n'],
      rows: [
        ['x', 10],
        ['yy', 5],
      ],
    }),
    'name   n\nx     10\nyy     5',
  );
});

questions.run();
