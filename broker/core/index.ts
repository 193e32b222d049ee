/** Argo over declared domains: rings and the four operations, each decided by the reference monitor. Pure. */

export { type Answer, Argo, type RegisterRequest } from './argo.ts';
export type { Counters } from './counters.ts';
export { DomainState } from './domain-state.ts';
export { type Elsewhere, type Sender, UNDECIDED } from './elsewhere.ts';
export { INSPECTORS, type Inspector, MALFORMED } from './inspectors/index.ts';
export { CoreInvariantError } from './invariant.ts';
export type { Outlet } from './outlet.ts';
export type { CoreEvent, DenialContext, FlowCounter, Recorder } from './recorder.ts';
export { maxPayload, messageSize, Ring } from './ring.ts';
export type { Withdrawals } from './withdrawals.ts';
export type { CoreLimits } from './world.ts';
