/** Coverage counts lines of code by folder, sums the processes, and fails below a floor. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { belowFloor, Coverage, codeOffsets, raised, type ScriptCoverage } from './coverage.ts';

const coverage = suite('coverage');

const TEXT = `/** A comment. */
function used() {
    return 1;
}
// another
function unused() {
    return 2;
}
used();
`;
const UNUSED = { start: TEXT.indexOf('function unused'), end: TEXT.indexOf('used();\n') };

/** The script ran, and `unused` was called as often as told. */
function script(calls: number): ScriptCoverage {
  const range = (startOffset: number, endOffset: number, count: number) => ({ startOffset, endOffset, count });
  return {
    url: '',
    functions: [{ ranges: [range(0, TEXT.length, 1)] }, { ranges: [range(UNUSED.start, UNUSED.end, calls)] }],
  };
}

coverage('lines of code are counted, comments and brackets are not', () => {
  assert.equal(
    codeOffsets(TEXT).map((at) => TEXT.slice(at, TEXT.indexOf('\n', at))),
    ['function used() {', 'return 1;', 'function unused() {', 'return 2;', 'used();'],
  );
});

coverage('what was not executed is not covered, until another process executes it', () => {
  const sum = new Coverage(new Map([['broker/core/deep/a.js', TEXT]]));
  sum.add('broker/core/deep/a.js', script(0));
  assert.equal(sum.folders(), [{ folder: 'broker/core', covered: 3, lines: 5 }]);
  sum.add('broker/core/deep/a.js', script(2));
  assert.equal(sum.folders(), [{ folder: 'broker/core', covered: 5, lines: 5 }]);
  sum.add('broker/core/deep/a.js', script(0));
  assert.equal(sum.folders(), [{ folder: 'broker/core', covered: 5, lines: 5 }]);
});

coverage('a file that no test loads is not covered', () => {
  const sum = new Coverage(new Map([['keys/a.js', TEXT]]));
  sum.add('keys/b.js', script(1));
  assert.equal(sum.folders(), [{ folder: 'keys', covered: 0, lines: 5 }]);
});

const FOLDERS = [
  { folder: 'keys', covered: 899, lines: 1_000 },
  { folder: 'policy', covered: 90, lines: 100 },
];

coverage('a folder below its floor is named; one without a floor is not', () => {
  assert.equal(belowFloor(FOLDERS, { keys: 89, policy: 90 }), []);
  assert.equal(belowFloor(FOLDERS, {}), []);
  assert.equal(belowFloor(FOLDERS, { keys: 90, policy: 91 }), [
    'tests in memory execute 89.9 % of keys/, and must execute 90 %',
    'tests in memory execute 90.0 % of policy/, and must execute 91 %',
  ]);
});

coverage('a floor rises and never falls', () => {
  assert.equal(raised({ keys: 95, gone: 50 }, FOLDERS), { keys: 95, policy: 89 });
  assert.equal(raised({ keys: 80, policy: 89 }, FOLDERS), { keys: 88, policy: 89 });
});

coverage.run();
