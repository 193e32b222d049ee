/** The agent of a virtual machine, and the programs' way to it. */
export { type Agent, startAgent } from './agent.ts';
export { type AgentConfig, readConfig, resolveConfig } from './config.ts';
export { answerEnrolment, type EnrolAnswer } from './enrol.ts';
export { AGENT_ERROR_CODES, AgentError } from './errors.ts';
export {
  DEFAULT_DEADLINE_MS,
  DEFAULT_MESSAGE_BYTES,
  DEFAULT_RING_BYTES,
  MAX_ENROL_ATTEMPTS,
  MAX_ENROL_LINE_BYTES,
  TOKEN_BYTES,
} from './limits.ts';
export { openLocal, receiveLocal, ringStateLocal, sendLocal } from './local-client.ts';
