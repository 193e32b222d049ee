/** Argo over declared domains: rings and the four operations, each decided by the reference monitor. Pure. */

export { type Answer, Argo } from './argo.ts';
export { DomainState } from './domain-state.ts';
export type { Elsewhere, Sender } from './elsewhere.ts';
export { INSPECTORS, MALFORMED } from './inspectors/index.ts';
export { ACCEPTED, type SendAnswer, UNDECIDED } from './outcome.ts';
export type { Outlet } from './outlet.ts';
export { maxPayload, messageSize, Ring } from './rings/ring.ts';
