/** How soon a revocation counts: Argus, nats-server and mosquitto in turns, each under as many rows. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FindProgram, findProgram } from '../../arms/server-process.ts';
import type { Cleanup } from '../../cleanup.ts';
import { percentile } from '../../figures/stats.ts';
import type { PolicySite } from '../site.ts';
import { argusRevocation } from './argus.ts';
import type { RevocationArm, RevocationArmName, RevocationSite } from './arm.ts';
import { mosquittoRevocation } from './mosquitto.ts';
import { natsRevocation } from './nats.ts';

export const PEERS: readonly RevocationArm[] = [natsRevocation, mosquittoRevocation];

/** A message every 2 ms, so a figure is exact to about that. */
const TICK_MS = 2;
/** So long without a delivery means that the stream has ended. */
const QUIET_MS = 80;
const FLOWING_MESSAGES = 5;
const GIVE_UP_MS = 10_000;

export interface RevocationFigure {
  readonly arm: RevocationArmName;
  readonly rounds: number;
  /** From the request, or the signal, to the last message that was delivered: milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** From the request to its answer; null where no answer exists. */
  readonly answerP50: number | null;
}

export interface RevocationReport {
  readonly rows: number;
  readonly figures: readonly RevocationFigure[];
  readonly missing: readonly { readonly arm: RevocationArmName; readonly package: string }[];
}

export interface RevocationRequest {
  readonly folder: string;
  readonly cleanup: Cleanup;
  readonly rounds: number;
  readonly rows: number;
  readonly argus: PolicySite | null;
  progress(line: string): void;
}

interface Lane {
  readonly arm: RevocationArmName;
  readonly answers: boolean;
  readonly site: RevocationSite;
  readonly lastMs: number[];
  readonly answerMs: number[];
}

export async function runRevocations(
  { folder, cleanup, rounds, rows, argus, progress }: RevocationRequest,
  find: FindProgram = findProgram,
): Promise<RevocationReport> {
  const lanes: Lane[] = [];
  const missing: { arm: RevocationArmName; package: string }[] = [];
  const enter = (arm: RevocationArmName, answers: boolean, site: RevocationSite): void =>
    void lanes.push({ arm, answers, site, lastMs: [], answerMs: [] });
  if (argus !== null) enter('argus', true, argusRevocation(argus));
  for (const peer of PEERS) {
    const lacks = await peer.missing(find);
    if (lacks !== null) {
      missing.push({ arm: peer.name, package: lacks });
      progress(`${peer.name} is left out: install the package ${lacks}`);
      continue;
    }
    const own = join(folder, `revocation-${peer.name}`);
    await mkdir(own, { recursive: true, mode: 0o700 });
    enter(peer.name, peer.answers, await peer.open(own, rows, cleanup));
  }
  for (let round = -1; round < rounds; round++) {
    for (const lane of round % 2 === 0 ? lanes : lanes.toReversed()) {
      const { lastMs, answerMs } = await revokeOnce(lane.site);
      // round -1 warms up
      if (round < 0) continue;
      lane.lastMs.push(lastMs);
      lane.answerMs.push(answerMs);
    }
  }
  return { rows, missing, figures: lanes.map(figureOf) };
}

function figureOf({ arm, answers, lastMs, answerMs }: Lane): RevocationFigure {
  return {
    arm,
    rounds: lastMs.length,
    p50: percentile(lastMs, 0.5),
    p99: percentile(lastMs, 0.99),
    answerP50: answers ? percentile(answerMs, 0.5) : null,
  };
}

async function revokeOnce(site: RevocationSite): Promise<{ lastMs: number; answerMs: number }> {
  const { deliveries } = site;
  const load = setInterval(() => site.send(), TICK_MS);
  try {
    await site.allow();
    const before = deliveries.delivered;
    await until(() => deliveries.delivered >= before + FLOWING_MESSAGES);
    await site.prepare();
    const askedAt = performance.now();
    await site.revoke();
    const answerMs = performance.now() - askedAt;
    await until(() => performance.now() - Math.max(askedAt, deliveries.lastAt) > QUIET_MS);
    return { lastMs: Math.max(0, deliveries.lastAt - askedAt), answerMs };
  } finally {
    clearInterval(load);
  }
}

async function until(isSo: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + GIVE_UP_MS;
  while (!isSo()) {
    if (performance.now() > giveUpAt) throw new Error('bench: a change of permissions did not come into force');
    await sleep(1);
  }
}
