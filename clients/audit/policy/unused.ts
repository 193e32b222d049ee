/** W-030: allow rows that were in force for a stretch of time and decided nothing in it. Pure. */
import { type PolicyRevision, searchRows, type Warning } from '../../../policy/index.ts';
import { ruleUse } from './access.ts';
import type { UsageTally } from './usage.ts';

/**
 * @param before the policy in force when the stretch began: a row that it does not have is too new to be judged
 * @param tally what was asked since then
 * @param since RFC 3339, for the message
 */
export function unusedRows(
  policy: PolicyRevision,
  before: PolicyRevision,
  tally: UsageTally,
  since: string,
): readonly Warning[] {
  const known = new Set(searchRows(before, {}).map(({ casbinRow }) => casbinRow.join()));
  const texts = new Map(searchRows(policy, {}).map((rule) => [rule.row.place.line, rule]));
  return ruleUse(policy, tally).flatMap(({ place, effect, times }) => {
    const rule = texts.get(place.line);
    if (effect !== 'allow' || times > 0 || rule === undefined || !known.has(rule.casbinRow.join())) return [];
    const isOpen = [rule.row.source, rule.row.destination].some(
      (subject) => policy.labels.get(subject)?.grantable === true,
    );
    // A row for a grantable label counts only while a domain has a grant.
    if (isOpen) return [];
    return [{ ...place, code: 'W-030' as const, message: `allowed nothing since ${since.slice(0, 10)}` }];
  });
}
