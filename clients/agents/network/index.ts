/**
 * Entry of clients/agents/network: the agents that carry DHCP, routes, Ethernet frames and TCP streams over the broker.
 */
export { type NetworkConfig, parseNetworkConfig, readNetworkConfig, startNetworkEndpoint } from './endpoint.ts';
