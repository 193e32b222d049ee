/** Errors of the operator of an agent, or of a program that uses one. Each message names the remedy. */
import { CodedError } from '../../../broker/base/index.ts';

export const AGENT_ERROR_CODES = [
  'ERR_AGENT_CONFIG',
  'ERR_AGENT_CONFIG_FILE',
  'ERR_AGENT_SOCKET',
  'ERR_AGENT_REQUEST',
  'ERR_AGENT_REFUSED',
  'ERR_AGENT_UNREACHABLE',
  'ERR_AGENT_ACCESS',
  'ERR_AGENT_ENROL',
] as const;
export type AgentErrorCode = (typeof AGENT_ERROR_CODES)[number];

export class AgentError extends CodedError<AgentErrorCode> {
  override readonly name = 'AgentError';
}
