/** What agents keep is bounded by the number of VMs, whatever the VMs do. */
import type { AgentSet } from '../../system.ts';
import { type Invariant, Violation } from '../invariant.ts';

/** Reasons for which a link loses frames. */
const MAX_REASONS = 32;
/** Routes that the simulated router announces. */
const MAX_ROUTES = 2;

export class AgentBounds implements Invariant {
  readonly name = 'agent-bounds';
  readonly #agents: AgentSet;
  /** All that may send: the apps and the hostile VM. */
  readonly #senders: number;

  constructor(agents: AgentSet, senders: number) {
    this.#agents = agents;
    this.#senders = senders;
  }

  step(): void {
    const { audio, net, apps } = this.#agents;
    this.#bound('sessions of the audio service', audio.service?.clients.length ?? 0, this.#senders);
    this.#bound('playback streams', audio.sound?.playbacks.size ?? 0, this.#senders);
    this.#bound('record streams', audio.sound?.captures.size ?? 0, this.#senders);
    this.#bound('leases', net.leases.count, this.#senders);
    for (const { name, link, table } of apps) {
      this.#bound(`reasons of ${name}`, link?.counters.lost.size ?? 0, MAX_REASONS);
      this.#bound(`routes of ${name}`, table.learned.length, MAX_ROUTES);
    }
  }

  #bound(what: string, count: number, bound: number): void {
    if (count > bound) throw new Violation(this.name, `${count} ${what}, at most ${bound} expected`);
  }
}
