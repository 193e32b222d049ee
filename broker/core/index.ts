/** Argo over declared domains: rings and the four operations, each decided by the reference monitor. Pure. */

export { type Answer, Argo } from './argo.ts';
export { DomainState } from './domain-state.ts';
export { type Elsewhere, type Sender, UNDECIDED } from './elsewhere.ts';
export { INSPECTORS, MALFORMED } from './inspectors/index.ts';
export type { Outlet } from './outlet.ts';
export { maxPayload, messageSize, Ring } from './rings/ring.ts';
