/** tests.csv: single requests by name and the decision that each must get from the files as written. */

import { isLabel, WILDCARD } from '../contract/index.ts';
import {
  type Access,
  type Effect,
  expectFields,
  type Finding,
  fieldText,
  type Pace,
  type Place,
  placeOfField,
  readAccess,
  readEffect,
  splitRows,
  type Vocabulary,
} from '../read/index.ts';
import { describeRule, type Examined } from './decider.ts';

export const TESTS_FILE = 'tests.csv';

export interface PolicyTest extends Access {
  readonly place: Place;
  readonly expected: Effect;
}

export async function readTests(
  bytes: Uint8Array,
  words: Vocabulary,
  findings: Finding[],
  pace: Pace,
): Promise<PolicyTest[]> {
  const tests: PolicyTest[] = [];
  for (const row of await splitRows(TESTS_FILE, bytes, findings, pace)) {
    if (expectFields(TESTS_FILE, row, 'source, destination, class, permission, allow|deny', findings)) {
      const access = readAccess(TESTS_FILE, row, 0, words, findings);
      const expected = readEffect(TESTS_FILE, row, 4, findings);
      const vague = row.fields.findIndex(({ text }, position) => (position < 2 && isLabel(text)) || text === WILDCARD);
      if (vague !== -1) {
        const message = `a test is one request: "${fieldText(row, vague)}" stands for many; assertions.csv is the place for that`;
        findings.push({ ...placeOfField(TESTS_FILE, row, vague), code: 'F-005', message });
      } else if (access !== null && expected !== null) {
        tests.push({ place: { file: TESTS_FILE, line: row.line, column: 1 }, ...access, expected });
      }
    }
    const rest = pace();
    if (rest !== null) await rest;
  }
  return tests;
}

export async function runTests(
  tests: readonly PolicyTest[],
  { domains, decider }: Examined,
  findings: Finding[],
  pace: Pace,
): Promise<void> {
  for (const { place, source, destination, serviceClass, permission, expected } of tests) {
    const from = domains.byName(source);
    const to = destination === domains.broker.name ? domains.broker : domains.byName(destination);
    if (from === undefined || to === undefined) continue;
    const verdict = decider.decide(from, to, serviceClass)[serviceClass.permissions.indexOf(permission)];
    const got: Effect = verdict?.allowed === true ? 'allow' : 'deny';
    if (got !== expected) {
      const message = `${source} ${destination}:${serviceClass.name} { ${permission} } got ${got} ${describeRule(verdict?.rule)}, expected ${expected}`;
      findings.push({ ...place, code: 'A-050', message });
    }
    const rest = pace();
    if (rest !== null) await rest;
  }
}
