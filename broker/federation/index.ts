/** Brokers of several hosts as one system: each the home of its own domains, with sessions between each other. */
export { Federation, type RemoteBrokerStatus } from './federation.ts';
