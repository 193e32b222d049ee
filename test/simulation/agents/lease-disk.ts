/** The lease file of the simulated router: a write takes a while, and a kill leaves the old file or the new one. */
import type { LeaseStore } from '../../../clients/agents/network/dhcp/lease-file.ts';
import { type Lease, Leases } from '../../../clients/agents/network/dhcp/leases.ts';
import type { Random } from '../../support/random.ts';
import type { Process } from '../engine/process.ts';

const MAX_DELAY_MS = 20;

export class LeaseDisk {
  #kept: readonly Lease[] = [];
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  get count(): number {
    return this.#kept.length;
  }

  storeFor(process: Process): LeaseStore {
    return {
      read: async () => {
        const leases = new Leases();
        for (const lease of this.#kept) leases.put(lease);
        return leases;
      },
      write: (leases) => {
        const kept = leases.filter(({ state }) => state !== 'offered');
        return new Promise((resolve) => {
          process.schedule(this.#random.below(1 + MAX_DELAY_MS), 'leases written', () => {
            this.#kept = kept;
            resolve();
          });
        });
      },
    };
  }
}
