/**
 * The events that a test process reports to the runner, and their evaluation.
 *
 * uvu reports success in several situations in which tests did not run (a suite without `.run()`, a `before` hook that
 * throws, tests registered after `.run()`), so its own total is not evidence. Each step is an event. A test counts as
 * passed only if the event of its end exists. A registered test without an end is a problem with a reason.
 */

export type TestEvent =
  /** Only in a batch: tests that are registered from now on belong to this file. */
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'unloadable'; readonly file: string; readonly message: string }
  | { readonly kind: 'suite'; readonly suite: number; readonly name: string }
  | { readonly kind: 'test'; readonly suite: number; readonly test: number; readonly name: string; only: boolean }
  | { readonly kind: 'skip'; readonly suite: number; readonly name: string }
  | { readonly kind: 'run'; readonly suite: number }
  /** `at`: milliseconds on the test process's own clock. */
  | { readonly kind: 'start'; readonly test: number; readonly at: number }
  | { readonly kind: 'end'; readonly test: number; readonly ok: boolean; readonly at: number }
  | { readonly kind: 'hook-error'; readonly suite: number; readonly hook: string; readonly message: string };

export interface Outcome {
  readonly passed: number;
  /** Tests whose handler threw. */
  readonly failed: readonly string[];
  /** Tests marked `.skip`, or not run because another test of the suite is marked `.only`. */
  readonly skipped: readonly string[];
  /** Reasons not to trust the file although no test failed. Each counts as one failure. */
  readonly problems: readonly string[];
}

interface TestState {
  readonly name: string;
  readonly isOnly: boolean;
  /** Set by a `.run()` after the registration. Without one, uvu never runs the test. */
  isQueued: boolean;
  state: 'registered' | 'started' | 'passed' | 'failed';
}

interface SuiteState {
  readonly name: string;
  readonly tests: TestState[];
  readonly skipped: string[];
  readonly problems: Set<string>;
  isRun: boolean;
}

/** Reads the event log of one test file. `events` is complete up to the end of the process. */
export function readOutcome(events: readonly TestEvent[]): Outcome {
  const suites = replay(events);
  const passed: TestState[] = [];
  const failed: string[] = [];
  const skipped: string[] = [];
  const problems = events.flatMap((event) =>
    event.kind === 'unloadable' ? [`the file does not load: ${event.message}`] : [],
  );
  for (const suite of suites) {
    passed.push(...suite.tests.filter((test) => test.state === 'passed'));
    failed.push(...suite.tests.filter((test) => test.state === 'failed').map((test) => test.name));
    skipped.push(...suite.skipped, ...passedOver(suite).map((test) => test.name));
    problems.push(...suite.problems, ...unfinished(suite));
  }
  if (passed.length + failed.length + skipped.length + problems.length === 0) problems.push('the file has no tests');
  return { passed: passed.length, failed, skipped, problems };
}

/**
 * Splits the events of a batch by file. A registration belongs to the file that is loading. An event while the tests
 * run belongs to the file of the test, or to the first file of the suite.
 */
export function splitByFile(events: readonly TestEvent[], files: readonly string[]): Map<string, TestEvent[]> {
  const byFile = new Map<string, TestEvent[]>(files.map((file) => [file, []]));
  const suiteNames = new Map<number, string>();
  const ofSuite = new Map<number, TestEvent[]>();
  const ofTest = new Map<number, TestEvent[]>();
  let current: TestEvent[] = [];
  for (const event of events) {
    if (event.kind === 'file' || event.kind === 'unloadable') {
      current = byFile.get(event.file) ?? [];
      if (event.kind === 'unloadable') current.push(event);
    } else if (event.kind === 'start' || event.kind === 'end') ofTest.get(event.test)?.push(event);
    else if (event.kind === 'hook-error') ofSuite.get(event.suite)?.push(event);
    else {
      const { suite } = event;
      if (event.kind === 'suite') suiteNames.set(suite, event.name);
      else if (!current.some((other) => other.kind === 'suite' && other.suite === suite))
        current.push({ kind: 'suite', suite, name: suiteNames.get(suite) ?? '' }); // a suite that a fixture made
      if (!ofSuite.has(suite)) ofSuite.set(suite, current);
      if (event.kind === 'test') ofTest.set(event.test, current);
      current.push(event);
    }
  }
  return byFile;
}

/** Time that the tests themselves took, without the start of the process. */
export function spentMs(events: readonly TestEvent[]): number {
  const times = events.flatMap((event) => (event.kind === 'start' || event.kind === 'end' ? [event.at] : []));
  return Math.round(Math.max(0, (times.at(-1) ?? 0) - (times[0] ?? 0)));
}

function replay(events: readonly TestEvent[]): SuiteState[] {
  const suites = new Map<number, SuiteState>();
  const tests = new Map<number, TestState>();
  for (const event of events) {
    if (event.kind === 'suite') {
      suites.set(event.suite, { name: event.name, tests: [], skipped: [], problems: new Set(), isRun: false });
      continue;
    }
    if (event.kind === 'file' || event.kind === 'unloadable') continue;
    if (event.kind === 'start' || event.kind === 'end') {
      const test = tests.get(event.test);
      if (test !== undefined) test.state = event.kind === 'start' ? 'started' : event.ok ? 'passed' : 'failed';
      continue;
    }
    const suite = suites.get(event.suite);
    if (suite === undefined) continue;
    if (event.kind === 'test') {
      const test: TestState = { name: event.name, isOnly: event.only, isQueued: false, state: 'registered' };
      tests.set(event.test, test);
      suite.tests.push(test);
    } else if (event.kind === 'skip') suite.skipped.push(event.name);
    else if (event.kind === 'run') {
      suite.isRun = true;
      for (const test of suite.tests) test.isQueued = true;
    } else suite.problems.add(`suite "${suite.name}": the ${event.hook} hook threw: ${event.message}`);
  }
  return [...suites.values()];
}

function hasOnly(suite: SuiteState): boolean {
  return suite.tests.some((test) => test.isQueued && test.isOnly);
}

function passedOver(suite: SuiteState): TestState[] {
  return hasOnly(suite) ? suite.tests.filter((test) => test.isQueued && !test.isOnly) : [];
}

function unfinished(suite: SuiteState): string[] {
  const problems: string[] = [];
  const forgotten = suite.tests.filter((test) => !test.isQueued);
  if (forgotten.length > 0) {
    problems.push(`suite "${suite.name}": ${forgotten.length} tests registered without a .run() after them`);
  }
  if (suite.isRun && suite.tests.length + suite.skipped.length === 0)
    problems.push(`suite "${suite.name}" has no tests`);

  const expected = suite.tests.filter((test) => test.isQueued && (test.isOnly || !hasOnly(suite)));
  for (const test of expected.filter((each) => each.state === 'started')) {
    problems.push(`suite "${suite.name}": "${test.name}" never finished (pending promise, exit or kill)`);
  }
  const missing = expected.filter((test) => test.state === 'registered').length;
  if (missing > 0) problems.push(`suite "${suite.name}": ${missing} of ${expected.length} tests did not run`);
  return problems;
}
