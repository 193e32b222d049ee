/** The runner counts what ran, and nothing that uvu would pass over in silence gets by as green. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { planTests } from './plan.ts';
import { runFile } from './run-file.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const fixture = (name: string): string => join(root, 'test/support/runner/fixtures', `${name}.ts`);
const TIMEOUT_MS = 30_000;

const runner = suite('runner');

runner('counts passed, failed and skipped tests', async () => {
  const good = await runFile(fixture('good'), { timeoutMs: TIMEOUT_MS });
  assert.equal(
    { passed: good.passed, failed: good.failed, skipped: good.skipped, problems: good.problems },
    { passed: 2, failed: [], skipped: ['is skipped'], problems: [] },
  );
});

runner('a failing test is one failure, shown with its output', async () => {
  const failing = await runFile(fixture('failing'), { timeoutMs: TIMEOUT_MS });
  assert.equal([failing.passed, failing.failed, failing.problems], [1, ['fails'], []]);
  assert.match(failing.output, 'Expected values to be strictly equal');
});

runner('a test that needs a missing package is skipped with the name of the package', async () => {
  const needy = await runFile(fixture('missing-package'), { timeoutMs: TIMEOUT_MS });
  assert.equal([needy.passed, needy.failed, needy.skipped, needy.problems], [1, [], ['melts it'], []]);
  assert.match(needy.output, 'skipped: melts it needs argus-unobtainium (apt-get install unobtainium)\n');
});

/** Each fixture is green, or at least counts no failed test, under uvu alone. */
const TRAPS: readonly (readonly [fixtureName: string, passed: number, reason: RegExp])[] = [
  ['no-run', 1, /"forgotten": 1 tests registered without a \.run\(\)/],
  ['late-test', 1, /"late": 1 tests registered without a \.run\(\)/],
  ['no-tests', 0, /"empty" has no tests/],
  ['not-a-suite', 0, /no tests/],
  ['before-throws', 0, /before hook threw: no database/],
  ['before-throws', 0, /2 of 2 tests did not run/],
  ['after-each-throws', 1, /after\.each hook threw: cannot clean up/],
  ['pending', 0, /"never settles" never finished/],
  ['early-exit', 0, /"ends the process" never finished/],
  ['late-rejection', 1, /exit code 1/],
  ['unloadable', 0, /exit code 1/],
  ['leftover', 1, /left processes running/],
];

for (const [name, passed, reason] of TRAPS) {
  runner(`${name}: fails with ${reason.source}`, async () => {
    const run = await runFile(fixture(name), { timeoutMs: TIMEOUT_MS });
    assert.is(run.passed, passed);
    assert.ok(
      run.problems.some((problem) => reason.test(problem)),
      `problems: ${run.problems.join('; ')}`,
    );
  });
}

runner('a file that does not end is ended, and its pending test named', async () => {
  const run = await runFile(fixture('hanging'), { timeoutMs: 1_500 });
  assert.equal(run.problems, [
    'no end after 1500 ms',
    'suite "hanging": "hangs" never finished (pending promise, exit or kill)',
  ]);
});

runner('files are picked by any word of their path; those that need the machine come last', () => {
  const all = planTests(root, []);
  assert.ok(all.parallel.includes('test/support/runner/run.test.ts'));
  assert.ok(all.serial.every((file) => /^test\/integration\/|\.serial\.test\.ts$/.test(file)));
  assert.ok(all.machines.length > 0 && all.machines.every((file) => file.startsWith('test/vm/')));
  assert.equal(planTests(root, ['runner/run', 'no such file']).parallel, ['test/support/runner/run.test.ts']);
  assert.ok(!all.parallel.some((file) => file.includes('fixtures/')));
});

runner('a run that finds no test exits 1 and says so in the last line', () => {
  const run = spawnSync(process.execPath, ['--import', 'tsx', 'test/run.ts', 'no such file'], { cwd: root });
  assert.is(run.status, 1);
  assert.match(String(run.stdout), /no test file matches no such file\n0 passed, 0 failed\n$/);
});

runner.run();
