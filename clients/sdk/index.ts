/** The client SDK: `import { connect } from 'argus-broker/client'`. */
export { connect } from './connect.ts';
export type { DomainRef } from './domain-ref.ts';
export type { RelayUser, SessionRelay } from './engine/relay.ts';
export {
  ArgusError,
  type ArgusErrorCode,
  type ArgusErrorDetail,
  CLIENT_ERROR_CODES,
  type ClientErrorCode,
  type SendOutcome,
} from './errors.ts';
export type { Message, MessageSource } from './message.ts';
export type { ConnectOptions, RenewalPlace } from './options.ts';
export type { Ring } from './ring.ts';
export type { RingQuery, RingState } from './ring-query.ts';
export type { SendvRequest } from './sendv-request.ts';
export type { FlowRequest } from './streams/flow-request.ts';
export type { FlowEvents, OpenFlow } from './streams/open-flow.ts';
export type { AskRequest, RequestHandler } from './streams/requests.ts';
export { nodeDuplex, type StreamEnds, type StreamPair, webStreams } from './streams/shapes.ts';
export type { RegisterRingRequest, Vm, VmState } from './vm.ts';
export type { RingAddress, Undelivered, VmEvents } from './vm-events.ts';
