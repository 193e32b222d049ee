/**
 * What a router announced goes when it ends, however it ends: its process or its session is gone, its own route is gone, or
 * policy takes the permission back. Only time in which nothing else is broken counts.
 */
import type { AppVm } from '../../agents/app-vm.ts';
import type { AgentSet } from '../../system.ts';
import { type Invariant, type PolicyInForce, type View, Violation } from '../invariant.ts';
import { AgentPolicies } from './agents-may.ts';

/** A guest asks after its own session was away, and waits 6 s for the answer; lines that are slow take their part. */
const GONE_WITHIN_MS = 15_000;
/** A withdrawal that was lost is noticed by the silence after it. */
const LOST_WITHIN_MS = 45_000;

type Reason = 'its router is gone' | 'policy forbids it' | 'its router has withdrawn it';

export class Routes implements Invariant {
  readonly name = 'routes';
  readonly #agents: AgentSet;
  readonly #policies = new AgentPolicies();
  readonly #wrong = new Map<string, { readonly reason: Reason; readonly sinceMs: number }>();

  constructor(agents: AgentSet) {
    this.#agents = agents;
  }

  policy(policy: PolicyInForce): void {
    this.#policies.policy(policy);
  }

  step(view: View): void {
    const { nowMs, calmSinceMs } = view;
    const wrong = new Set<string>();
    for (const app of this.#agents.apps) {
      // Who has no process, or no session, cannot know.
      if (!app.isConnected || !app.isRouting || calmSinceMs > nowMs) continue;
      for (const prefix of app.table.learned) {
        const reason = this.#reason(app, prefix, view);
        if (reason === null) continue;
        const key = `${app.name} ${prefix}`;
        wrong.add(key);
        const known = this.#wrong.get(key);
        if (known?.reason !== reason) this.#wrong.set(key, { reason, sinceMs: nowMs });
        else if (nowMs - known.sinceMs > (reason === 'its router has withdrawn it' ? LOST_WITHIN_MS : GONE_WITHIN_MS))
          throw new Violation(this.name, `${app.name} has kept ${prefix} for ${nowMs - known.sinceMs} ms: ${reason}`);
      }
    }
    for (const key of this.#wrong.keys()) if (!wrong.has(key)) this.#wrong.delete(key);
  }

  #reason({ member }: AppVm, prefix: string, { homes }: View): Reason | null {
    const { net } = this.#agents;
    const home = homes.find(({ name }) => name === net.member.home);
    if (!net.isConnected && home?.broker?.sessions.peerOf(net.name) === undefined) return 'its router is gone';
    const permission = prefix === '0.0.0.0/0' ? 'announce-default' : 'announce';
    if (!this.#policies.may(net.member, member, 'route', permission)) return 'policy forbids it';
    return net.table.has(prefix) ? null : 'its router has withdrawn it';
  }
}
