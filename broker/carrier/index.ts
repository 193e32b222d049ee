/** Edges: the byte pipes between domains and the broker. */
export type { Carrier, CarrierHandlers } from './carrier.ts';
export { type CarrierPlace, carrierPlace, type Reachable } from './declared.ts';
export { dialUnix } from './dial.ts';
export { type Listener, listenTcp, listenUnix } from './listen.ts';
export {
  dialNats,
  domainSubjects,
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
  PIPE_ID_BYTES,
  parseNatsAddress,
  peerSubjects,
  SERVER_ENVIRONMENT,
  type Written,
} from './nats/index.ts';
export type { Release } from './places.ts';
export { closeDirectory, makingPath, openDirectory, tryOwner, type VmmOwner } from './vmm-directory.ts';
