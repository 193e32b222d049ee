/** Reports in which the order of records matters. Pure: fed with rows in order of `seq`. */
import { byText } from '../../../broker/base/index.ts';
import type { QueryRow } from '../query/index.ts';
import { number, shown } from './groups.ts';

/** One source that was denied many different things. */
export interface Probe {
  readonly src: string;
  readonly destinations: number;
  readonly ports: number;
  readonly classes: number;
  readonly denials: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** Who tried what he may not, and how widely: few tries at one thing are a mistake, a few at each of many are a search. */
export class Probes {
  readonly #sources = new Map<
    string,
    { dst: Set<string>; ports: Set<string>; classes: Set<string>; denials: number; firstSeq: number; lastSeq: number }
  >();

  add(row: QueryRow): void {
    if (row.get('decision') !== 'deny') return;
    const name = shown(row.get('src'));
    let source = this.#sources.get(name);
    if (source === undefined) {
      const seq = number(row, 'seq');
      source = { dst: new Set(), ports: new Set(), classes: new Set(), denials: 0, firstSeq: seq, lastSeq: seq };
      this.#sources.set(name, source);
    }
    source.dst.add(shown(row.get('dst')));
    source.ports.add(`${shown(row.get('dst'))}:${shown(row.get('port'))}`);
    source.classes.add(shown(row.get('class')));
    source.denials += number(row, 'count');
    source.lastSeq = number(row, 'seq');
  }

  /** Widest first. */
  result(): readonly Probe[] {
    return [...this.#sources]
      .map(([src, { dst, ports, classes, denials, firstSeq, lastSeq }]) => ({
        src,
        destinations: dst.size,
        ports: ports.size,
        classes: classes.size,
        denials,
        firstSeq,
        lastSeq,
      }))
      .sort((a, b) => b.ports - a.ports || b.denials - a.denials || byText(a.src, b.src));
  }
}

/** An access that was denied and is allowed later: a person has changed a rule or a grant. */
export interface Opening {
  readonly src: string;
  readonly dst: string;
  readonly class: string;
  readonly permission: string;
  /** The last denial before it. */
  readonly deniedSeq: number;
  readonly allowedSeq: number;
  /** Policy changes and grants between the two. */
  readonly between: readonly { readonly seq: number; readonly event: string; readonly src: string | null }[];
}

type Request = Pick<Opening, 'src' | 'dst' | 'class' | 'permission'>;

function keyOf({ src, dst, class: cls, permission }: Request): string {
  return [src, dst, cls, permission].join(' ');
}

export class Openings {
  readonly #denied = new Map<string, number>();
  readonly #found: Opening[] = [];
  readonly #changes: { seq: number; event: string; src: string | null }[] = [];

  add(row: QueryRow): void {
    const seq = number(row, 'seq');
    const event = shown(row.get('event'));
    if (event === 'policy.load' || event === 'grant.add' || event === 'mode.set') {
      const src = row.get('src');
      this.#changes.push({ seq, event, src: typeof src === 'string' ? src : null });
    }
    const decision = row.get('decision');
    if (decision === undefined || row.get('dst') === undefined) return;
    const [src = '', dst = '', cls = '', permission = ''] = (['src', 'dst', 'class', 'permission'] as const).map((f) =>
      shown(row.get(f)),
    );
    const request = { src, dst, class: cls, permission };
    if (decision === 'deny') this.#denied.set(keyOf(request), seq);
    else this.#allowed(request, seq);
    // Class argo had to allow each of the messages first, and has no record of its own.
    if (event === 'flow') this.#allowed({ src, dst, class: 'argo', permission: 'send' }, seq);
  }

  #allowed(request: Request, seq: number): void {
    const deniedSeq = this.#denied.get(keyOf(request));
    if (deniedSeq === undefined) return;
    this.#denied.delete(keyOf(request));
    const between = this.#changes.filter((change) => change.seq > deniedSeq);
    this.#found.push({ ...request, deniedSeq, allowedSeq: seq, between });
  }

  result(): readonly Opening[] {
    return this.#found;
  }
}

/** One step of observed messages. */
export interface Step {
  readonly src: string;
  readonly dst: string;
  readonly class: string;
  readonly seq: number;
  readonly time: string;
}

/**
 * Could data have gone from one domain to another by messages that were really sent, each after the one before? One pass:
 * a domain is reached by the first message that it gets from one that was reached before.
 */
export class ObservedFlow {
  readonly #reached = new Map<string, Step | null>();

  constructor(source: string) {
    this.#reached.set(source, null);
  }

  add(row: QueryRow): void {
    const event = row.get('event');
    if (event !== 'flow' && event !== 'send.allowed') return;
    const [src, dst] = [shown(row.get('src')), shown(row.get('dst'))];
    if (!this.#reached.has(src) || this.#reached.has(dst)) return;
    const step = { src, dst, class: shown(row.get('class')), seq: number(row, 'seq'), time: shown(row.get('time')) };
    this.#reached.set(dst, step);
  }

  /** The step by which each domain was reached first, in the order of the log. */
  reached(): readonly Step[] {
    return [...this.#reached.values()].filter((step) => step !== null);
  }

  /** The steps to a domain; null: nothing can have come there. */
  pathTo(target: string): readonly Step[] | null {
    const steps: Step[] = [];
    for (let at = this.#reached.get(target); at !== null; at = this.#reached.get(at.src)) {
      if (at === undefined) return null;
      steps.unshift(at);
    }
    return steps;
  }
}

export interface TimelineCount {
  readonly time: string;
  readonly allowed: number;
  readonly denied: number;
  readonly other: number;
}

/** Events per stretch of time. */
export class Timeline {
  readonly #bucketMs: number;
  readonly #buckets = new Map<number, { allowed: number; denied: number; other: number }>();

  /** @param counted counts of the rows before: an index has counted them */
  constructor(bucketMs: number, counted: readonly TimelineCount[] = []) {
    this.#bucketMs = bucketMs;
    for (const { time, ...counts } of counted) this.#buckets.set(Date.parse(time), counts);
  }

  add(row: QueryRow): void {
    const time = Date.parse(shown(row.get('time')));
    if (Number.isNaN(time)) return;
    const start = time - (time % this.#bucketMs);
    let bucket = this.#buckets.get(start);
    if (bucket === undefined) {
      bucket = { allowed: 0, denied: 0, other: 0 };
      this.#buckets.set(start, bucket);
    }
    const decision = row.get('decision');
    const events = decision === 'allow' ? number(row, 'messages') || number(row, 'count') : number(row, 'count');
    if (decision === 'allow') bucket.allowed += events;
    else if (decision === 'deny') bucket.denied += events;
    else bucket.other += events;
  }

  result(): readonly TimelineCount[] {
    return [...this.#buckets]
      .sort(([a], [b]) => a - b)
      .map(([start, counts]) => ({ time: new Date(start).toISOString(), ...counts }));
  }
}
