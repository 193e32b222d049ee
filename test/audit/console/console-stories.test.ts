/** What History tells of many records together: the same as the command line reports, also while the log grows. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ReportQuestion, Reports } from '../../../clients/audit/console/views/reports.ts';
import { RecordIndex } from '../../../clients/audit/store/index.ts';
import { denied, domain, flow } from './console-fixtures.ts';

const stories = suite('stories of the console');

const BEGIN = Date.UTC(2026, 10, 20);
const [a, b, c] = [domain('a-vm', '@app'), domain('b-vm', '@db'), domain('c-vm', '@db')];
const argo = { class: 'argo', permission: 'send' };

function add(index: RecordIndex, ...records: readonly object[]): void {
  for (const fields of records) {
    const seq = index.rows + 1;
    const time = new Date(BEGIN + seq * 60_000).toISOString();
    index.add(seq, { time, ...fields }, { segment: 1, offset: seq }, 1);
  }
}

function asked(name: string, more: Partial<ReportQuestion> = {}): ReportQuestion {
  return { name, question: '', from: '', to: '', ...more };
}

/** Looked at before and after the second half: what is kept of the first half is gone on with. */
function told(question: ReportQuestion, first: readonly object[], second: readonly object[] = []) {
  const [reports, index] = [new Reports(), new RecordIndex()];
  add(index, ...first);
  reports.look(index, question, BEGIN);
  add(index, ...second);
  const answer = reports.look(index, question, BEGIN);
  const fresh = new Reports().look(index, question, BEGIN);
  assert.equal(answer, fresh, 'going on tells what a fresh look tells');
  return answer;
}

const sent = (src: object, dst: object) => ({ ...flow, src, dst, messages: 3, bytes: 9 });

stories('a pair is new once, and the question says which new ones are shown', () => {
  const records = [sent(a, b), sent(a, b)];
  const later = [sent(a, b), sent(b, c), { ...denied, src: c, dst: a }];
  assert.equal(
    told(asked('first-seen'), records, later).rows.map((row) => [row[0], row[1], row.at(-1)]),
    [
      ['a-vm', 'b-vm', 1],
      ['b-vm', 'c-vm', 4],
    ],
  );
  assert.equal(
    told(asked('first-seen', { question: 'seq>=3' }), records, later).rows.map((row) => row.at(-1)),
    [4],
  );
});

stories('a source that was denied many different things stands before one that was denied one thing often', () => {
  const often = { ...denied, src: a, dst: b, port: 1, count: 50 };
  const wide = [1, 2, 3].map((port) => ({ ...denied, src: c, dst: b, port }));
  assert.equal(
    told(asked('probes'), [often], wide).rows.map((row) => row.slice(0, 5)),
    [
      ['c-vm', 1, 3, 1, 3],
      ['a-vm', 1, 1, 1, 50],
    ],
  );
  assert.is(told(asked('probes', { question: 'src=a-vm' }), [often], wide).total, 1);
});

stories('what was denied and is allowed later names the changes between', () => {
  const refused = { ...denied, ...argo, src: a, dst: b };
  const changes = [
    { event: 'policy.load', revision: 2 },
    { event: 'grant.add', src: a, detail: { label: '@db' } },
  ];
  assert.equal(told(asked('opened'), [refused, ...changes], [sent(a, b)]).rows, [
    ['a-vm', 'b-vm', 'argo:send', 1, 4, 'policy.load, grant.add a-vm', 3],
  ]);
  assert.equal(told(asked('opened'), [refused], [sent(a, b)]).rows, [
    ['a-vm', 'b-vm', 'argo:send', 1, 2, 'nothing', ''],
  ]);
  assert.is(told(asked('opened'), [sent(a, b)], [refused]).total, 0, 'in the other order nothing was opened');
});

stories('data goes by messages in their order, to a domain that is chosen or to all', () => {
  const way = asked('way', { from: 'a-vm', to: 'c-vm' });
  assert.equal(
    told(way, [sent(a, b)], [sent(b, c)]).rows.map((row) => [row[0], row[1], row.at(-1)]),
    [
      ['a-vm', 'b-vm', 1],
      ['b-vm', 'c-vm', 2],
    ],
  );
  assert.equal(told(way, [sent(b, c)], [sent(a, b)]).rows, [], 'b had nothing of a yet');
  assert.equal(
    told(asked('way', { from: 'a-vm' }), [sent(b, c)], [sent(a, b)]).rows.map((row) => row[1]),
    ['b-vm'],
  );
  const unasked = told(asked('way'), [sent(a, b)], [sent(b, c)]);
  assert.equal([unasked.total, unasked.domains], [0, ['a-vm', 'b-vm', 'c-vm']]);
  assert.is(told({ ...way, question: 'class!=audio-playback' }, [sent(a, b)], [sent(b, c)]).total, 0);
});

stories('a range that moves is asked about anew, other ends and another log are other stories', () => {
  const [reports, index] = [new Reports(), new RecordIndex()];
  add(index, sent(a, b), sent(b, c));
  const recent = asked('first-seen', { question: 'since=1m' });
  assert.is(reports.look(index, recent, BEGIN + 130_000).total, 1);
  assert.is(reports.look(index, recent, BEGIN + 900_000).total, 0);
  assert.is(reports.look(index, asked('way', { from: 'a-vm' }), BEGIN).total, 2);
  assert.is(reports.look(index, asked('way', { from: 'b-vm' }), BEGIN).total, 1);
  assert.is(reports.look(new RecordIndex(), asked('way', { from: 'b-vm' }), BEGIN).total, 0);
});

stories('what is no report or no question is an answer with a code', () => {
  const [reports, index] = [new Reports(), new RecordIndex()];
  for (const question of [asked('toString'), asked(''), asked('way', { question: 'colour=red' })]) {
    let code: unknown = null;
    try {
      reports.look(index, question, BEGIN);
    } catch (error) {
      ({ code } = error as { code: unknown });
    }
    assert.is(code, 'ERR_AUDIT_QUERY');
  }
});

stories('a long story is cut, and its length told', () => {
  const many = Array.from({ length: 1_100 }, (_, at) => sent(domain(`vm-${at}`), b));
  const { rows, total } = told(asked('first-seen'), many);
  assert.equal([rows.length, total], [1_000, 1_100]);
});

stories.run();
