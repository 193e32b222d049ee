/** The one error of this folder: a fault that the operator has to repair before a policy can come into force. */
import { CodedError } from '../../broker/base/index.ts';
import { MAX_FINDINGS } from '../contract/index.ts';
import { CATALOGUE, type Finding, formatFinding } from './finding.ts';

/** `code` of a PolicyError: that of its first finding, or one of those that no row is to blame for. */
export type PolicyErrorCode =
  | (typeof CATALOGUE)[keyof typeof CATALOGUE][0]
  /** The directory itself cannot be read. */
  | 'ERR_POLICY_DIRECTORY'
  /** `argus policy init` would overwrite something. */
  | 'ERR_POLICY_EXISTS'
  /** `argus policy` was asked about a name that the policy does not have. */
  | 'ERR_POLICY_QUESTION'
  /** The archive of policies cannot be read or written, or is damaged. */
  | 'ERR_POLICY_ARCHIVE'
  /** Not a bundle, or its content is not what was signed. */
  | 'ERR_POLICY_BUNDLE'
  /** The bundle is not signed, or not by a key that is trusted for it. */
  | 'ERR_POLICY_BUNDLE_SIGNER'
  | 'ERR_POLICY_BUNDLE_EXPIRED'
  /** A bundle of a higher version was accepted before. */
  | 'ERR_POLICY_BUNDLE_OLD'
  /** The bucket of a NATS server cannot be reached, or holds no whole bundle. */
  | 'ERR_POLICY_BUCKET'
  /** A broken invariant: a bug of ours. */
  | 'ERR_POLICY_INVARIANT';

export class PolicyError extends CodedError<PolicyErrorCode> {
  override readonly name = 'PolicyError';
  /** All that was found, in the order of the files; at most MAX_FINDINGS. */
  readonly findings: readonly Finding[];
  /** Hash of the files that were refused; null: they could not be read, or the error is not about files. */
  policy: string | null = null;

  constructor(code: PolicyErrorCode, message: string, findings: readonly Finding[] = [], cause?: unknown) {
    super(code, message, { cause });
    this.findings = findings;
  }
}

/** Throws if anything was found; the message is the first finding and how many follow. */
export function refuseFindings(findings: readonly Finding[]): void {
  // The files in the order in which they were read, each from top to bottom.
  const files = [...new Set(findings.map(({ file }) => file))];
  const sorted = [...findings].sort(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  );
  const first = sorted[0];
  if (first === undefined) return;
  const more = findings.length - 1;
  const rest = more === 0 ? '' : ` (and ${more} more)`;
  const kept = sorted.slice(0, MAX_FINDINGS);
  throw new PolicyError(CATALOGUE[first.code][0], `${formatFinding(first)}${rest}`, kept);
}

export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new PolicyError('ERR_POLICY_INVARIANT', message);
}
