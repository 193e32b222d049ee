/** Brokers of several hosts as one system. Each is the home of its own domains, and has sessions with the others. */
export type { ClusterWitness } from './cosigning.ts';
export { Federation, type RemoteBrokerStatus } from './federation.ts';
