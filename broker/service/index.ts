export { checkpointSigner } from './checkpoint-signer.ts';
export { Entrances } from './entrances.ts';
export { type GrantRequest, type GrantStatus, Grants, type RevokeRequest } from './grants.ts';
export { brokerMetrics, type MetricsText } from './metrics.ts';
export { natsMembersOf } from './nats-members.ts';
export { loadFirst, PolicyReload, type ReloadResult } from './reload.ts';
export { Sessions, type SessionWatcher } from './sessions.ts';
export { type BrokerStatus, type DomainStatus, describeBroker } from './status.ts';
