/**
 * One run: for each kind and number of attackers, rounds of two slices, without and with the attack, next to each other.
 * Attackers are started once and wait between their slices; the pair and the broker stay for the whole run.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { natsServerMissing } from '../arms/nats-server.ts';
import { endWithThisProcess, findProgram, keepStderr, stopChild } from '../arms/server-process.ts';
import type { Cleanup } from '../cleanup.ts';
import { percentile, ratio } from '../figures/stats.ts';
import { callerOf } from '../roles/calls.ts';
import { processCpuMicros } from '../throughput/process-cpu.ts';
import { IDLE_SESSIONS, type Kind, NATS_ATTACKS } from './kinds.ts';
import { makeNice, type Niceness } from './niceness.ts';
import { Domid, logBytes, openSite, Port, residentBytes, type Site } from './site.ts';
import { within } from './within.ts';

/** A reply that is not there by then is lost. */
const ANSWER_TIMEOUT_MS = 5_000;
const MEMORY_SAMPLE_MS = 50;
/** A call of a process is answered by then, or the bench ends and names it. Each has a shorter patience of its own. */
const CALL_TIMEOUT_MS = 30_000;
/** Opening all idle sessions, one after the other. */
const IDLE_TIMEOUT_MS = 120_000;
/** The broker works off what an attack has left: it is done when it has used less than a fifth of such an interval … */
const QUIET_SAMPLE_MS = 100;
const QUIET_SHARE = 0.2;
/** … and at the latest after this long, so that the run ends whatever the broker does. */
const QUIET_TIMEOUT_MS = 15_000;

export interface FairnessPace {
  readonly rounds: number;
  /** Between the start or end of an attack and the slice after it. */
  readonly settleMs: number;
  /** Of each slice: through the broker, then through cat. */
  readonly brokerMs: number;
  readonly catMs: number;
}

export const FULL_FAIRNESS: FairnessPace = { rounds: 3, settleMs: 300, brokerMs: 1_000, catMs: 300 };
export const QUICK_FAIRNESS: FairnessPace = { rounds: 1, settleMs: 200, brokerMs: 500, catMs: 150 };

export interface AttackFigures {
  readonly kind: string;
  readonly attackers: number;
  /** Of the pair's round trip with the attack, to the one without; null where nothing was measured. */
  readonly p50Ratio: number | null;
  readonly p99Ratio: number | null;
  /** The same of the round trip through cat: the scheduler's part. */
  readonly catP50Ratio: number | null;
  readonly catP99Ratio: number | null;
  /** Requests without a reply within five seconds. */
  readonly lost: number;
  /** Most resident memory of the broker during the attack; null where it cannot be read. */
  readonly brokerBytes: number | null;
  /** Growth of the audit log and of the log on stderr. */
  readonly logBytesPerSecond: number;
  /** The bytes that one attacker wrote and the sessions that it opened, on average. */
  readonly attackBytes: number;
  readonly attackSessions: number;
}

export interface FairnessRequest {
  readonly kinds: readonly Kind[];
  readonly pace: FairnessPace;
  readonly folder: string;
  readonly cleanup: Cleanup;
  readonly program: readonly string[];
  /** Of the attackers and of their NATS server. With 0 they compete with the pair for the processors as its equals. */
  readonly attackersNice: Niceness;
  readonly progress: (line: string) => void;
}

interface Trips {
  readonly micros: readonly number[];
  readonly lost: number;
}

interface Slice {
  readonly broker: Trips;
  readonly cat: Trips;
}

type Caller = (call: string, argument?: unknown) => Promise<unknown>;

export async function runFairness(request: FairnessRequest): Promise<{ readonly attacks: readonly AttackFigures[] }> {
  const { pace, folder, cleanup, progress, attackersNice } = request;
  const kinds = await possible(request);
  const attackersOf = kinds.filter(({ name }) => name !== IDLE_SESSIONS).flatMap(({ counts }) => counts);
  const idleOf = kinds.filter(({ name }) => name === IDLE_SESSIONS).flatMap(({ counts }) => counts);
  const [attackers, idle] = [Math.max(0, ...attackersOf), Math.max(0, ...idleOf)];
  const nats = kinds.some(({ name }) => NATS_ATTACKS.includes(name));
  progress(`starting a broker, a pair and ${attackers} attackers`);
  const site = await openSite({ folder, attackers, idle, nats, program: request.program, attackersNice });
  cleanup.add(() => site.stop());
  const { natsPort } = site;
  const place = { folder, domid: Domid, port: Port, natsPort, answerTimeoutMs: ANSWER_TIMEOUT_MS };
  const pair = await startProcess('pair', place, cleanup);
  const crowd = await Promise.all(
    Array.from({ length: attackers }, (_, index) =>
      startProcess('attacker', { ...place, index }, cleanup, { who: `attacker ${index}`, nice: attackersNice }),
    ),
  );
  const measure = async (): Promise<Slice> => {
    const { brokerMs, catMs } = pace;
    return (await pair('measure', { brokerMs, catMs })) as Slice;
  };
  await measure(); // warms up
  const attacks: AttackFigures[] = [];
  for (const { name, counts } of kinds) {
    for (const count of counts) {
      const hostile =
        name === IDLE_SESSIONS ? [await startProcess('idlers', { folder, count }, cleanup)] : crowd.slice(0, count);
      const figures = await cell(site, name, count, hostile, measure, pace);
      attacks.push(figures);
      progress(describe(figures));
    }
  }
  return { attacks };
}

/** Without a nats-server the attacks that need it are left out, and that is said. */
async function possible({ kinds, progress }: FairnessRequest): Promise<readonly Kind[]> {
  const missing = await natsServerMissing(findProgram);
  if (missing === null) return kinds;
  const left = kinds.filter(({ name }) => !NATS_ATTACKS.includes(name));
  if (left.length < kinds.length) progress(`${missing} is not installed: ${NATS_ATTACKS.join(', ')} are left out`);
  return left;
}

async function cell(
  site: Site,
  kind: string,
  attackers: number,
  hostile: readonly Caller[],
  measure: () => Promise<Slice>,
  pace: FairnessPace,
): Promise<AttackFigures> {
  const [calm, attacked]: [Slice[], Slice[]] = [[], []];
  let [peak, log, seconds, bytes, sessions]: [number | null, number, number, number, number] = [null, 0, 0, 0, 0];
  for (let round = 0; round < pace.rounds; round++) {
    await quiet(site.pid);
    await sleep(pace.settleMs);
    calm.push(await measure());
    const before = await logBytes(site);
    const began = performance.now();
    const memory = watchMemory(site.pid);
    await Promise.all(hostile.map((call) => call('go', { kind })));
    await sleep(pace.settleMs);
    attacked.push(await measure());
    peak = larger(peak, await memory());
    seconds += (performance.now() - began) / 1_000;
    log += (await logBytes(site)) - before;
    const halted = (await Promise.all(hostile.map((call) => call('halt')))) as { bytes: number; sessions: number }[];
    for (const one of halted) [bytes, sessions] = [bytes + one.bytes, sessions + one.sessions];
  }
  const ratioOf = (way: 'broker' | 'cat', quantile: number): number | null =>
    ratio(percentile(microsOf(attacked, way), quantile), percentile(microsOf(calm, way), quantile));
  return {
    kind,
    attackers,
    p50Ratio: ratioOf('broker', 0.5),
    p99Ratio: ratioOf('broker', 0.99),
    catP50Ratio: ratioOf('cat', 0.5),
    catP99Ratio: ratioOf('cat', 0.99),
    lost: attacked.reduce((sum, { broker }) => sum + broker.lost, 0),
    brokerBytes: peak,
    logBytesPerSecond: Math.round(log / seconds),
    attackBytes: Math.round(bytes / hostile.length),
    attackSessions: sessions / hostile.length,
  };
}

async function quiet(pid: number): Promise<void> {
  const end = performance.now() + QUIET_TIMEOUT_MS;
  for (let before = processCpuMicros(pid); performance.now() < end; ) {
    await sleep(QUIET_SAMPLE_MS);
    const now = processCpuMicros(pid);
    if (now - before < QUIET_SHARE * QUIET_SAMPLE_MS * 1_000) return;
    before = now;
  }
}

function microsOf(slices: readonly Slice[], way: 'broker' | 'cat'): number[] {
  return slices.flatMap((slice) => slice[way].micros);
}

/** The result ends the watch, and gives the most that was seen. */
function watchMemory(pid: number): () => Promise<number | null> {
  let peak: number | null = null;
  const look = async (): Promise<void> => {
    peak = larger(peak, await residentBytes(pid));
  };
  const timer = setInterval(() => void look(), MEMORY_SAMPLE_MS);
  return async () => {
    clearInterval(timer);
    await look();
    return peak;
  };
}

function larger(left: number | null, right: number | null): number | null {
  if (left === null || right === null) return left ?? right;
  return Math.max(left, right);
}

function describe({ kind, attackers, p50Ratio, p99Ratio, lost }: AttackFigures): string {
  const times = (value: number | null): string => value?.toFixed(2) ?? '-';
  return `${kind.padEnd(15)} ${String(attackers).padStart(3)}  p50 × ${times(p50Ratio)}  p99 × ${times(p99Ratio)}  lost ${lost}`;
}

/** Plain JavaScript, started without a loader: what attacks shall use its time for attacking. */
async function startProcess(
  name: string,
  setup: object,
  cleanup: Cleanup,
  { who = name, nice = 0 }: { readonly who?: string; readonly nice?: Niceness } = {},
): Promise<Caller> {
  const path = fileURLToPath(new URL(`./${name}.mjs`, import.meta.url));
  const child: ChildProcess = fork(path, [JSON.stringify(setup)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  endWithThisProcess(child);
  cleanup.add(() => stopChild(child));
  if (child.pid !== undefined) makeNice(child.pid, nice);
  const ask = callerOf(child, who, keepStderr(child));
  const timeoutMs = name === 'idlers' ? IDLE_TIMEOUT_MS : CALL_TIMEOUT_MS;
  const call: Caller = (what, argument) => within(timeoutMs, `${who}, ${what}`, ask(what, argument));
  await call('open');
  return call;
}
