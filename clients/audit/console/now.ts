/** The data of the Now view: the domains, the recent traffic between them, and the current refusals. Pure. */
import type { RecordIndex } from '../store/index.ts';

/** Newest refusals that are worth listing. */
const SHOWN_REFUSALS = 50;

export interface DomainNow {
  readonly name: string;
  readonly labels: readonly string[];
  /** True when the domain has a session according to the log. */
  readonly isConnected: boolean;
}

export interface EdgeNow {
  readonly src: string;
  readonly dst: string;
  readonly messages: number;
  readonly bytes: number;
  readonly denied: number;
}

export interface Now {
  /** Milliseconds since 1970, of the newest record; the window ends there. */
  readonly until: number;
  readonly windowMs: number;
  readonly domains: readonly DomainNow[];
  readonly edges: readonly EdgeNow[];
  /** Rows of the newest refusals, newest first. */
  readonly refusals: readonly number[];
  /** Rows of `grant.add` that no later record ended. */
  readonly grants: readonly number[];
  readonly revision: number | null;
  readonly policy: string | null;
  /** Times at which the log could not be written. */
  readonly gaps: number;
  readonly isRunning: boolean;
}

/** State that every record changes, kept from one look to the next; the window is computed at each look. */
export class NowState {
  readonly #index: RecordIndex;
  readonly #domains = new Map<string, { labels: readonly string[]; isConnected: boolean }>();
  /** By domain and label. */
  readonly #grants = new Map<string, number>();
  readonly #refusals: number[] = [];
  #looked = 0;
  #revision: number | null = null;
  #policy: string | null = null;
  #gaps = 0;
  #isRunning = false;
  #until = 0;

  constructor(index: RecordIndex) {
    this.#index = index;
  }

  look(windowMs: number): Now {
    for (; this.#looked < this.#index.rows; this.#looked++) this.#take(this.#looked);
    return {
      until: this.#until,
      windowMs,
      domains: [...this.#domains].map(([name, { labels, isConnected }]) => ({ name, labels, isConnected })),
      edges: this.#edges(this.#until - windowMs),
      refusals: this.#refusals.toReversed(),
      grants: [...this.#grants.values()],
      revision: this.#revision,
      policy: this.#policy,
      gaps: this.#gaps,
      isRunning: this.#isRunning,
    };
  }

  #take(row: number): void {
    const index = this.#index;
    const event = index.textAt(row, 'event') ?? '';
    const src = index.textAt(row, 'src');
    const time = index.timeAt(row);
    if (!Number.isNaN(time)) this.#until = Math.max(this.#until, time);
    if (src !== undefined) this.#party(src, index.textAt(row, 'src.labels'));
    const dst = index.textAt(row, 'dst');
    if (dst !== undefined) this.#party(dst, index.textAt(row, 'dst.labels'));
    const domain = src === undefined ? undefined : this.#domains.get(src);
    if (index.textAt(row, 'decision') === 'deny' || event === 'session.refused' || event === 'peer.fault') {
      this.#refusals.push(row);
      if (this.#refusals.length > SHOWN_REFUSALS) this.#refusals.shift();
    }
    switch (event) {
      case 'session.open':
        if (domain !== undefined) domain.isConnected = true;
        break;
      case 'session.close':
        if (domain !== undefined) domain.isConnected = false;
        break;
      case 'broker.start':
      case 'broker.stop':
        this.#isRunning = event === 'broker.start';
        for (const one of this.#domains.values()) one.isConnected = false;
        if (event === 'broker.start') this.#grants.clear();
        break;
      case 'policy.load':
        this.#revision = index.numberAt(row, 'revision');
        this.#policy = index.textAt(row, 'policy') ?? null;
        break;
      case 'audit.gap':
        this.#gaps += 1;
        break;
      case 'grant.add':
        this.#grants.set(`${src} ${index.grantedAt(row)}`, row);
        break;
      case 'grant.revoke':
      case 'grant.expire':
        this.#grants.delete(`${src} ${index.grantedAt(row)}`);
        break;
    }
  }

  #party(name: string, labels: string | undefined): void {
    const known = this.#domains.get(name);
    const list = labels?.split(' ') ?? [];
    if (known === undefined) this.#domains.set(name, { labels: list, isConnected: false });
    else if (known.labels.length !== list.length || known.labels.some((label, at) => label !== list[at]))
      known.labels = list;
  }

  /** From the newest record back to the window's beginning. Time may step, so it looks a little further. */
  #edges(since: number): readonly EdgeNow[] {
    const index = this.#index;
    const edges = new Map<string, { src: string; dst: string; messages: number; bytes: number; denied: number }>();
    for (let row = index.rows - 1; row >= 0; row--) {
      if (index.timeAt(row) < since) break;
      const [src, dst] = [index.textAt(row, 'src'), index.textAt(row, 'dst')];
      if (src === undefined || dst === undefined) continue;
      const key = `${src} ${dst}`;
      const edge = edges.get(key) ?? { src, dst, messages: 0, bytes: 0, denied: 0 };
      edges.set(key, edge);
      if (index.textAt(row, 'event') === 'flow') {
        edge.messages += index.numberAt(row, 'messages');
        edge.bytes += index.numberAt(row, 'bytes');
      } else if (index.textAt(row, 'decision') === 'deny') edge.denied += index.numberAt(row, 'count') || 1;
    }
    return [...edges.values()].filter(({ messages, denied }) => messages > 0 || denied > 0);
  }
}
