/** The session of a domain concerns the grants here and the other brokers. */
import type { Argo } from '../core/index.ts';
import type { Federation } from '../federation/index.ts';
import type { SessionWatcher } from './sessions.ts';

/** Notifies the federation in a later microtask, when the core has attached or detached the domain. */
export function announceSessions(grants: SessionWatcher, federation: Federation, argo: Argo): SessionWatcher {
  const notify = (name: string): void =>
    queueMicrotask(() => {
      const state = argo.domain(name);
      if (state !== undefined) federation.tell(state);
    });
  return {
    sessionOpened: (name) => {
      grants.sessionOpened(name);
      notify(name);
    },
    sessionEnded: (name, reason) => {
      grants.sessionEnded(name, reason);
      notify(name);
    },
  };
}
