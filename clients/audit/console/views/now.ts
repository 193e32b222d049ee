/** The data of the Now view: a map of the recent traffic, the current refusals and grants, and the state of the log. Pure. */
import type { RecordIndex } from '../../store/index.ts';
import type { NowAnswer } from '../answers.ts';
import { busiestFirst, isRefusal, windowOf } from './flows.ts';
import { type DomainNow, type Drawing, mapOf } from './units.ts';

/** Newest refusals that are worth listing. */
const SHOWN_REFUSALS = 50;
/** Flows in the list under the map. */
const SHOWN_FLOWS = 12;
const BROKER = 'broker';

export interface NowQuestion extends Drawing {
  readonly windowMs: number;
}

/** What the index knows of it: records are rows, and nobody was asked whether a process writes. */
type Now = Omit<NowAnswer, 'refusals' | 'grants' | 'isLive' | 'signed'> & {
  readonly refusals: readonly number[];
  readonly grants: readonly number[];
};

/** State that every record changes, kept from one look to the next; the window is computed at each look. */
export class NowState {
  readonly index: RecordIndex;
  readonly #isWhole: boolean;
  readonly #domains = new Map<string, { labels: readonly string[]; isConnected: boolean }>();
  /** By domain and label. */
  readonly #grants = new Map<string, number>();
  readonly #refusals: number[] = [];
  #looked = 0;
  #revision: number | null = null;
  #policy: string | null = null;
  #rejected = 0;
  #gaps = 0;
  #isStarted = false;
  #until = 0;

  /** @param isWhole false: the index begins somewhere in the log, so the beginnings of sessions are missing */
  constructor(index: RecordIndex, isWhole: boolean) {
    this.index = index;
    this.#isWhole = isWhole;
    this.#isStarted = !isWhole;
  }

  /** Takes in what is new, so that a look costs no more than its window. */
  advance(): void {
    for (; this.#looked < this.index.rows; this.#looked++) this.#take(this.#looked);
  }

  look({ windowMs, ...drawing }: NowQuestion): Now {
    this.advance();
    const window = windowOf(this.index, this.#until, windowMs);
    const domains: DomainNow[] = [...this.#domains].map(([name, one]) => ({ name, ...one }));
    // Sessions are asked of the broker, so it stands on the map; it has none itself.
    const broker = domains.findIndex(({ name }) => name === BROKER);
    if (broker >= 0) domains[broker] = { name: BROKER, labels: [], isConnected: this.#isStarted };
    const peers = domains.filter(({ name }) => name !== BROKER);
    const own = window.flows.filter(({ src, dst }) => drawing.focus === null || [src, dst].includes(drawing.focus));
    const total = (key: 'messages' | 'bytes' | 'messageRate' | 'byteRate'): number =>
      window.flows.reduce((sum, flow) => sum + flow[key], 0);
    return {
      until: this.#until,
      windowMs,
      domains: peers.length,
      connected: peers.filter(({ isConnected }) => isConnected).length,
      map: mapOf(domains, window, drawing),
      flows: own.toSorted(busiestFirst).slice(0, SHOWN_FLOWS),
      moreFlows: Math.max(0, own.length - SHOWN_FLOWS),
      messages: total('messages'),
      bytes: total('bytes'),
      denied: window.deniedOverTime.reduce((sum, denied) => sum + denied, 0),
      messageRate: total('messageRate'),
      byteRate: total('byteRate'),
      allowedOverTime: window.allowedOverTime,
      deniedOverTime: window.deniedOverTime,
      refusals: this.#refusals.toReversed(),
      grants: [...this.#grants.values()],
      revision: this.#revision,
      policy: this.#policy,
      rejected: this.#rejected,
      gaps: this.#gaps,
      isStarted: this.#isStarted,
    };
  }

  #take(row: number): void {
    const { index } = this;
    const event = index.textAt(row, 'event') ?? '';
    const src = index.textAt(row, 'src');
    const time = index.timeAt(row);
    if (!Number.isNaN(time)) this.#until = Math.max(this.#until, time);
    if (src !== undefined) this.#party(src, index.textAt(row, 'src.labels'));
    const dst = index.textAt(row, 'dst');
    if (dst !== undefined) this.#party(dst, index.textAt(row, 'dst.labels'));
    const domain = src === undefined ? undefined : this.#domains.get(src);
    if (isRefusal(index, row)) {
      this.#refusals.push(row);
      if (this.#refusals.length > SHOWN_REFUSALS) this.#refusals.shift();
    }
    // Its session began before the first record of this index.
    if (!this.#isWhole && event === 'flow') {
      if (domain !== undefined) domain.isConnected = true;
      this.#revision = index.numberAt(row, 'revision') || this.#revision;
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
        this.#isStarted = event === 'broker.start';
        for (const one of this.#domains.values()) one.isConnected = false;
        if (event === 'broker.start') this.#grants.clear();
        break;
      case 'policy.load':
        this.#revision = index.numberAt(row, 'revision');
        this.#policy = index.textAt(row, 'policy') ?? null;
        this.#rejected = 0;
        break;
      case 'policy.reject':
        this.#rejected += 1;
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
}
