/** What was really asked: allowed messages and denials by source, destination, class and permission. Pure. */
import type { QueryRow } from '../query/index.ts';
import { number } from '../reports/index.ts';

export interface RequestUse {
  readonly source: string;
  readonly destination: string;
  readonly className: string;
  readonly permission: string;
  /** Messages, or events where there are no messages. */
  allowed: number;
  denied: number;
  /** Messages and denials by the row that decided them, and its policy. Denials that no row decided are not in it. */
  readonly rules: Map<string, RuleTimes>;
}

export interface RuleTimes {
  /** First digits of the hash; null: the log has no record of this decision, for it goes without saying. */
  readonly policy: string | null;
  /** `policy.csv:12` */
  readonly rule: string;
  times: number;
}

type Key = readonly [source: string, destination: string, className: string, permission: string];

const BROKER = 'broker';
const IMPLIED = { policy: null, rule: '' };
/** Names hold no control characters. */
const SEPARATOR = '\u001f';

export class UsageTally {
  readonly #usages = new Map<string, RequestUse>();

  add(row: QueryRow): void {
    const event = row.get('event');
    const source = textOf(row, 'src');
    if (source === '') return;
    // A session has no decision in its record: the domain was allowed to use the broker.
    if (event === 'session.open') this.#count([source, BROKER, 'argo', 'enable'], 1, 0, IMPLIED);
    const decision = row.get('decision');
    const [policy, rule] = [textOf(row, 'policy'), textOf(row, 'rule')];
    const by = rule === '' ? null : { policy, rule };
    if (decision === undefined || row.get('dst') === undefined) return;
    const key = [source, textOf(row, 'dst'), textOf(row, 'class'), textOf(row, 'permission')] as const;
    // The flow's counts also include the records of an auditallow class.
    if (event === 'send.allowed') return;
    const messages = event === 'flow' ? number(row, 'messages') : 1;
    if (decision === 'deny') this.#count(key, 0, number(row, 'count') || 1, by);
    else this.#count(key, messages, 0, by);
    // Each message was allowed by class argo first.
    if (event === 'flow') this.#count([key[0], key[1], 'argo', 'send'], messages, 0, IMPLIED);
  }

  find(source: string, destination: string, className: string, permission: string): RequestUse | undefined {
    return this.#usages.get([source, destination, className, permission].join(SEPARATOR));
  }

  all(): readonly RequestUse[] {
    return [...this.#usages.values()];
  }

  #count(key: Key, allowed: number, denied: number, by: Pick<RuleTimes, 'policy' | 'rule'> | null): void {
    const name = key.join(SEPARATOR);
    const [source, destination, className, permission] = key;
    const fresh: RequestUse = { source, destination, className, permission, allowed: 0, denied: 0, rules: new Map() };
    const usage = this.#usages.get(name) ?? fresh;
    this.#usages.set(name, usage);
    usage.allowed += allowed;
    usage.denied += denied;
    if (by === null) return;
    const ruleName = `${by.policy} ${by.rule}`;
    const times = usage.rules.get(ruleName) ?? { ...by, times: 0 };
    usage.rules.set(ruleName, times);
    times.times += allowed + denied;
  }
}

function textOf(row: QueryRow, field: 'src' | 'dst' | 'class' | 'permission' | 'policy' | 'rule'): string {
  const value = row.get(field);
  return typeof value === 'string' ? value : '';
}
