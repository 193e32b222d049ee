/**
 * `npm run mutants [-- --sample SECONDS] [-- WORD ...]`: breaks the lines of the table one at a time, in copies of the
 * tree, and runs the tests that must notice.
 *
 * A survivor is a broken line that no test noticed: the promise it keeps has no test. Exits 1 on a survivor, on a row
 * that matches no line any more, and on a test that fails without any mutant (its verdict would mean nothing).
 *
 * --sample SECONDS    rows in random order (by ARGUS_SEED), as many as fit into the time; only those whose tests start nothing
 * WORD                rows whose file, promise or tests contain the word
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compileTree } from '../support/runner/compile.ts';
import { planTests } from '../support/runner/plan.ts';
import { type FileRun, killRunningFiles, runFile } from '../support/runner/run-file.ts';
import { SEED, seededRandom } from '../support/seed.ts';
import { TreeCopy } from './copy.ts';
import type { Mutant, Place } from './mutant.ts';
import { MUTANTS } from './table/index.ts';

const MAX_WORKERS = 4;
/** A broken line may make a test wait for ever; waiting this long counts as noticing. */
const TIMEOUT_MS = 60_000;
/** Random inputs find a broken line at once or hardly ever. */
const ENVIRONMENT = { FUZZ_SECONDS: '0.3', ARGUS_SEED: String(SEED) };

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Verdict {
  readonly mutant: Mutant;
  readonly place: Place | null;
  readonly result: 'killed' | 'survived' | 'broken row' | 'broken test';
  readonly detail: string;
}

/** Rows that share a test file share the run that shows that it passes when nothing is broken. */
class Baseline {
  readonly #tree: string;
  readonly #runs = new Map<string, Promise<FileRun>>();

  constructor(tree: string) {
    this.#tree = tree;
  }

  async fault(test: string): Promise<string | null> {
    let run = this.#runs.get(test);
    if (run === undefined) {
      run = runTest(this.#tree, test);
      this.#runs.set(test, run);
    }
    const { failed, problems, passed } = await run;
    if (failed.length + problems.length > 0) return `${test} fails without a mutant: ${[...failed, ...problems][0]}`;
    return passed === 0 ? `${test} runs no test here` : null;
  }
}

function runTest(directory: string, test: string): Promise<FileRun> {
  return runFile(test, { tree: directory, timeoutMs: TIMEOUT_MS, env: ENVIRONMENT });
}

async function judge(mutant: Mutant, copy: TreeCopy, baseline: Baseline): Promise<Verdict> {
  try {
    return await copy.with(mutant, async (place) => {
      for (const test of mutant.tests) {
        const { failed, problems } = await runTest(copy.directory, test);
        if (failed.length + problems.length === 0) continue;
        const fault = await baseline.fault(test);
        if (fault !== null) return { mutant, place, result: 'broken test', detail: fault };
        return { mutant, place, result: 'killed', detail: [...failed, ...problems][0] ?? '' };
      }
      return { mutant, place, result: 'survived', detail: `no failure in ${mutant.tests.join(', ')}` };
    });
  } catch (error) {
    return {
      mutant,
      place: null,
      result: 'broken row',
      detail: error instanceof Error ? error.message : String(error),
    };
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    args: process.argv.slice(2),
    options: { sample: { type: 'string' } },
    allowPositionals: true,
  });
  const budgetMs = values.sample === undefined ? Number.POSITIVE_INFINITY : 1_000 * Number(values.sample);
  if (!(budgetMs > 0)) throw new Error(`--sample: "${values.sample}" is not a number of seconds`);
  const isSample = values.sample !== undefined;
  const inMemory = new Set(planTests(root, []).inMemory);
  const rows = MUTANTS.filter((mutant) => matches(mutant, positionals)).filter(
    ({ tests }) => !isSample || tests.every((test) => inMemory.has(test)),
  );
  if (rows.length === 0) throw new Error(`no mutant matches ${positionals.join(' ')}`);

  const { directory: tree } = compileTree(root);
  const began = performance.now();
  const queue = isSample ? shuffled(rows) : [...rows];
  const baseline = new Baseline(tree);
  const verdicts: Verdict[] = [];
  const work = async (): Promise<void> => {
    const copy = new TreeCopy(tree);
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      if (performance.now() - began > budgetMs) return;
      const start = performance.now();
      const verdict = await judge(mutant, copy, baseline);
      verdicts.push(verdict);
      print(lineOf(verdict, performance.now() - start));
    }
  };
  const workers = Math.min(MAX_WORKERS, availableParallelism(), rows.length);
  await Promise.all(Array.from({ length: workers }, work));

  const bad = verdicts.filter(({ result }) => result !== 'killed');
  for (const { mutant, place, result, detail } of bad) {
    print(`\n${result}: ${place === null ? mutant.in : `${place.file}:${place.line}`}`);
    print(`  promise  ${mutant.promise}`);
    if (place !== null) print(`  line     ${place.text.trim()}`);
    print(`  broken   ${mutant.find}  ->  ${mutant.replace}`);
    print(`  because  ${detail}`);
  }
  const seconds = Math.round((performance.now() - began) / 1_000);
  print(
    `\n${verdicts.length} of ${rows.length} mutants in ${seconds} s: ${verdicts.length - bad.length} killed, ${bad.length} not`,
  );
  return bad.length > 0 ? 1 : 0;
}

function matches(mutant: Mutant, words: readonly string[]): boolean {
  const text = [mutant.in, mutant.promise, ...mutant.tests].join('\n').toLowerCase();
  return words.length === 0 || words.some((word) => text.includes(word.toLowerCase()));
}

function shuffled(rows: readonly Mutant[]): Mutant[] {
  const random = seededRandom();
  const queue = [...rows];
  for (let at = queue.length - 1; at > 0; at--) {
    const other = random.below(at + 1);
    [queue[at], queue[other]] = [queue[other] as Mutant, queue[at] as Mutant];
  }
  return queue;
}

function lineOf({ mutant, place, result, detail }: Verdict, milliseconds: number): string {
  const where = place === null ? mutant.in : `${place.file}:${place.line}`;
  const seconds = (milliseconds / 1_000).toFixed(1);
  return `${result.padEnd(11)} ${seconds.padStart(5)} s  ${where}  ${mutant.promise}  (${detail})`;
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
try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 2;
}
