/** Records about the log itself: starts, stops, gaps. Pure. */
import type { ParsedLine } from '../chain.ts';

export interface Milestone {
  readonly seq: number;
  readonly event: string;
  /** Events that an `audit.gap` says were lost. */
  readonly lost: number;
  /** Torn tails that the record states, unchecked. */
  readonly torn: readonly unknown[];
  /** Records that no checkpoint covered when the run began. */
  readonly uncovered: number;
  /** Records 1 to this one were removed, says an `audit.prune`; 0 in other records. */
  readonly pruned: number;
}

/** Null: an ordinary record. */
export function milestoneOf({ seq, event, fields }: ParsedLine): Milestone | null {
  const torn = member(fields.detail, 'torn');
  const isOwn = event.startsWith('broker.') || event.startsWith('audit.');
  if (!isOwn && !Array.isArray(torn)) return null;
  const uncovered = member(fields.detail, 'uncovered');
  const pruned = member(fields.detail, 'records');
  return {
    seq,
    event,
    lost: event === 'audit.gap' ? lostIn(fields.detail) : 0,
    torn: Array.isArray(torn) ? torn : [],
    uncovered: event === 'broker.start' && typeof uncovered === 'number' ? uncovered : 0,
    pruned: event === 'audit.prune' && typeof pruned === 'number' ? pruned : 0,
  };
}

function lostIn(detail: unknown): number {
  const lost = member(detail, 'lost');
  let sum = 0;
  for (const count of Object.values(isObject(lost) ? lost : {})) if (typeof count === 'number') sum += count;
  return sum;
}

/** An own member of any value; undefined if there is none. */
export function member(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
