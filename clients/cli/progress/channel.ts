/**
 * Work that takes long says how far it is. A channel of Node carries the steps: each command is a bundle of its own, so a
 * variable of a module would exist once in each.
 */
import { channel } from 'node:diagnostics_channel';

export interface ProgressStep {
  readonly done: number;
  /** Null: unknown. */
  readonly total: number | null;
  readonly unit: 'bytes' | 'records';
}

/** Reports of an iteration: one for so many items, because a report per item would slow it down. */
const ITEMS_PER_REPORT = 1_000;

export const STEPS = channel('argus:progress');

export function reportProgress(step: ProgressStep): void {
  if (STEPS.hasSubscribers) STEPS.publish(step);
}

/** The same records, counted as they pass. */
export async function* counted<T>(records: AsyncIterable<T>): AsyncGenerator<T> {
  let done = 0;
  for await (const record of records) {
    done += 1;
    if (done % ITEMS_PER_REPORT === 0) reportProgress({ done, total: null, unit: 'records' });
    yield record;
  }
}
