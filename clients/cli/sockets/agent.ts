/** `--agent`: where a command finds the socket of this machine's agent. */
import { Option } from 'commander';
import { findConfig, type SearchPlaces } from '../../../broker/config/index.ts';
import { readConfig } from '../../agents/guest/index.ts';

const AGENT_CONFIG = 'agent.yaml';
const DEFAULT_AGENT = '/run/argus/agent.sock';

export function agentOption(): Option {
  return new Option(
    '--agent <path>',
    `socket of the agent (default: "socket" of ./agent.yaml or /etc/argus/agent.yaml, or ${DEFAULT_AGENT})`,
  ).env('ARGUS_AGENT');
}

/** @throws AgentError when there is an agent.yaml and it is not in order */
export function agentSocket(given: string | undefined, places?: SearchPlaces): string {
  if (given !== undefined) return given;
  const file = findConfig(AGENT_CONFIG, places);
  return file === null ? DEFAULT_AGENT : readConfig(file).socket;
}
