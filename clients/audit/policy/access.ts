/** A policy next to its use: which permissions were used, which never, and what was tried without one. Pure. */
import {
  accessMatrix,
  decideAgain,
  finish,
  formatRule,
  type Place,
  type PolicyRevision,
  searchRows,
} from '../../../policy/index.ts';
import type { RequestUse, RuleTimes, UsageTally } from './usage.ts';

export type AccessState =
  /** Allowed, and used. */
  | 'used'
  /** Allowed, and never used. */
  | 'unused'
  /** Not allowed, and tried. */
  | 'tried';

export interface AccessUse {
  readonly source: string;
  readonly destination: string;
  readonly className: string;
  readonly permission: string;
  readonly state: AccessState;
  readonly allowed: number;
  readonly denied: number;
}

export interface RuleUse {
  readonly place: Place;
  /** The row in sesearch's words, with its place. */
  readonly text: string;
  readonly effect: 'allow' | 'deny';
  /** Messages that it allowed, or requests that it denied. */
  readonly times: number;
  /** Domains that used it. */
  readonly sources: readonly string[];
}

/** Permissions that the policy gives, and requests of the log that it denies. */
export function accessUse(policy: PolicyRevision, tally: UsageTally): readonly AccessUse[] {
  const found: AccessUse[] = [];
  const known = new Set<RequestUse>();
  for (const { source, destination, classes } of finish(accessMatrix(policy))) {
    for (const [className, permissions] of classes) {
      for (const permission of permissions) {
        const names = [source.name, destination.name, className, permission] as const;
        const usage = tally.find(...names);
        if (usage !== undefined) known.add(usage);
        const { allowed = 0, denied = 0 } = usage ?? {};
        const state = allowed > 0 ? 'used' : 'unused';
        found.push({ source: names[0], destination: names[1], className, permission, state, allowed, denied });
      }
    }
  }
  for (const usage of tally.all()) {
    if (known.has(usage) || usage.denied === 0) continue;
    const { source, destination, className, permission, allowed, denied } = usage;
    found.push({ source, destination, className, permission, state: 'tried', allowed, denied });
  }
  return found;
}

/** The rows of a policy with what each of them decides of the requests in the log; in the order of the file. */
export function ruleUse(policy: PolicyRevision, tally: UsageTally): readonly RuleUse[] {
  const uses = new Map<string, { times: number; readonly sources: Set<string> }>();
  for (const usage of tally.all()) {
    for (const decided of usage.rules.values()) {
      const key = placeIn(policy, usage, decided);
      if (key === null) continue;
      const use = uses.get(key) ?? { times: 0, sources: new Set<string>() };
      uses.set(key, use);
      use.times += decided.times;
      use.sources.add(usage.source);
    }
  }
  return searchRows(policy, {}).map((rule) => {
    const { place, effect } = rule.row;
    const use = uses.get(`${place.file}:${place.line}`);
    return { place, text: formatRule(rule), effect, times: use?.times ?? 0, sources: [...(use?.sources ?? [])].sort() };
  });
}

/**
 * The row of this policy that decides the request. A record of the same files names it, with the grants of that time. The
 * lines of other files mean other rows, so their requests are decided again.
 */
function placeIn(policy: PolicyRevision, usage: RequestUse, decided: RuleTimes): string | null {
  if (decided.policy !== null && policy.hash.startsWith(decided.policy)) return decided.rule;
  const { source, destination, className, permission } = usage;
  const asked = { source, destination, className, permission, allowed: true, reason: null, rule: null };
  const { rule } = decideAgain(policy, { ...asked, sourceLabels: [], destinationLabels: [] });
  return rule === null ? null : `${rule.file}:${rule.line}`;
}

/** Requests of the log that this policy would decide otherwise, the most frequent first. */
export function decidedOtherwise(policy: PolicyRevision, tally: UsageTally): readonly string[] {
  const found: { readonly times: number; readonly text: string }[] = [];
  for (const { source, destination, className, permission, allowed, denied } of tally.all()) {
    const asked = { source, destination, className, permission, allowed: true, reason: null, rule: null };
    const now = decideAgain(policy, { ...asked, sourceLabels: [], destinationLabels: [] });
    const request = `${source} ${destination}:${className} { ${permission} }`;
    if (now.allowed && denied > 0) found.push({ times: denied, text: `+ ${request}, ${denied} times denied` });
    if (!now.allowed && allowed > 0) found.push({ times: allowed, text: `- ${request}, ${allowed} times allowed` });
  }
  return found.sort((a, b) => b.times - a.times).map(({ text }) => text);
}
