/** Says once that the file system or the log's own total is filled to a part, and again after it was emptier. Pure. */
import type { Detail } from '../../../record/index.ts';
import type { Retention } from './retention.ts';

interface Fullness {
  readonly reason: 'DISK' | 'TOTAL';
  readonly detail: Detail;
}

export class SpaceWatch {
  readonly #retention: Retention;
  #isSaid = false;

  constructor(retention: Retention) {
    this.#retention = retention;
  }

  /** Null: nothing new to say. */
  look(stored: number, { free, size }: { readonly free: number; readonly size: number }): Fullness | null {
    const full = this.#fullness(stored, free, size);
    const isNew = full !== null && !this.#isSaid;
    this.#isSaid = full !== null;
    return isNew ? full : null;
  }

  #fullness(stored: number, free: number, size: number): Fullness | null {
    const { warnAt, keepMs, totalBytes } = this.#retention;
    if (warnAt === null) return null;
    if (size > 0 && free <= size * (1 - warnAt)) return { reason: 'DISK', detail: { free, size } };
    // Without `keep` a log at its total is as it should be. With it, records will go before their time.
    if (keepMs === null || totalBytes === null || stored < totalBytes * warnAt) return null;
    return { reason: 'TOTAL', detail: { bytes: stored, total: totalBytes } };
  }
}
