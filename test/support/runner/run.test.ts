/** The runner counts the tests that ran. A test that uvu silently does not run is a failure. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RunnerError, readArguments } from './arguments.ts';
import { estimate, planTests, runPlan } from './plan.ts';
import { printFailures, reportRun } from './report.ts';
import { runBatch, runFile } from './run-file.ts';
import { batches } from './timing.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const fixture = (name: string): string => `test/support/runner/fixtures/${name}.ts`;
const OPTIONS = { tree: root, timeoutMs: 30_000 };

const runner = suite('runner');

runner('counts passed, failed and skipped tests', async () => {
  const good = await runFile(fixture('good'), OPTIONS);
  assert.equal(
    { passed: good.passed, failed: good.failed, skipped: good.skipped, problems: good.problems },
    { passed: 2, failed: [], skipped: ['is skipped'], problems: [] },
  );
});

runner('a failing test is one failure, shown with its output', async () => {
  const failing = await runFile(fixture('failing'), OPTIONS);
  assert.equal([failing.passed, failing.failed, failing.problems], [1, ['fails'], []]);
  assert.match(failing.output, 'Expected values to be strictly equal');
});

runner('a test that needs a missing package is skipped with the name of the package', async () => {
  const needy = await runFile(fixture('missing-package'), OPTIONS);
  assert.equal([needy.passed, needy.failed, needy.skipped, needy.problems], [1, [], ['melts it'], []]);
  assert.match(needy.output, 'skipped: melts it needs argus-unobtainium (apt-get install unobtainium)\n');
});

/** Under uvu alone, each fixture passes, or at least counts no failed test. */
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
    const run = await runFile(fixture(name), OPTIONS);
    assert.is(run.passed, passed);
    assert.ok(
      run.problems.some((problem) => reason.test(problem)),
      `problems: ${run.problems.join('; ')}`,
    );
  });
}

runner('a file that does not end is ended, and its pending test named', async () => {
  // A busy machine may need longer than the first timeout until the test has begun.
  let timeoutMs = 1_500;
  let run = await runFile(fixture('hanging'), { ...OPTIONS, timeoutMs });
  while (run.problems.includes('the file has no tests')) {
    timeoutMs *= 2;
    run = await runFile(fixture('hanging'), { ...OPTIONS, timeoutMs });
  }
  assert.equal(run.problems, [
    `no end after ${timeoutMs} ms`,
    'suite "hanging": "hangs" never finished (pending promise, exit or kill)',
  ]);
  if (process.platform === 'linux') {
    assert.match(run.output, /^process \d+: .*hanging\.js$/m);
    assert.match(run.output, /^process \d+: sleep 1000$/m);
  }
});

runner('files are picked by any word of their path, and grouped by what disturbs them', () => {
  const all = planTests(root, []);
  assert.ok(all.parallel.includes('test/support/runner/run.test.ts'));
  assert.ok(all.inMemory.includes('test/core/ring.test.ts'));
  assert.ok(all.serial.every((file) => /\.serial\.test\.ts$/.test(file)));
  assert.ok(all.machines.length > 0 && all.machines.every((file) => file.startsWith('test/vm/')));
  assert.equal(planTests(root, ['runner/run', 'no such file']).parallel, ['test/support/runner/run.test.ts']);
  assert.ok(![...all.inMemory, ...all.parallel].some((file) => file.includes('fixtures/')));
});

runner('a batch reports each file by its own name, one that does not load included', async () => {
  const files = ['good', 'failing', 'unloadable', 'before-throws'].map(fixture);
  const [good, failing, unloadable, hook] = await runBatch(files, OPTIONS);
  assert.equal([good?.file, good?.passed, good?.failed, good?.skipped], [files[0], 2, [], ['is skipped']]);
  assert.equal([failing?.passed, failing?.failed, failing?.problems], [1, ['fails'], []]);
  assert.equal([unloadable?.passed, unloadable?.problems.length], [0, 1]);
  assert.match(hook?.problems.join('; ') ?? '', /before hook threw: no database/);
});

runner('a batch that ends early is run again file by file, so that the right file is named', async () => {
  const runs = await runBatch([fixture('early-exit'), fixture('good')], OPTIONS);
  assert.match(runs[0]?.problems.join('; ') ?? '', /"ends the process" never finished/);
  assert.equal([runs[1]?.passed, runs[1]?.problems], [2, []]);
});

runner('a test that starts something is not run in a batch, whichever of its fixtures starts it', () => {
  const all = planTests(root, []);
  const starters = all.inMemory.filter((file) =>
    /child_process|startBroker/.test(readFileSync(join(root, file), 'utf8')),
  );
  assert.equal(starters, []);
  assert.ok(!all.inMemory.includes('test/cli/help.test.ts'));
});

const PLAN = { inMemory: ['a', 'b', 'c'], parallel: ['d'], serial: ['e'], machines: ['f'] };
const TIMES = { a: 4_000, b: 3_000, c: 3_000, d: 6_000, e: 1_000, f: 10_000 };

runner('the announced time is what the workers add up to, and says what nobody has measured', () => {
  assert.equal(estimate(TIMES, PLAN, 2), { seconds: 13, unknown: 0 });
  assert.equal(estimate({ ...TIMES, e: 60_000 }, PLAN, 2), { seconds: 60, unknown: 0 });
  assert.equal(estimate({ ...TIMES, f: 50_000 }, PLAN, 2), { seconds: 50, unknown: 0 });
  assert.is(estimate({}, PLAN, 2).unknown, 6);
});

for (const workers of [1, 2])
  runner(
    `${workers} workers: neither two serial files nor two machines run at once, and every file runs once`,
    async () => {
      const plan = { ...PLAN, serial: ['e1', 'e2'], machines: ['f1', 'f2'] };
      const running = new Set<string>();
      const seen: string[] = [];
      let most = 0;
      await runPlan(plan, TIMES, workers, async (unit) => {
        for (const file of unit) running.add(file);
        seen.push(...unit);
        for (const kind of ['e', 'f']) assert.ok([...running].filter((file) => file.startsWith(kind)).length <= 1);
        most = Math.max(most, running.size);
        await new Promise((resolve) => setImmediate(resolve));
        for (const file of unit) running.delete(file);
      });
      assert.equal(seen.sort(), ['a', 'b', 'c', 'd', 'e1', 'e2', 'f1', 'f2']);
      assert.ok(most > 1);
    },
  );

runner('batches hold what fits into their time, longest files first', () => {
  assert.equal(batches(TIMES, PLAN.inMemory, 7_500), [['a', 'b'], ['c']]);
  assert.equal(batches(TIMES, ['d'], 1_000), [['d']]);
});

const WRONG: readonly (readonly [readonly string[], RegExp])[] = [
  [['--fast'], /unknown option "--fast"; usage:/],
  [['--repeat', '20'], /which tests\?/],
  [['--repeat', 'wire', 'often'], /"often" is not a number/],
  [['--load'], /--load: "" is not a number/],
];
for (const [args, message] of WRONG) {
  runner(`refused: ${args.join(' ')}`, () => {
    assert.throws(
      () => readArguments(args, {}),
      (error: Error) => error instanceof RunnerError && message.test(error.message),
    );
  });
}

runner('a repeated test runs under load and its failures come with their seed', () => {
  const args = ['test/run.js', '--repeat', 'support/seed', '2', '--load', '1'];
  const run = spawnSync(process.execPath, args, { cwd: root });
  assert.match(String(run.stdout), /test\/support\/seed\.test\.ts {2}2 of 2 runs passed\n\d+ passed, 0 failed\n$/);
  assert.is(run.status, 0);
});

runner('a run that finds no test exits 1 and says so in the last line', () => {
  const run = spawnSync(process.execPath, ['test/run.js', 'no such file'], { cwd: root });
  assert.is(run.status, 1);
  assert.match(String(run.stdout), /no test file matches no such file\n0 passed, 0 failed\n$/);
});

runner('what failed is named again at the end of a run, with its file', () => {
  const lines: string[] = [];
  const write = process.stdout.write;
  process.stdout.write = (line: string) => lines.push(line) > 0;
  const totals = { passed: 0, failed: 0, skipped: 0 };
  const run = { file: 'test/a.test.ts', passed: 1, skipped: [], output: 'why', milliseconds: 1 };
  try {
    printFailures(reportRun({ ...run, failed: ['one'], problems: ['no end after 5 ms'] }, totals));
  } finally {
    process.stdout.write = write;
  }
  assert.equal(lines.slice(-2), ['FAIL  test/a.test.ts: one\n', 'FAIL  test/a.test.ts: no end after 5 ms\n']);
  assert.equal(totals, { passed: 1, failed: 2, skipped: 0 });
});

runner.run();
