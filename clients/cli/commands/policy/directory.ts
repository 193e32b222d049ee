/** The policy directory that a command works on. */
import { Option } from 'commander';
import { INSPECTORS } from '../../../../broker/index.ts';
import { loadPolicy, type PolicyRevision } from '../../../../policy/index.ts';

export const DEFAULT_POLICY = '/etc/argus/policy';

export interface PolicyOption {
  readonly policy: string;
}

export function policyOption(): Option {
  return new Option('--policy <directory>', 'the policy directory').default(DEFAULT_POLICY);
}

/** As a broker would load it; throws what a broker would refuse it for. */
export function load(directory: string): Promise<PolicyRevision> {
  return loadPolicy(directory, { revision: 1, inspectors: INSPECTORS });
}
