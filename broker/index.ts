/** Entry of the broker, and of the package: `import { startBroker } from 'argus-broker'`. */

export { type Broker, startBroker, startResolved } from './broker.ts';
export {
  type Bucket,
  type CarrierPlace,
  CONTROL_SOCKET,
  carrierPlace,
  loadNatsEnd,
  makeNkey,
  NatsServerDirectory,
  type NatsSetup,
  openBucket,
  parseNatsAddress,
  refuseOthersDirectory,
  SERVER_ENVIRONMENT,
  STATUS_PREFIX,
  statusKey,
  uidOf,
  type Written,
} from './carrier/index.ts';
export { checkStart, type StartCheck } from './check.ts';
export { callControl } from './control/index.ts';
export { INSPECTORS } from './core/index.ts';
export { type BrokerOptions, type BrokerOptionsInput, brokerOptions, readOptions } from './options.ts';
export { BrokerError, type BrokerErrorCode, VERSION } from './process/index.ts';
export type {
  BrokerStatus,
  DomainStatus,
  GrantRequest,
  GrantStatus,
  Grants,
  KeyReport,
  Modes,
  PermissiveStatus,
  ReloadResult,
  RevokeRequest,
  Standing,
} from './service/index.ts';
export {
  BUNDLE_FILE,
  decodeStanding,
  natsMembersOf,
  publishBundle,
  REVIEW_TYP,
  readBundleAt,
  readHead,
  verifyWitness,
  type WitnessVerdict,
} from './service/index.ts';
