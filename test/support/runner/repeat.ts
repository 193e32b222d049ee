/**
 * `npm run test:repeat -- WORD N [--load N]`: runs the same test files N times while other processes keep the machine
 * busy, because races appear when the machine is slow. Each failure is printed with the seed that repeats it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Plan } from './plan.ts';
import { print, summaryOf, type Totals } from './report.ts';
import { type FileRun, runFile } from './run-file.ts';

export interface RepeatOptions {
  readonly repeats: number;
  /** Number of busy processes. */
  readonly load: number;
  readonly timeoutMs: number;
  readonly tree: string;
}

const BUSY = 'for (;;) { const end = Date.now() + 200; while (Date.now() < end); }';

/** Exit code: 1 when a test failed once, or when no test ran. */
export async function repeat(plan: Plan, options: RepeatOptions): Promise<number> {
  const files = [...plan.inMemory, ...plan.parallel, ...plan.serial, ...plan.machines];
  print(`${files.length} test files, ${options.repeats} times each, with ${options.load} busy processes next to them`);
  const busy = Array.from({ length: options.load }, () => spawn(process.execPath, ['-e', BUSY], { stdio: 'ignore' }));
  const end = (): void => busy.forEach((child: ChildProcess) => void child.kill('SIGKILL'));
  process.once('exit', end);
  try {
    const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
    for (const file of files) {
      let faults = 0;
      for (let round = 1; round <= options.repeats; round++) {
        const run = await runFile(file, options);
        const failed = run.failed.length + run.problems.length;
        totals.passed += run.passed;
        totals.failed += failed;
        totals.skipped += run.skipped.length;
        if (failed === 0) continue;
        faults++;
        reportFault(run, round);
      }
      print(`${faults > 0 ? 'FAIL' : 'ok  '}  ${file}  ${options.repeats - faults} of ${options.repeats} runs passed`);
    }
    print(summaryOf(totals));
    return totals.failed > 0 || totals.passed === 0 ? 1 : 0;
  } finally {
    end();
    process.removeListener('exit', end);
  }
}

function reportFault(run: FileRun, round: number): void {
  print(run.output.trimEnd());
  const seed = /^seed: (\d+)/m.exec(run.output)?.[1];
  const how = seed === undefined ? '' : `  (ARGUS_SEED=${seed} repeats it)`;
  for (const name of [...run.failed, ...run.problems]) print(`      run ${round} failed: ${name}${how}`);
}
