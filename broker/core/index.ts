/** Argo over declared domains: rings and the four operations, each decided by the reference monitor. Pure. */

export type { Account } from './accounts.ts';
export { Argo, type RingAnswer } from './argo.ts';
export { DomainState } from './domain-state.ts';
export type { FrameSink } from './frame-sink.ts';
export { INSPECTORS, MALFORMED, UNFIT_REASONS } from './inspectors/index.ts';
export { ACCEPTED, type SendAnswer, UNDECIDED } from './outcome.ts';
export type { RemoteBroker, Sender } from './remote-broker.ts';
export { maxPayload, messageSize, Ring } from './rings/ring.ts';
export type { Route } from './route.ts';
