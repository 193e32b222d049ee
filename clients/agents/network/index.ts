/** The door of clients/agents/network: the agents that carry DHCP, routes, Ethernet frames and TCP streams through the broker. */
export { type AgentConfig, parseAgentConfig, readAgentConfig, startAgent } from './agent.ts';
