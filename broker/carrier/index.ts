/** Edges: the byte pipes between domains and the broker. */
export type { Carrier, CarrierHandlers } from './carrier.ts';
export { type CarrierPlace, carrierPlace, type Reachable } from './declared.ts';
export { descriptorOf } from './descriptor-reserve.ts';
export { gidOf } from './groups.ts';
export { type Accept, type Listener, listenTcp } from './listen.ts';
export { CONTROL_SOCKET, DomainListeners, prepareRuntime, requireOwnRuntime } from './listeners.ts';
export {
  type Bucket,
  type BucketHandlers,
  brokerSubjects,
  dialNats,
  domainSubjects,
  HEAD_KEY,
  type LineHost,
  type LinePace,
  loadNatsEnd,
  makeNkey,
  NATS_CARRIER,
  NATS_ERROR_CODES,
  NatsCarrierError,
  type NatsEnd,
  NatsListener,
  NatsListeners,
  type NatsMember,
  NatsServerDirectory,
  type NatsSetup,
  NODE_LINE_HOST,
  openBucket,
  PIPE_ID_BYTES,
  parseNatsAddress,
  pieceKey,
  SERVER_ENVIRONMENT,
  STATUS_PREFIX,
  statusKey,
  type Written,
} from './nats/index.ts';
export type { Release } from './places.ts';
export { refuseOthersDirectory, removeStaleSocket } from './stale-socket.ts';
export { uidOf } from './vmm-users.ts';
