/** Runs one test file in a process of its own, and returns the outcome with reasons. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pictureOf } from '../process-picture.ts';
import { compiledPath } from './compile.ts';
import { type Outcome, readOutcome, spentMs, splitByFile, type TestEvent } from './events.ts';
import { isGroupAlive, killGroup } from './process-group.ts';

export interface FileRun extends Outcome {
  readonly file: string;
  /** Standard output and standard error, in the order of arrival. */
  readonly output: string;
  readonly milliseconds: number;
}

export interface FileRunOptions {
  /** The compiled tree (compile.ts). It is the working directory of the test, and test paths are relative to it. */
  readonly tree: string;
  readonly timeoutMs: number;
  /** The file leaves the processor to those that measure sound or boot machines. */
  readonly yields?: boolean;
  /** Added to the environment of the runner. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Of a file that yields: two thirds of an equal share, so that its own deadlines hold next to a machine. */
const NICENESS = '2';
const BATCH = 'test/support/runner/batch.ts';
/** A test may end a moment before the processes that it has started and stopped. */
const LEFTOVER_GRACE_MS = 1_000;
const LEFTOVER_POLL_MS = 20;

/** Process groups to kill if the runner itself is interrupted. */
const running = new Set<number>();

export function killRunningFiles(): void {
  for (const leader of running) killGroup(leader);
}

export async function runFile(file: string, options: FileRunOptions): Promise<FileRun> {
  const began = performance.now();
  const { output, fault, events } = await execute(file, [], options);
  return { file, ...judge(readOutcome(events), fault), output, milliseconds: Math.round(performance.now() - began) };
}

/**
 * Runs files that start nothing in one process. A failed batch does not show which file is the cause. So its files are
 * run again, each in its own process. If all of them pass, the batch itself is the failure.
 */
export async function runBatch(files: readonly string[], options: FileRunOptions): Promise<readonly FileRun[]> {
  const { output, fault, events } = await execute(BATCH, files, options);
  const runs: FileRun[] = [...splitByFile(events, files)].map(([file, own]) => {
    return { file, ...readOutcome(own), output, milliseconds: spentMs(own) };
  });
  const isExplained =
    fault?.kind === 'exit' && runs.some(({ failed, problems }) => failed.length + problems.length > 0);
  const isBroken = runs.some(({ problems }) => problems.some((problem) => /never finished|did not run/.test(problem)));
  if (fault === null || (isExplained && !isBroken)) return runs;
  const alone: FileRun[] = [];
  for (const file of files) alone.push(await runFile(file, options));
  if (alone.some(({ failed, problems }) => failed.length + problems.length > 0)) return alone;
  const together = `${fault.message} when run in one process with ${files.join(', ')}`;
  return alone.map((run, index) => (index > 0 ? run : { ...run, output, problems: [together] }));
}

interface Execution {
  readonly output: string;
  readonly events: readonly TestEvent[];
  /** A problem of the process itself, whatever the results of its tests. */
  readonly fault: { readonly kind: 'exit' | 'timeout' | 'leftover'; readonly message: string } | null;
}

async function execute(program: string, args: readonly string[], options: FileRunOptions): Promise<Execution> {
  const folder = mkdtempSync(join(tmpdir(), 'argus-test-events-'));
  const eventFile = join(folder, 'events.jsonl');
  try {
    const ending = await executeInto(eventFile, program, args, options);
    return { ...ending, events: readEvents(eventFile) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function executeInto(
  eventFile: string,
  program: string,
  args: readonly string[],
  options: FileRunOptions,
): Promise<Omit<Execution, 'events'>> {
  const command = [process.execPath, '--enable-source-maps', compiledPath(program), ...args];
  const [first = '', ...rest] = options.yields === true ? ['nice', '-n', NICENESS, ...command] : command;
  const child = spawn(first, rest, {
    // In a process group of its own, so that all processes that it starts can be found and killed with it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.tree,
    env: { ...process.env, ...options.env, ARGUS_TEST_EVENTS: eventFile },
  });
  const leader = child.pid;
  if (leader === undefined) throw new Error(`cannot start "${process.execPath}" for "${program}"`);
  running.add(leader);
  if (options.yields === true) yieldAsGroup(leader);

  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));

  let isTimedOut = false;
  let picture = '';
  const timer = setTimeout(() => {
    isTimedOut = true;
    // A test that waits for a child has no deadline of its own: this is the only trace of what the child was doing.
    picture = pictureOf(leader);
    killGroup(leader);
  }, options.timeoutMs);
  const ending = await new Promise<string | null>((resolve) => {
    child.once('exit', (code, signal) => resolve(code === 0 ? null : `exit ${signal ?? `code ${code}`}`));
  });
  clearTimeout(timer);

  const hasLeftovers = !isTimedOut && !(await endsWithin(leader, LEFTOVER_GRACE_MS));
  killGroup(leader);
  running.delete(leader);
  await Promise.race([closed, delay(LEFTOVER_GRACE_MS, undefined, { ref: false })]);
  const output = Buffer.concat(chunks).toString('utf8');
  if (isTimedOut)
    return {
      output: `${output}\n${picture}\n`,
      fault: { kind: 'timeout', message: `no end after ${options.timeoutMs} ms` },
    };
  if (hasLeftovers) return { output, fault: { kind: 'leftover', message: 'left processes running' } };
  return { output, fault: ending === null ? null : { kind: 'exit', message: ending } };
}

/** Where the kernel shares the processor out by session, the niceness of a process counts within its session only. */
function yieldAsGroup(leader: number): void {
  try {
    writeFileSync(`/proc/${leader}/autogroup`, NICENESS);
  } catch {
    // no such kernel, or the process has ended
  }
}

async function endsWithin(leader: number, milliseconds: number): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  while (isGroupAlive(leader)) {
    if (performance.now() > deadline) return false;
    await delay(LEFTOVER_POLL_MS);
  }
  return true;
}

/** A kill may have cut the last line. All lines before it are complete. */
function readEvents(eventFile: string): TestEvent[] {
  let text: string;
  try {
    text = readFileSync(eventFile, 'utf8');
  } catch {
    return []; // no events: the file does not load, or it has no tests
  }
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.filter((line) => line !== '').map((line): TestEvent => JSON.parse(line));
}

function judge(outcome: Outcome, fault: Execution['fault']): Outcome {
  if (fault === null) return outcome;
  // A failed test makes uvu exit with 1. Do not count that as a second failure.
  const isExplained = fault.kind === 'exit' && outcome.failed.length + outcome.problems.length > 0;
  const isUnloadable = outcome.problems.includes('the file has no tests');
  if (isExplained && !isUnloadable) return outcome;
  const others = fault.kind === 'exit' ? outcome.problems.filter(() => !isUnloadable) : outcome.problems;
  return { ...outcome, problems: [fault.message, ...others] };
}
