/** Decisions of the log next to those of a candidate policy: which ones would be others. */
import {
  decideAgain,
  type Grant,
  isDecidedByRows,
  PolicyError,
  type PolicyRevision,
  regrantPolicy,
} from '../../../../../policy/index.ts';
import type { DecidedRecord } from './recorded.ts';
import { requestOf } from './replay.ts';

/** Changed requests that are shown; all are counted. */
const MAX_SHOWN = 50;

export interface Changed {
  readonly request: string;
  readonly was: 'allow' | 'deny';
  readonly now: 'allow' | 'deny';
  /** The row that decides now; null: no row allows it. */
  readonly rule: string | null;
  records: number;
  /** Messages, or denials. */
  messages: number;
  readonly first: number;
  last: number;
}

export class Comparison {
  readonly #overlays: Overlays;
  readonly #changed = new Map<string, Changed>();
  /** Records that rows decided. */
  decided = 0;

  constructor(candidate: PolicyRevision) {
    this.#overlays = new Overlays(candidate);
  }

  /** Most messages first. */
  get changed(): readonly Changed[] {
    return [...this.#changed.values()].sort((a, b) => b.messages - a.messages);
  }

  /** Grants of the log that the candidate does not bear. */
  get dropped(): ReadonlySet<string> {
    return this.#overlays.dropped;
  }

  /** The request whose decision is another one, the first time that it is seen; null otherwise. */
  see(record: DecidedRecord): Changed | null {
    const { decision, policy, seq, count } = record;
    if (!isDecidedByRows(decision)) return null;
    this.decided++;
    const now = decideAgain(this.#overlays.with(policy?.grants ?? []), decision);
    if (now.allowed === decision.allowed) return null;
    const request = requestOf(record);
    const was = decision.allowed ? 'allow' : 'deny';
    const known = this.#changed.get(`${was} ${request}`);
    if (known !== undefined) {
      known.records++;
      known.messages += count;
      known.last = seq;
      return null;
    }
    const rule = now.rule === null ? null : `${now.rule.file}:${now.rule.line}`;
    const first: Changed = {
      request,
      was,
      now: decision.allowed ? 'deny' : 'allow',
      rule,
      records: 1,
      messages: count,
      first: seq,
      last: seq,
    };
    this.#changed.set(`${was} ${request}`, first);
    return first;
  }

  summary(): object {
    const { changed, decided, dropped } = this;
    const unchanged = decided - changed.reduce((sum, { records }) => sum + records, 0);
    return { decided, unchanged, changed, droppedGrants: [...dropped] };
  }

  lines(): string[] {
    const { changed, decided, dropped } = this;
    if (decided === 0) return ['no decisions in the log to look at'];
    const head =
      changed.length === 0
        ? `nothing would change: ${decided} records, the same decisions`
        : `${changed.length} ${changed.length === 1 ? 'request' : 'requests'} would be decided otherwise (${decided} records looked at)`;
    const shown = changed
      .slice(0, MAX_SHOWN)
      .map((each) => `${lineOf(each)}, ${each.messages} times, records ${each.first} to ${each.last}`);
    return [
      head,
      ...shown,
      ...(changed.length > MAX_SHOWN ? [`  … showing ${MAX_SHOWN} of ${changed.length}`] : []),
      ...[...dropped].map((grant) => `  the candidate does not bear the grant ${grant}`),
    ];
  }
}

export function lineOf({ request, was, now, rule }: Changed): string {
  return `  ${now === 'allow' ? '+' : '-'} ${request}  ${was} -> ${now} (${rule ?? 'no row allows it'})`;
}

/** The candidate with the grants of a moment. */
class Overlays {
  readonly #candidate: PolicyRevision;
  readonly #made = new Map<string, PolicyRevision>();
  readonly dropped = new Set<string>();

  constructor(candidate: PolicyRevision) {
    this.#candidate = candidate;
  }

  with(grants: readonly Grant[]): PolicyRevision {
    const key = grants.map(textOf).join();
    let policy = this.#made.get(key);
    if (policy === undefined) {
      policy = this.#make(grants);
      this.#made.set(key, policy);
    }
    return policy;
  }

  #make(grants: readonly Grant[]): PolicyRevision {
    let best = this.#candidate;
    for (const grant of grants) {
      try {
        best = regrantPolicy(best, best.revision, [...best.grants, grant]);
      } catch (error) {
        if (!(error instanceof PolicyError)) throw error;
        this.dropped.add(textOf(grant));
      }
    }
    return best;
  }
}

function textOf({ domain, label }: Grant): string {
  return `${domain} ${label}`;
}
