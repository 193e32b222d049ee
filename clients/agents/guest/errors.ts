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
  /** With ERR_AGENT_REFUSED: the code that the agent or the broker gave, `EACCES`, …; otherwise null. */
  readonly refusal: string | null;

  constructor(
    code: AgentErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly refusal?: string } = {},
  ) {
    super(code, message, options);
    this.refusal = options.refusal ?? null;
  }
}
