/** The door of clients/network: the agents that carry DHCP, routes, Ethernet frames and TCP streams through the broker. */
export { type AgentConfig, type AgentHost, parseAgentConfig, readAgentConfig, startAgent } from './agent.ts';
export { NET_ERROR_CODES, NetError, type NetErrorCode } from './errors.ts';
