/**
 * `npm run conformance [-- --json]`: which of Argo's statements hold for Argus, which it departs from and why.
 *
 * Exits 1 when a statement fails or has no test, or when a test file could not be run to its end.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileTree } from '../support/runner/compile.ts';
import { planTests } from '../support/runner/plan.ts';
import { runFile } from '../support/runner/run-file.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { mergeFindings, type ReportLine } from './merge.ts';
import type { Finding } from './result.ts';
import { STATEMENTS } from './statements.ts';

const FILE_TIMEOUT_MS = 120_000;

interface Findings {
  readonly all: readonly Finding[];
  /** Files that did not run to their end: what they found is not the whole of it. */
  readonly broken: readonly string[];
}

async function collectFindings(): Promise<Findings> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const { directory: tree } = compileTree(root);
  const out = join(temporaryDirectory(), 'findings.jsonl');
  const plan = planTests(root, ['test/conformance/']);
  const broken: string[] = [];
  for (const file of [...plan.inMemory, ...plan.parallel, ...plan.serial]) {
    const run = await runFile(file, { tree, timeoutMs: FILE_TIMEOUT_MS, env: { ARGUS_CONFORMANCE_OUT: out } });
    broken.push(...run.problems.map((problem) => `${file}: ${problem}`));
  }
  const text = existsSync(out) ? readFileSync(out, 'utf8') : '';
  const lines = text.split('\n').filter((line) => line !== '');
  return { all: lines.map((line): Finding => JSON.parse(line)), broken };
}

function printTable(lines: readonly ReportLine[]): void {
  for (const line of lines) {
    process.stdout.write(`${line.id}  ${line.result.padEnd(9)}  ${line.statement}\n`);
    if (line.why !== '') process.stdout.write(`${' '.repeat(16)}${line.why.split('\n').join(`\n${' '.repeat(16)}`)}\n`);
  }
  const count = (result: ReportLine['result']): number => lines.filter((line) => line.result === result).length;
  process.stdout.write(`${count('pass')} pass, ${count('deviation')} deviate, ${count('fail')} fail\n`);
}

async function main(parameters: readonly string[]): Promise<number> {
  const unknown = parameters.find((parameter) => parameter !== '--json');
  if (unknown !== undefined) {
    process.stderr.write(`unknown option "${unknown}"; usage: npm run conformance [-- --json]\n`);
    return 2;
  }
  const findings = await collectFindings();
  const lines = mergeFindings(STATEMENTS, findings.all);
  if (parameters.includes('--json')) process.stdout.write(`${JSON.stringify(lines, null, 2)}\n`);
  else printTable(lines);
  for (const problem of findings.broken) process.stderr.write(`not run to its end: ${problem}\n`);
  return lines.some((line) => line.result === 'fail') || findings.broken.length > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
