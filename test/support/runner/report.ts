/** The output of the runner. */
import type { FileRun } from './run-file.ts';

export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/** The last lines of a run that failed, which are what somebody sees who has only the end of a long log. */
export function printFailures(failures: readonly string[]): void {
  for (const failure of failures) print(`FAIL  ${failure}`);
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The last line of a run: other programs read it. */
export function summaryOf({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/**
 * `before`: earlier files of the same process. Their output is not printed twice.
 *
 * @returns what failed, each with its file
 */
export function reportRun(run: FileRun, totals: Totals, before: readonly FileRun[] = []): string[] {
  const isSkipFailure = process.env.ARGUS_TEST_REQUIRE === 'all';
  const failures = [...run.failed, ...run.problems, ...(isSkipFailure ? run.skipped : [])];
  const failed = failures.length;
  const skipped = isSkipFailure ? 0 : run.skipped.length;
  totals.passed += run.passed;
  totals.failed += failed;
  totals.skipped += skipped;

  print(
    `${failed > 0 ? 'FAIL' : 'ok  '}  ${run.file}  ${summaryOf({ passed: run.passed, failed, skipped })}  ${run.milliseconds} ms`,
  );
  for (const name of run.skipped) print(`      ${skipLine(name, run.output)}`);
  const isFault = ({ failed: names, problems }: FileRun): boolean => names.length + problems.length > 0;
  const isPrinted = before.some((other) => isFault(other) && other.output === run.output);
  if (isFault(run) && !isPrinted) print(run.output.trimEnd());
  for (const name of run.failed) print(`      failed: ${name}`);
  for (const problem of run.problems) print(`      failed: ${problem}`);
  return failures.map((failure) => `${run.file}: ${failure}`);
}

/**
 * The line that `needs` printed, with the package to install; a test can also be marked `.skip`, which has no reason.
 */
function skipLine(name: string, output: string): string {
  const prefix = `skipped: ${name} needs `;
  return output.split('\n').find((line) => line.startsWith(prefix)) ?? `skipped: ${name} (.skip or .only in the file)`;
}
