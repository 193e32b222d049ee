/** Puts a compiled policy in force: one step of the core, and its consequences for the sessions. */
import type { CompiledPolicy } from '../../policy/index.ts';
import type { Argo } from '../core/index.ts';
import type { Sessions } from './sessions.ts';

/**
 * All of it happens in one turn: no frame is worked on between the swap and its consequences. Sessions of domains that the
 * policy no longer declares, or that have another home now, end. Messages that the policy no longer allows leave the queues,
 * and their senders are notified.
 */
export function adoptPolicy(policy: CompiledPolicy, argo: Argo, sessions: Sessions): void {
  const { removed, left, withdrawals } = argo.adopt(policy);
  for (const state of removed) sessions.end(state.domain.name, 'removed', 'left the inventory');
  for (const state of left) sessions.end(state.domain.name, 'wrongHome', 'moved to another home');
  for (const peer of sessions.peers()) {
    peer.filter((frames, start, end) => withdrawals.keeps(peer.state, frames, start, end));
    withdrawals.settle();
    peer.introduceAgain();
  }
  withdrawals.announce();
}
