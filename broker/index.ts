/** Door of the broker, and the package's main entry: `import { startBroker } from 'argus-broker'`. */

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
export { callControl } from './control/index.ts';
export { INSPECTORS } from './core/index.ts';
export { BrokerError, type BrokerErrorCode } from './errors.ts';
export type { GrantRequest, GrantStatus, Grants, RevokeRequest } from './grants.ts';
export { natsMembersOf } from './nats-members.ts';
export { type BrokerOptions, type BrokerOptionsInput, brokerOptions, readOptions } from './options.ts';
export type { ReloadResult } from './reload.ts';
export { refuseOthersDirectory } from './stale-socket.ts';
export type { BrokerStatus, DomainStatus } from './status.ts';
export { VERSION } from './version.ts';
export { uidOf } from './vmm-users.ts';
