/** Door of the broker, and the package's main entry: `import { startBroker } from 'argus-broker'`. */

export { BrokerError, type BrokerErrorCode } from './base/errors.ts';
export { VERSION } from './base/version.ts';
export { type Broker, startBroker, startResolved } from './broker.ts';
export {
  type CarrierPlace,
  carrierPlace,
  makeNkey,
  NatsServerDirectory,
  type NatsSetup,
  SERVER_ENVIRONMENT,
  type Written,
} from './carrier/index.ts';
export { refuseOthersDirectory } from './carrier/stale-socket.ts';
export { uidOf } from './carrier/vmm-users.ts';
export { callControl } from './control/index.ts';
export { INSPECTORS } from './core/index.ts';
export { type BrokerOptions, type BrokerOptionsInput, brokerOptions, readOptions } from './options.ts';
export type { GrantRequest, GrantStatus, Grants, RevokeRequest } from './service/grants.ts';
export { natsMembersOf } from './service/nats-members.ts';
export type { ReloadResult } from './service/reload.ts';
export type { BrokerStatus, DomainStatus } from './service/status.ts';
