export { BrokerListeners } from './broker-listeners.ts';
export { acceptedBundle, BUNDLE_FILE, bundleFile, signedPolicyOf, watchBundle } from './bundle-file.ts';
export { checkpointSigner } from './checkpoint-signer.ts';

export { type FirstPolicy, firstPolicy } from './first-policy.ts';
export { type GrantRequest, type GrantStatus, Grants, type RevokeRequest } from './grants.ts';
export { type KeyReport, KeyWatch } from './key-watch.ts';
export { openLog } from './log.ts';
export { memoryBytes, overCommitment } from './memory.ts';
export { brokerMetrics, type Metrics } from './metrics.ts';
export { Modes, type PermissiveStatus } from './modes.ts';
export { natsMembersOf } from './nats-members.ts';
export { type IdentitySource, OwnIdentity } from './own-identity.ts';
export { PacedLog } from './paced-log.ts';
export { attributed, entryOf, POLICY_HOST, type Refusal, type ReloadResult } from './policy-change.ts';
export { PolicyReload } from './reload.ts';
export { Sessions, type SessionWatcher } from './sessions.ts';
export { SignedPolicy } from './signed-policy.ts';
export { type BrokerStatus, type DomainStatus, describeBroker } from './status.ts';
