/**
 * W-028: labels that domains got with an edit, and the access that came with these labels.
 *
 * A diff lists what is allowed in addition. This says which of it nobody wrote a row for: a domain became a member of a
 * label, and rows that were written for others are about it too.
 */
import type { AccessChange } from '../access-diff.ts';
import type { Analysed } from '../subject.ts';
import type { WarningCode } from './pages.ts';

export interface LabelGrowth {
  readonly code: Extract<WarningCode, 'W-028'>;
  readonly label: string;
  /** Domains of both policies that have the label now and did not have it before. */
  readonly domains: readonly string[];
  /** Changes of the diff that allow these domains something, in either direction. */
  readonly changes: number;
}

/** @param changes of `diffAccess` between the same two policies */
export function labelGrowth(before: Analysed, after: Analysed, changes: readonly AccessChange[]): LabelGrowth[] {
  const members = new Map<string, string[]>();
  for (const { name, labels } of after.domains.all) {
    const old = before.domains.byName(name);
    // Of a new domain every right is new, and the diff says so.
    if (old === undefined) continue;
    for (const label of labels) {
      if (!old.labels.includes(label)) members.set(label, [...(members.get(label) ?? []), name]);
    }
  }
  return [...members].flatMap(([label, domains]) => {
    const about = changes.filter(
      ({ source, destination, added }) =>
        added.length > 0 && (domains.includes(source) || domains.includes(destination)),
    ).length;
    return about === 0 ? [] : [{ code: 'W-028' as const, label, domains, changes: about }];
  });
}

/** Names shown; the count is complete. */
const MAX_NAMES = 5;

export function formatGrowth({ code, label, domains, changes }: LabelGrowth): string {
  const shown = domains.slice(0, MAX_NAMES).join(' ');
  const rest = domains.length > MAX_NAMES ? ` … (${domains.length})` : '';
  return `   ${label} is new for ${shown}${rest}: ${changes} of the changes allow more to or from there (${code})`;
}
