/** What went from domain to domain in a stretch of time: volume, rate and denials, and all of it over time. Pure. */
import type { RecordIndex } from '../../store/index.ts';
import type { PairTraffic, Traffic } from '../answers.ts';

/** Flows are recorded every 10 s: a rate is the mean of three such records. */
const RATE_MS = 30_000;
/** Bars of the strip that shows all traffic over time. */
const BUCKETS = 60;

/** Traffic that is being added up. */
export type TrafficSum = { -readonly [Key in keyof Traffic]: Traffic[Key] };

export interface Window {
  readonly flows: readonly PairTraffic[];
  /** Events that were refused, by the domain that caused them. */
  readonly refused: ReadonlyMap<string, number>;
  /** Messages that were allowed, and events that were refused, over the stretch of time. */
  readonly allowedOverTime: readonly number[];
  readonly deniedOverTime: readonly number[];
}

/** What the Now view takes for a refusal. */
export function isRefusal(index: RecordIndex, row: number): boolean {
  if (index.textAt(row, 'decision') === 'deny') return true;
  const event = index.textAt(row, 'event');
  return event === 'session.refused' || event === 'peer.fault';
}

/** From the newest record back to the beginning of the stretch. */
export function windowOf(index: RecordIndex, until: number, windowMs: number): Window {
  const [sources, destinations] = [index.column('src'), index.column('dst')];
  const flows = new Map<number, Pick<PairTraffic, 'src' | 'dst'> & TrafficSum>();
  const refused = new Map<string, number>();
  const allowedOverTime = Array<number>(BUCKETS).fill(0);
  const deniedOverTime = Array<number>(BUCKETS).fill(0);
  for (let row = index.rows - 1; row >= 0; row--) {
    const age = until - index.timeAt(row);
    if (age > windowMs) break;
    const isFlow = index.textAt(row, 'event') === 'flow';
    const denied = isRefusal(index, row) ? index.numberAt(row, 'count') || 1 : 0;
    if (!isFlow && denied === 0) continue;
    const messages = isFlow && denied === 0 ? index.numberAt(row, 'messages') : 0;
    const bar = Math.max(0, BUCKETS - 1 - Math.floor((BUCKETS * age) / windowMs));
    allowedOverTime[bar] = (allowedOverTime[bar] ?? 0) + messages;
    deniedOverTime[bar] = (deniedOverTime[bar] ?? 0) + denied;
    const [src, dst] = [sources.at(row), destinations.at(row)];
    if (src === undefined) continue;
    if (denied > 0) refused.set(src, (refused.get(src) ?? 0) + denied);
    if (dst === undefined) continue;
    const key = sources.idAt(row) * destinations.size + destinations.idAt(row);
    const flow = flows.get(key) ?? { src, dst, ...noTraffic() };
    flows.set(key, flow);
    flow.denied += denied;
    if (messages === 0) continue;
    const bytes = index.numberAt(row, 'bytes');
    flow.messages += messages;
    flow.bytes += bytes;
    if (age >= RATE_MS) continue;
    flow.messageRate += messages / (RATE_MS / 1_000);
    flow.byteRate += bytes / (RATE_MS / 1_000);
  }
  return { flows: [...flows.values()], refused, allowedOverTime, deniedOverTime };
}

export function noTraffic(): TrafficSum {
  return { messages: 0, bytes: 0, denied: 0, messageRate: 0, byteRate: 0 };
}

export function addTraffic(to: TrafficSum, more: Traffic): void {
  to.messages += more.messages;
  to.bytes += more.bytes;
  to.denied += more.denied;
  to.messageRate += more.messageRate;
  to.byteRate += more.byteRate;
}

/** Denials first, then the present rate, then the volume. */
export function busiestFirst(a: Traffic, b: Traffic): number {
  return (
    Number(b.denied > 0) - Number(a.denied > 0) ||
    b.byteRate - a.byteRate ||
    b.bytes - a.bytes ||
    b.messages - a.messages ||
    b.denied - a.denied
  );
}
