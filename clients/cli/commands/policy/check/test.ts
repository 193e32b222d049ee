/** `argus policy test`: runs tests.csv and says which rows the tests exercise. */
import { Command, InvalidArgumentError } from 'commander';
import {
  finish,
  formatReported,
  formatRule,
  PolicyError,
  type TestReport,
  testReport,
} from '../../../../../policy/index.ts';
import { printJson } from '../../../output.ts';
import { load } from '../directory.ts';

interface TestOptions {
  readonly coverage?: true;
  readonly threshold?: number;
  readonly json?: true;
}

export function testCommand(): Command {
  return new Command('test')
    .description('run the requests of tests.csv; exit code 1 when one gets another decision')
    .argument('<directory>', 'the policy directory')
    .option('--coverage', 'list the rows that decide no test')
    .option('--threshold <percent>', 'fail when fewer rows than this decide a test', readPercent)
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  argus policy test /etc/argus/policy --coverage --threshold 80')
    .action(test);
}

function readPercent(text: string): number {
  const percent = Number(text);
  if (Number.isInteger(percent) && percent >= 0 && percent <= 100) return percent;
  throw new InvalidArgumentError('a whole number, 0 to 100');
}

async function test(directory: string, options: TestOptions): Promise<void> {
  const report = await run(directory);
  if (report === null) return;
  const isLow = options.threshold !== undefined && report.percent < options.threshold;
  if (isLow) process.exitCode = 1;
  const { results, covered, rows, percent, uncovered } = report;
  if (options.json === true) {
    printJson({
      ok: !isLow,
      tests: results.length,
      coverage: { covered, rows, percent, uncovered: uncovered.map(({ row }) => row.place.line) },
    });
    return;
  }
  const lines = [
    `PASS: ${results.length}/${results.length}`,
    `coverage: ${percent} % (${covered} of ${rows} rows decide a test)`,
  ];
  if (options.coverage === true) lines.push(...uncovered.map((rule) => `  not covered: ${formatRule(rule)}`));
  if (isLow) lines.push(`FAIL: coverage is below ${options.threshold} %`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Null when tests failed, which it has printed. A policy whose tests fail cannot be loaded. */
async function run(directory: string): Promise<TestReport | null> {
  try {
    return finish(testReport(await load(directory)));
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const failed = error.findings.filter(({ code }) => code === 'A-050');
    if (failed.length === 0) throw error;
    process.exitCode = 1;
    process.stdout.write(`${[...failed.map(formatReported), `FAIL: ${failed.length}`].join('\n')}\n`);
    return null;
  }
}
