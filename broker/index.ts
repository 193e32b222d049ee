/** Entry of the broker, and of the package: `import { startBroker } from 'argus-broker'`. */

export { type Broker, startBroker, startResolved } from './broker.ts';
export {
  type CarrierPlace,
  CONTROL_SOCKET,
  carrierPlace,
  makeNkey,
  NatsServerDirectory,
  type NatsSetup,
  refuseOthersDirectory,
  SERVER_ENVIRONMENT,
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
} from './service/index.ts';
export { BUNDLE_FILE, natsMembersOf, REVIEW_TYP, verifyWitness, type WitnessVerdict } from './service/index.ts';
