/**
 * Decides a recorded request again: by the policy that decided it then, or by another one.
 *
 * A record says what was asked and what was answered. Some denials do not come from the rows: the message was malformed, or
 * it named a domain that does not exist. They depend on bytes that no record holds, so they are counted and not decided.
 */

import { type Analysed, domainNamed } from './subject.ts';
import { answerWhy } from './why.ts';

/** The fields of an audit record that describe a decision. */
export interface RecordedDecision {
  readonly source: string;
  readonly destination: string;
  readonly className: string;
  readonly permission: string;
  readonly allowed: boolean;
  /** Of a denial: NO_RULE, EXPLICIT_DENY, …; null when allowed. */
  readonly reason: string | null;
  readonly rule: { readonly file: string; readonly line: number } | null;
  /** Labels that the domains had then. */
  readonly sourceLabels: readonly string[];
  readonly destinationLabels: readonly string[];
}

export interface NewDecision {
  readonly allowed: boolean;
  /** UNKNOWN_SOURCE, UNKNOWN_DESTINATION and UNKNOWN_CLASS: the policy does not have the name. */
  readonly reason: string | null;
  readonly rule: { readonly file: string; readonly line: number } | null;
  readonly sourceLabels: readonly string[];
  readonly destinationLabels: readonly string[];
}

/** The rows decided it; a denial for another reason depends on the message. */
export function isDecidedByRows({ allowed, reason }: RecordedDecision): boolean {
  return allowed || reason === 'NO_RULE' || reason === 'EXPLICIT_DENY';
}

export function decideAgain(analysed: Analysed, asked: RecordedDecision): NewDecision {
  const source = analysed.domains.byName(asked.source);
  const destination = domainNamed(analysed, asked.destination);
  const serviceClass = analysed.classes.byName(asked.className);
  const labels = { sourceLabels: source?.labels ?? [], destinationLabels: destination?.labels ?? [] };
  const unknown = (reason: string): NewDecision => ({ allowed: false, reason, rule: null, ...labels });
  if (source === undefined) return unknown('UNKNOWN_SOURCE');
  if (destination === undefined) return unknown('UNKNOWN_DESTINATION');
  if (serviceClass?.permissions.includes(asked.permission) !== true) return unknown('UNKNOWN_CLASS');
  const { allowed, reason, rule } = answerWhy(analysed, {
    source,
    destination,
    serviceClass,
    permission: asked.permission,
  });
  const place = rule === null ? null : { file: rule.row.place.file, line: rule.row.place.line };
  return { allowed, reason: allowed ? null : reason, rule: place, ...labels };
}

/** In which respects the new decision is another one; empty = the same decision, by the same row, over the same labels. */
export function differencesFrom(then: RecordedDecision, now: NewDecision): string[] {
  const differences: string[] = [];
  if (then.allowed !== now.allowed) differences.push(`decision ${word(then)} is ${word(now)}`);
  if (then.reason !== now.reason) differences.push(`reason ${then.reason ?? 'none'} is ${now.reason ?? 'none'}`);
  if (placeOf(then.rule) !== placeOf(now.rule)) differences.push(`rule ${placeOf(then.rule)} is ${placeOf(now.rule)}`);
  const labels = [
    [then.sourceLabels, now.sourceLabels],
    [then.destinationLabels, now.destinationLabels],
  ] as const;
  for (const [before, after] of labels)
    if (sorted(before) !== sorted(after)) differences.push(`labels ${sorted(before)} are ${sorted(after)}`);
  return differences;
}

function word({ allowed }: { readonly allowed: boolean }): string {
  return allowed ? 'allow' : 'deny';
}

function placeOf(rule: RecordedDecision['rule']): string {
  return rule === null ? 'none' : `${rule.file}:${rule.line}`;
}

function sorted(labels: readonly string[]): string {
  return [...labels].sort().join(' ') || 'none';
}
