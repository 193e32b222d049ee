export { announceSessions } from './announce-sessions.ts';
export { BrokerListeners } from './broker-listeners.ts';
export { checkpointSigner } from './evidence/checkpoint-signer.ts';
export { startClusterWitness } from './evidence/cluster-witness.ts';
export { entriesAfter } from './evidence/entries-after.ts';
export { REVIEW_TYP, Reviews } from './evidence/reviews.ts';
export { verifyWitness, type WitnessVerdict } from './evidence/verify-witness.ts';
export { startWitnessing } from './evidence/witnessing.ts';
export { KeyRegister } from './key-register.ts';
export { type KeyReport, KeyWatch } from './key-watch.ts';
export { openLog } from './log.ts';
export { memoryBytes, overCommitment } from './memory.ts';
export { brokerMetrics, type Metrics } from './metrics.ts';
export { natsMembersOf } from './nats-members.ts';
export { type IdentitySource, OwnIdentity } from './own-identity.ts';
export { PacedLog } from './paced-log.ts';
export { BucketSource } from './policy/bucket/bucket-source.ts';
export { publishBundle, readBundleAt, readHead } from './policy/bucket/bundle-in-bucket.ts';
export { bucketSourceOf, followBucket } from './policy/bucket/open-source.ts';
export { decodeStanding, encodeStanding, type Standing } from './policy/bucket/standing.ts';
export { acceptedBundle, BUNDLE_FILE, bundleFile, signedPolicyOf, watchBundle } from './policy/bundle-file.ts';
export { firstAccess } from './policy/first-access.ts';
export { type FirstPolicy, firstPolicy } from './policy/first-policy.ts';
export { type GrantRequest, type GrantStatus, Grants, type RevokeRequest } from './policy/grants.ts';
export { Modes, type PermissiveStatus } from './policy/modes.ts';
export {
  accessDetail,
  attributed,
  entryOf,
  POLICY_HOST,
  type Refusal,
  type ReloadResult,
} from './policy/policy-change.ts';
export { PolicyReload } from './policy/reload.ts';
export { SignedPolicy } from './policy/signed-policy.ts';
export { Sessions } from './sessions.ts';
export { type BrokerStatus, type DomainStatus, describeBroker } from './status.ts';
