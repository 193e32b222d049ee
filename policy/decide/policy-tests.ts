/** tests.csv: single requests by name and the decision that each must get from the files as written. */

import { isLabel, WILDCARD } from '../contract/index.ts';
import {
  type Access,
  type Effect,
  type Finding,
  type Place,
  RowReader,
  splitRows,
  type Vocabulary,
  type Work,
} from '../read/index.ts';
import { Decider, describeRule, type Examined, type Verdict } from './decider.ts';

export const TESTS_FILE = 'tests.csv';

const SHAPE = 'source, destination, class, permission, allow|deny';

export interface PolicyTest extends Access {
  readonly place: Place;
  readonly expected: Effect;
  /** Line of policy.csv that must decide; null = the test does not say. */
  readonly line: number | null;
}

export function* readTests(bytes: Uint8Array, words: Vocabulary, findings: Finding[]): Work<PolicyTest[]> {
  const tests: PolicyTest[] = [];
  for (const row of yield* splitRows(TESTS_FILE, bytes, findings)) {
    const test = readTest(new RowReader(TESTS_FILE, row, words, findings));
    if (test !== null) tests.push(test);
    yield;
  }
  return tests;
}

function readTest(reader: RowReader): PolicyTest | null {
  const isLong = reader.length === 6;
  if (!reader.hasShape(isLong ? `${SHAPE}, line` : SHAPE)) return null;
  const access = reader.access(0);
  const expected = reader.effect(4);
  const line = isLong ? readLine(reader) : null;
  for (let position = 0; position < 4; position++) {
    const text = reader.text(position);
    if (!(position < 2 && isLabel(text)) && text !== WILDCARD) continue;
    const message = `a test is one request: "${text}" stands for many; assertions.csv is the place for that`;
    return reader.refuse(position, 'F-005', message);
  }
  if (access === null || expected === null || Number.isNaN(line)) return null;
  return { place: reader.place, ...access, expected, line };
}

/** NaN after a finding. */
function readLine(reader: RowReader): number {
  const text = reader.text(5);
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  reader.refuse(5, 'F-005', `"${text}" is not a line number of policy.csv`);
  return Number.NaN;
}

/** What a test got. */
export interface TestResult {
  readonly test: PolicyTest;
  readonly got: Effect;
  readonly verdict: Verdict | undefined;
  readonly passed: boolean;
}

export function* runTests(tests: readonly PolicyTest[], examined: Examined): Work<TestResult[]> {
  const { domains } = examined.placement;
  const decider = new Decider(examined);
  const results: TestResult[] = [];
  for (const test of tests) {
    const from = domains.byName(test.source);
    const to = test.destination === domains.broker.name ? domains.broker : domains.byName(test.destination);
    if (from === undefined || to === undefined) continue;
    const { serviceClass } = test;
    const verdict = decider.decide(from, to, serviceClass)[serviceClass.permissions.indexOf(test.permission)];
    const got: Effect = verdict?.allowed === true ? 'allow' : 'deny';
    const isRightRow = test.line === null || verdict?.rule?.row.place.line === test.line;
    results.push({ test, got, verdict, passed: got === test.expected && isRightRow });
    yield;
  }
  return results;
}

/** A finding for each test that did not pass. */
export function reportTests(results: readonly TestResult[], findings: Finding[]): void {
  for (const { test, got, verdict, passed } of results) {
    if (passed) continue;
    const { place, source, destination, serviceClass, permission, expected, line } = test;
    const wanted = line === null ? expected : `${expected} (policy.csv:${line})`;
    const request = `${source} ${destination}:${serviceClass.name} { ${permission} }`;
    const message = `${request} got ${got} ${describeRule(verdict?.rule)}, expected ${wanted}`;
    findings.push({ ...place, code: 'A-050', message });
  }
}
