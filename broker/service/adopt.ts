/** Puts a compiled policy in force: the change in the core, and its consequences for the sessions. */
import { CLONE_SAFE_SUITES } from '../../keys/index.ts';
import type { CompiledPolicy } from '../../policy/index.ts';
import type { Argo } from '../core/index.ts';
import type { Sessions } from './sessions.ts';

/**
 * All of it happens in one turn: no frame is processed between the swap and its consequences. The sessions of domains
 * that the policy no longer declares, or that now have another home or need another AEAD, end. Messages that the policy
 * no longer allows are removed from the queues, and their senders are notified.
 */
export function adoptPolicy(policy: CompiledPolicy, argo: Argo, sessions: Sessions): void {
  const { removed, left, withdrawals } = argo.adopt(policy);
  for (const state of removed) sessions.end(state.domain.name, 'removed', 'left the inventory');
  for (const state of left) sessions.end(state.domain.name, 'wrongHome', 'moved to another home');
  for (const { state, suite } of sessions.peers()) {
    if (state.domain.cloneSafe && !CLONE_SAFE_SUITES.includes(suite))
      sessions.end(state.domain.name, 'shutdown', 'must be clone-safe now');
  }
  for (const peer of sessions.peers()) {
    peer.filter((frames, start, end) => withdrawals.keeps(peer.state, frames, start, end));
    withdrawals.settle();
    peer.introduceAgain();
  }
  withdrawals.announce();
}
