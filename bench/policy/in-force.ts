/** The time until a policy change is in force at a busy broker, and its cost for unaffected streams. */
import { setTimeout as sleep } from 'node:timers/promises';
import { callControl, type GrantStatus } from '../../broker/index.ts';
import { DATA_FRAME_HEADER_BYTES } from '../../broker/wire/index.ts';
import { median, percentile } from '../figures/stats.ts';
import { GRANTED, LABEL, PAYLOAD_BYTES, type PolicySite } from './site.ts';

/** 10 000 messages a second: 20 in each tick of 2 ms. */
const TICK_MS = 2;
const SENDS_A_TICK = 20;
const GRANT_MS = 200;
/** Long enough for a message that was still allowed to arrive. */
const QUIET_MS = 60;
const WINDOW_MS = 400;

export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

export interface InForceFigures {
  /** From the request to the last message that was delivered under the grant, milliseconds. */
  readonly revoke: Latency;
  /** From the request to its answer. */
  readonly answer: Latency;
  /** From the end that was promised to the last message under the grant. */
  readonly expiry: Latency;
  /** Messages that were delivered after the answer: the most of any round. */
  readonly deliveredAfterAnswer: number;
  /** The same in bytes of frames. */
  readonly bytesAfterAnswer: number;
  /** Longest time between two deliveries of the other stream: medians over the windows. */
  readonly gapMs: { readonly quiet: number; readonly changing: number };
  readonly messagesPerSecond: number;
}

export async function measureInForce(site: PolicySite, rounds: number): Promise<InForceFigures> {
  const { steady, granted } = site;
  const load = setInterval(() => {
    for (let count = 0; count < SENDS_A_TICK; count++) steady.send();
    granted.send();
  }, TICK_MS);
  try {
    const startedAt = performance.now();
    const before = steady.delivered;
    const revocations: { last: number; answer: number; after: number }[] = [];
    const expiries: number[] = [];
    const gaps = { quiet: [] as number[], changing: [] as number[] };
    for (let round = -1; round < rounds; round++) {
      const revocation = await revokeOnce(site);
      const late = await expireOnce(site);
      const quiet = await longestGap(site, async () => undefined);
      const changing = await longestGap(site, () => changeOften(site));
      // round -1 warms up
      if (round < 0) continue;
      revocations.push(revocation);
      if (late !== null) expiries.push(late);
      gaps.quiet.push(quiet);
      gaps.changing.push(changing);
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    const deliveredAfterAnswer = Math.max(...revocations.map(({ after }) => after));
    return {
      revoke: latency(revocations.map(({ last }) => last)),
      answer: latency(revocations.map(({ answer }) => answer)),
      expiry: latency(expiries),
      deliveredAfterAnswer,
      bytesAfterAnswer: deliveredAfterAnswer * (PAYLOAD_BYTES + DATA_FRAME_HEADER_BYTES),
      gapMs: { quiet: median(gaps.quiet), changing: median(gaps.changing) },
      messagesPerSecond: (steady.delivered - before) / seconds,
    };
  } finally {
    clearInterval(load);
  }
}

function latency(samples: readonly number[]): Latency {
  return { p50: percentile(samples, 0.5), p99: percentile(samples, 0.99) };
}

async function call(site: PolicySite, path: string, more: object): Promise<void> {
  const request = { domain: GRANTED, label: LABEL, by: 'bench', reason: '', ...more };
  const { ok, body } = await callControl(site.control, 'POST', path, request);
  if (!ok) throw new Error(`bench: ${path} was refused: ${JSON.stringify(body)}`);
}

/** Until the granted stream flows: the first delivery after now. */
async function flows({ granted }: PolicySite): Promise<void> {
  const before = granted.delivered;
  while (granted.delivered === before) await sleep(1);
}

async function revokeOnce(site: PolicySite): Promise<{ last: number; answer: number; after: number }> {
  await call(site, '/v1/grants', { forMs: null, keep: true });
  await flows(site);
  await sleep(10);
  const askedAt = performance.now();
  await call(site, '/v1/grants/revoke', {});
  const answeredAt = performance.now();
  const delivered = site.granted.delivered;
  await sleep(QUIET_MS);
  const last = Math.max(0, site.granted.lastAt - askedAt);
  return { last, answer: answeredAt - askedAt, after: site.granted.delivered - delivered };
}

/** Null: the machine is so busy that the grant had ended before it could be looked at. */
async function expireOnce(site: PolicySite): Promise<number | null> {
  await call(site, '/v1/grants', { forMs: GRANT_MS, keep: true });
  const { grants } = (await callControl(site.control, 'GET', '/v1/grants')).body as { grants: GrantStatus[] };
  const end = Date.parse(grants[0]?.expiresAt ?? '');
  if (Number.isNaN(end)) return null;
  const endsAt = performance.now() + (end - Date.now());
  // On a machine that is busy enough the grant ends before the stream flows: then no message came late.
  await sleep(GRANT_MS + 2 * QUIET_MS);
  return Math.max(0, site.granted.lastAt - endsAt);
}

async function longestGap({ steady }: PolicySite, during: () => Promise<void>): Promise<number> {
  steady.longestGapMs = 0;
  steady.lastAt = performance.now();
  await Promise.all([sleep(WINDOW_MS), during()]);
  return steady.longestGapMs;
}

async function changeOften(site: PolicySite): Promise<void> {
  for (let change = 0; change < 3; change++) {
    await call(site, '/v1/grants', { forMs: null, keep: true });
    await call(site, '/v1/grants/revoke', {});
  }
}
