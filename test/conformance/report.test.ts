/** The report says no more than the tests have shown. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { statement } from './harness.ts';
import { mergeFindings } from './merge.ts';
import { STATEMENTS } from './statements.ts';

const report = suite('conformance report');

report('there are 80 statements, numbered without a gap, none of them twice', () => {
  assert.is(STATEMENTS.length, 80);
  assert.is(STATEMENTS[0]?.id, 'A01');
  assert.is(STATEMENTS[79]?.id, 'A80');
  assert.is(new Set(STATEMENTS.map((each) => each.statement)).size, 80);
});

const stated = [{ id: 'A01', statement: 'something holds', source: 'argo.c' }];

report('a statement without a test fails', () => {
  const lines = mergeFindings(stated, [{ id: 'A02', result: 'pass', why: '' }]);
  assert.equal(lines, [{ id: 'A01', statement: 'something holds', result: 'fail', why: 'no test' }]);
});

report('a statement is as good as the worst of its tests', () => {
  const pass = { id: 'A01', result: 'pass', why: '' } as const;
  const deviation = { id: 'A01', result: 'deviation', why: 'no pages here' } as const;
  const fail = { id: 'A01', result: 'fail', why: 'got EAGAIN' } as const;
  const merged = (...findings: Parameters<typeof mergeFindings>[1]) => mergeFindings(stated, findings)[0];
  assert.is(merged(pass, pass)?.result, 'pass');
  assert.is(merged(pass, deviation)?.result, 'deviation');
  assert.is(merged(pass, deviation)?.why, 'no pages here');
  assert.is(merged(deviation, fail, pass)?.result, 'fail');
  assert.is(merged(deviation, fail, pass)?.why, 'got EAGAIN');
});

report('a test cannot be registered for a number that is no statement, nor deviate without a reason', () => {
  assert.throws(() => statement('A81', undefined, () => {}), /"A81" is no statement/);
  assert.throws(() => statement('A01', { deviation: ' ' }, () => {}), /needs a reason/);
});

report.run();
