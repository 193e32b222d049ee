/** Which rows the tests exercise: a row counts when it decides a test. */
import { type Rule, runTests, type TestResult } from '../decide/index.ts';
import type { PolicyBuild } from '../load/index.ts';
import type { Work } from '../read/index.ts';

export interface TestReport {
  readonly results: readonly TestResult[];
  readonly covered: number;
  readonly rows: number;
  /** Rounded down: 99.9 is not 100. */
  readonly percent: number;
  readonly uncovered: readonly Rule[];
}

export function* testReport(policy: PolicyBuild): Work<TestReport> {
  const results = yield* runTests(policy.source.parts.tests, policy.examined);
  const { rules } = policy.examined.book.index;
  const deciding = new Set(results.flatMap(({ verdict }) => (verdict?.rule == null ? [] : [verdict.rule])));
  const uncovered = rules.filter((rule) => !deciding.has(rule));
  const covered = rules.length - uncovered.length;
  return { results, covered, rows: rules.length, percent: Math.floor((covered * 100) / rules.length), uncovered };
}
