/** Findings of all tests -> one line per statement. */
import type { Finding, Result } from './result.ts';
import type { Statement } from './statements.ts';

export interface ReportLine {
  readonly id: string;
  readonly statement: string;
  readonly result: Result;
  readonly why: string;
}

/** Worst first: a statement is as good as the worst of its tests; one without a test has not been shown. */
const SEVERITY: readonly Result[] = ['fail', 'deviation', 'pass'];

/** In the order of the statements. */
export function mergeFindings(statements: readonly Statement[], findings: readonly Finding[]): ReportLine[] {
  return statements.map(({ id, statement }) => {
    const own = findings.filter((finding) => finding.id === id);
    const result = SEVERITY.find((each) => own.some((finding) => finding.result === each));
    if (result === undefined) return { id, statement, result: 'fail', why: 'no test' };
    const reasons = own.filter((finding) => finding.result === result).map((finding) => finding.why);
    return { id, statement, result, why: [...new Set(reasons)].join('; ') };
  });
}
