/**
 * The runner behind `npm test [-- OPTION ... WORD ...]`: each test file whose path contains a WORD.
 *
 * Compiles the tree into `.build/` (support/runner/compile.ts) and runs the compiled tests there.
 * It says at its start what it will run and about how long that takes. It prints a line per file, the whole output of files
 * that failed, at the end the names of all that failed, and as the last line `N passed, N failed` (followed by `, N skipped`
 * if any). It exits with 1 when anything failed, or when nothing ran.
 *
 * --quick           only the tests that start nothing, with small budgets for random input: under half a minute on two cores
 * --repeat N        each file N times, under load; failures with their seeds (`npm run test:repeat -- WORD N`)
 * --load N          busy processes next to a repeated file; default: 2
 * --write-times     measures the tables of times and of coverage again (test/support/runner/*.json), on an idle machine
 *
 * ARGUS_TEST_REQUIRE=all            a skipped test is a failure (what CI sets)
 * ARGUS_TEST_TIMEOUT_SECONDS=120    how long one file may take
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RunnerError, readArguments } from './support/runner/arguments.ts';
import { compileTree } from './support/runner/compile.ts';
import {
  belowFloor,
  type FolderCoverage,
  percentOf,
  raised,
  readCoverage,
  readFloors,
  writeFloors,
} from './support/runner/coverage.ts';
import { estimate, type Plan, planTests, runPlan, type Unit } from './support/runner/plan.ts';
import { repeat } from './support/runner/repeat.ts';
import { print, printFailures, reportRun, summaryOf, type Totals } from './support/runner/report.ts';
import { type FileRunOptions, killRunningFiles, runBatch, runFile } from './support/runner/run-file.ts';
import { readTimes, type Times, writeTimes } from './support/runner/timing.ts';
import { temporaryDirectory } from './support/temp.ts';

/** For what runs side by side, next to the one for what does not. More make each other slower, not the run faster. */
const MAX_WORKERS = 2;
/** Machines boot in software emulation: a file that boots several may take this many times as long. */
const MACHINES_TIMEOUT_FACTOR = 2;
/** Of each test that feeds random input; a longer search sets the variable: `FUZZ_SECONDS=60 npm test -- fuzz`. */
const ENVIRONMENT = { FUZZ_SECONDS: process.env.FUZZ_SECONDS ?? '0.5' };
const QUICK_ENVIRONMENT = { FUZZ_SECONDS: '0.1', PROPERTY_SHARE: '0.2' };
/** `--quick` leaves out a file that takes longer by itself. */
const MAX_QUICK_FILE_MS = 1_200;

const root = fileURLToPath(new URL('..', import.meta.url));
/** The runner's own tests start it in the tree that is compiled already. */
const IS_COMPILED = import.meta.url.endsWith('.js');

async function main(): Promise<number> {
  const { words, quick, repeats, load, shouldWriteTimes, timeoutMs } = readArguments(
    process.argv.slice(2),
    process.env,
  );
  process.chdir(root);
  const { directory: tree, typeErrors } = IS_COMPILED ? { directory: root, typeErrors: null } : compileTree(root);
  const times = readTimes(root);
  const whole = planTests(root, words);
  const plan = quick ? quickPlan(whole, times) : whole;
  if (repeats !== null) return repeat(plan, { repeats, load, timeoutMs, tree });

  const workers = Math.min(MAX_WORKERS, availableParallelism());
  announce(plan, whole, times, workers);
  const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
  const failures: string[] = [];
  const measured = new Map<string, number>();
  const options: FileRunOptions = { tree, timeoutMs, env: quick ? QUICK_ENVIRONMENT : ENVIRONMENT };
  /** Only the whole can be held against a floor. */
  const isWhole = words.length === 0 && !quick && !IS_COMPILED;
  const counted = join(temporaryDirectory(), 'coverage');
  const runUnit = async (files: Unit): Promise<void> => {
    const [file = ''] = files;
    const isMachine = plan.machines.includes(file);
    const factor = isMachine ? MACHINES_TIMEOUT_FACTOR : 1;
    const yields = !isMachine && !plan.serial.includes(file);
    const runs = plan.inMemory.includes(file)
      ? await runBatch(files, {
          ...options,
          yields,
          ...(isWhole && { env: { ...options.env, NODE_V8_COVERAGE: counted } }),
        })
      : [await runFile(file, { ...options, yields, timeoutMs: factor * timeoutMs })];
    for (const [index, run] of runs.entries()) {
      failures.push(...reportRun(run, totals, runs.slice(0, index)));
      measured.set(run.file, run.milliseconds);
    }
  };
  await runPlan(plan, times, workers, runUnit);

  if (shouldWriteTimes) writeTimes(root, measured);
  if (isWhole) totals.failed += reportCoverage(readCoverage(tree, counted), shouldWriteTimes);
  if (measured.size === 0) print(`no test file matches ${words.join(' ') || '*'}`);
  if (typeErrors !== null) {
    print(`${typeErrors.trimEnd()}\n      failed: the sources do not compile without errors`);
    totals.failed++;
  }
  printFailures(failures);
  print(summaryOf(totals));
  return totals.failed > 0 || totals.passed === 0 ? 1 : 0;
}

/** How many folders fell below their floor. */
function reportCoverage(folders: readonly FolderCoverage[], shouldWrite: boolean): number {
  const floors = readFloors(root);
  if (shouldWrite) writeFloors(root, raised(floors, folders));
  print('\nlines that the tests in memory execute, and the floor');
  for (const folder of folders) {
    const floor = String(floors[folder.folder] ?? '-').padStart(4);
    print(`${percentOf(folder).toFixed(1).padStart(7)} %  ${floor} %  ${folder.folder}/  ${folder.lines} lines`);
  }
  print('');
  const faults = belowFloor(folders, floors);
  for (const fault of faults) print(`      failed: ${fault}`);
  return faults.length;
}

function quickPlan(plan: Plan, times: Times): Plan {
  const inMemory = plan.inMemory.filter((file) => (times[file] ?? 0) <= MAX_QUICK_FILE_MS);
  return { inMemory, parallel: [], serial: [], machines: [] };
}

function announce(plan: Plan, whole: Plan, times: Times, workers: number): void {
  const count = (files: Plan): number =>
    files.inMemory.length + files.parallel.length + files.serial.length + files.machines.length;
  const kinds = [
    `${plan.inMemory.length} in memory`,
    `${plan.parallel.length} in a process each`,
    `${plan.serial.length} one at a time`,
    `${plan.machines.length} with virtual machines`,
  ].filter((kind) => !kind.startsWith('0 '));
  const { seconds, unknown } = estimate(times, plan, workers);
  const left = count(whole) - count(plan);
  print(
    [
      `${count(plan)} test files${kinds.length > 0 ? ` (${kinds.join(', ')})` : ''}`,
      ...(left > 0 ? [`${left} files are left out; "npm test" runs them`] : []),
      `about ${duration(seconds)} on an idle machine of two cores${unknown > 0 ? `, ${unknown} files not measured yet` : ''}`,
    ].join('; '),
  );
}

function duration(seconds: number): string {
  return seconds < 90 ? `${Math.max(1, seconds)} s` : `${(seconds / 60).toFixed(1)} min`;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    killRunningFiles();
    process.exit(1);
  });
}
try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof RunnerError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
