/** The result of one statement, as it passes from the test that shows it to the report that prints it. */

export type Result = 'pass' | 'deviation' | 'fail';

/** One test's word about a statement; a line of the file that ARGUS_CONFORMANCE_OUT names. */
export interface Finding {
  readonly id: string;
  readonly result: Result;
  /** Why it deviates or how it failed; empty for a pass. */
  readonly why: string;
}
