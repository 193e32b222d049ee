/**
 * The runner behind `npm test [-- WORD ...]`: each test file whose path contains a WORD, in a process of its own.
 *
 * Prints a line per file, the whole output of files that failed, and as the last line `N passed, N failed` (followed by
 * `, N skipped` if any). Exits 1 when anything failed, or when nothing ran.
 *
 * ARGUS_TEST_REQUIRE=all            a skipped test is a failure (what CI sets)
 * ARGUS_TEST_TIMEOUT_SECONDS=120    how long one file may take
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { planTests } from './support/runner/plan.ts';
import { type FileRun, killRunningFiles, runFile } from './support/runner/run-file.ts';

/** For what runs side by side, beside the one for what does not. More make each other slower than the wall clock gets better. */
const MAX_WORKERS = 2;
const DEFAULT_TIMEOUT_SECONDS = 120;
/** Machines boot in software emulation: a file that boots several may take this many times as long. */
const MACHINES_TIMEOUT_FACTOR = 2;

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

const root = fileURLToPath(new URL('..', import.meta.url));

async function main(words: readonly string[]): Promise<number> {
  const option = words.find((word) => word.startsWith('-'));
  if (option !== undefined) {
    process.stderr.write(`unknown option "${option}"; usage: npm test [-- WORD ...]\n`);
    return 2;
  }
  process.chdir(root);
  const timeoutMs = readTimeoutMs();
  const plan = planTests(root, words);
  const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
  const runAll = async (files: readonly string[], workers: number): Promise<void> => {
    const queue = [...files];
    const work = async (): Promise<void> => {
      for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
        const factor = plan.machines.includes(file) ? MACHINES_TIMEOUT_FACTOR : 1;
        report(await runFile(file, { timeoutMs: factor * timeoutMs }), totals);
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
  };
  await Promise.all([runAll(plan.serial, 1), runAll(plan.parallel, Math.min(MAX_WORKERS, availableParallelism()))]);
  await runAll(plan.machines, 1);

  if (plan.parallel.length + plan.serial.length + plan.machines.length === 0)
    print(`no test file matches ${words.join(' ') || '*'}`);
  print(`${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`);
  return totals.failed > 0 || totals.passed === 0 ? 1 : 0;
}

function report(run: FileRun, totals: Totals): void {
  const isSkipFailure = process.env.ARGUS_TEST_REQUIRE === 'all';
  const failed = run.failed.length + run.problems.length + (isSkipFailure ? run.skipped.length : 0);
  const skipped = isSkipFailure ? 0 : run.skipped.length;
  totals.passed += run.passed;
  totals.failed += failed;
  totals.skipped += skipped;

  const counts = [`${run.passed} passed`];
  if (failed > 0) counts.push(`${failed} failed`);
  if (skipped > 0) counts.push(`${skipped} skipped`);
  print(`${failed > 0 ? 'FAIL' : 'ok  '}  ${run.file}  ${counts.join(', ')}  ${run.milliseconds} ms`);
  for (const name of run.skipped) print(`      ${skipLine(name, run.output)}`);
  if (run.failed.length + run.problems.length > 0) print(run.output.trimEnd());
  for (const name of run.failed) print(`      failed: ${name}`);
  for (const problem of run.problems) print(`      failed: ${problem}`);
}

/** The line that `needs` printed, with the package to install; a test can also be marked `.skip`, which has no reason. */
function skipLine(name: string, output: string): string {
  const prefix = `skipped: ${name} needs `;
  return output.split('\n').find((line) => line.startsWith(prefix)) ?? `skipped: ${name} (.skip or .only in the file)`;
}

function readTimeoutMs(): number {
  const text = process.env.ARGUS_TEST_TIMEOUT_SECONDS ?? String(DEFAULT_TIMEOUT_SECONDS);
  const seconds = Number(text);
  if (!(seconds > 0)) throw new Error(`ARGUS_TEST_TIMEOUT_SECONDS: "${text}" is not a positive number`);
  return seconds * 1_000;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    killRunningFiles();
    process.exit(1);
  });
}
process.exitCode = await main(process.argv.slice(2));
