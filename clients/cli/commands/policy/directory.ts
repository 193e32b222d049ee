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

/** Loads the policy as a broker would. Throws each fault for which a broker would refuse it. */
export function load(directory: string): Promise<PolicyRevision> {
  return loadPolicy(directory, { revision: 1, inspectors: INSPECTORS });
}
