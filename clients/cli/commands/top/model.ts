/** What `argus top` knows: two readings of the broker's status, its grants, and the records of its log. Pure. */
import type { BrokerStatus, DomainStatus, GrantStatus } from '../../../../broker/index.ts';
import { FlowRate } from './flow-rate.ts';

/** More pairs and denials than any screen shows; the ones that were quiet longest go. */
const MAX_FLOWS = 1_000;
const MAX_DENIALS = 200;

export interface Reading {
  /** Milliseconds of a clock that does not step. */
  readonly at: number;
  readonly status: BrokerStatus;
  readonly grants: readonly GrantStatus[];
}

export interface FlowLine {
  readonly what: string;
  messages: number;
  bytes: number;
  /** Of the newest record. */
  lastSeq: number;
  readonly rate: FlowRate;
}

export interface DenialLine {
  readonly time: string;
  readonly what: string;
  readonly reason: string;
  count: number;
}

/** Per second, since the reading before. */
export interface Rates {
  readonly messages: number;
  readonly bytes: number;
  readonly refused: number;
}

type Fields = Readonly<Record<string, unknown>>;

export class TopModel {
  #before: Reading | null = null;
  #now: Reading | null = null;
  readonly #flows = new Map<string, FlowLine>();
  readonly #denials: DenialLine[] = [];

  get now(): Reading | null {
    return this.#now;
  }

  /** Newest first. */
  get flows(): readonly FlowLine[] {
    return [...this.#flows.values()].sort((a, b) => b.lastSeq - a.lastSeq || b.bytes - a.bytes);
  }

  /** Newest first. */
  get denials(): readonly DenialLine[] {
    return [...this.#denials].reverse();
  }

  read(reading: Reading): void {
    this.#before = this.#now;
    this.#now = reading;
  }

  get rates(): Rates {
    const [before, now] = [this.#before, this.#now];
    const seconds = before === null || now === null ? 0 : (now.at - before.at) / 1_000;
    if (before === null || now === null || seconds <= 0) return { messages: 0, bytes: 0, refused: 0 };
    const rate = (pick: (status: BrokerStatus) => number): number =>
      Math.max(0, (pick(now.status) - pick(before.status)) / seconds);
    return { messages: rate(({ messages }) => messages), bytes: rate(({ bytes }) => bytes), refused: rate(refusedOf) };
  }

  /** Messages per second of a flow; null: not known yet. */
  rateOf({ rate }: FlowLine): number | null {
    return rate.perSecond(this.#now?.at ?? 0);
  }

  /** CPU time of the broker for this domain, milliseconds in a second. */
  workOf({ name, work }: DomainStatus): number {
    const [before, now] = [this.#before, this.#now];
    const earlier = before?.status.domains.find((each) => each.name === name);
    if (before === null || now === null || earlier === undefined || now.at <= before.at) return 0;
    return Math.max(0, ((work.milliseconds - earlier.work.milliseconds) * 1_000) / (now.at - before.at));
  }

  /** A record of the audit log; others than flows and denials are passed over. */
  record(seq: number, event: string, fields: Fields): void {
    const { src, dst, class: className, permission } = fields;
    if (!isFields(src) || !isFields(dst)) return;
    const what = `${src.domain} -> ${dst.domain} ${className}:${permission}`;
    // The flow records also count the messages of a class with auditallow or strict.
    if (event === 'flow') this.#flow(what, seq, fields);
    else if (fields.decision === 'deny') this.#denial(what, fields);
  }

  #flow(what: string, seq: number, fields: Fields): void {
    const { messages, bytes, mono } = fields;
    const line = this.#flows.get(what) ?? { what, messages: 0, bytes: 0, lastSeq: 0, rate: new FlowRate() };
    if (typeof mono === 'number' && typeof messages === 'number') line.rate.add({ mono, messages }, this.#now?.at ?? 0);
    line.messages += typeof messages === 'number' ? messages : 1;
    line.bytes += typeof bytes === 'number' ? bytes : 0;
    line.lastSeq = seq;
    this.#flows.delete(what);
    this.#flows.set(what, line);
    for (const oldest of this.#flows.keys()) {
      if (this.#flows.size <= MAX_FLOWS) break;
      this.#flows.delete(oldest);
    }
  }

  #denial(what: string, { time, reason, count }: Fields): void {
    const times = typeof count === 'number' ? count : 1;
    const last = this.#denials.at(-1);
    if (last !== undefined && last.what === what && last.reason === reason) last.count += times;
    else this.#denials.push({ time: String(time).slice(11, 19), what, reason: String(reason), count: times });
    if (this.#denials.length > MAX_DENIALS) this.#denials.shift();
  }
}

export function refusedOf({ refused }: BrokerStatus): number {
  return Object.values(refused).reduce((sum, count) => sum + count, 0);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
