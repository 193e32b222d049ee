/** Changes of a policy that would allow a request, each of them tried. */
import { INSPECTORS } from '../../../../../broker/index.ts';
import {
  type Candidate,
  compilePolicy,
  diffAccess,
  finish,
  formatReported,
  type PolicyBuild,
  PolicyError,
  type PolicyRevision,
  regrantPolicy,
} from '../../../../../policy/index.ts';

export interface Change {
  readonly row: string;
  /** Requests that it would allow in all. */
  readonly adds: number;
  /** Findings with it: the assertions that it would break. */
  readonly breaks: readonly string[];
}

/** The smallest change comes first: one that holds before one that breaks an assertion, then by how much more it allows. */
export async function tryChanges(policy: PolicyRevision, candidates: readonly Candidate[]): Promise<Change[]> {
  const changes = await Promise.all(candidates.map((candidate) => tryChange(policy, candidate)));
  return changes.sort((a, b) => a.breaks.length - b.breaks.length || a.adds - b.adds);
}

/** Makes the changed policy, next to the one that is asked about. */
async function tryChange(policy: PolicyRevision, candidate: Candidate): Promise<Change> {
  const row = candidate.text;
  try {
    const changed = await withChange(policy, candidate);
    const adds = finish(diffAccess(policy, changed)).reduce((sum, { added }) => sum + added.length, 0);
    return { row, adds, breaks: [] };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return { row, adds: Number.POSITIVE_INFINITY, breaks: error.findings.map(formatReported) };
  }
}

async function withChange(policy: PolicyRevision, candidate: Candidate): Promise<PolicyBuild> {
  const { grants, revision } = policy;
  if (candidate.kind === 'grant') {
    const { domain, label } = candidate;
    return regrantPolicy(policy, revision + 1, [...grants, { domain, label }]);
  }
  const text = new TextDecoder().decode(policy.files['policy.csv']);
  const rows = `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${candidate.text}\n`;
  const files = { ...policy.files, 'policy.csv': new TextEncoder().encode(rows) };
  return compilePolicy(files, { revision: revision + 1, inspectors: INSPECTORS, overlay: grants });
}
