/** Lines of the product, each broken on purpose, and the scenario in which the simulation notices. */
import type { BrokenLine } from '../mutants/mutant.ts';

export interface Breakage extends BrokenLine {
  readonly seed: number;
  readonly steps: number;
  readonly invariant: string;
}

export const BREAKAGES: readonly Breakage[] = [
  {
    in: 'broker/peer/peer.ts',
    find: 'if (recorded) this.#mustBeDurable = true;',
    replace: 'if (false) this.#mustBeDurable = true;',
    seed: 4,
    steps: 9,
    invariant: 'recorded',
  },
  {
    in: 'broker/audit/write/segment-log.ts',
    find: 'await file.datasync();',
    replace: ';',
    seed: 1,
    steps: 1,
    invariant: 'recorded',
  },
  {
    in: 'broker/peer/flusher.ts',
    find: 'if (this.#dirty.push(item) === 1)',
    replace: 'if (this.#dirty.push(item) === 2)',
    seed: 65,
    steps: 21,
    invariant: 'outcome',
  },
  {
    in: 'broker/core/rings/ring.ts',
    find: 'this.#used -= bytes;',
    replace: ';',
    seed: 13,
    steps: 17,
    invariant: 'accounting',
  },
  {
    in: 'broker/audit/write/segment-log.ts',
    find: 'await this.#files.rewrite(segment, from,',
    replace: 'void (segment, from,',
    seed: 3,
    steps: 10,
    invariant: 'recorded',
  },
];
