/**
 * Reading the log of a broker that works: what a follower and full reports cost the senders, and how soon a record is
 * seen. The commands are those of the built package, as an auditor runs them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openAuditLog } from '../../broker/audit/index.ts';
import { argusUnix } from '../arms/argus.ts';
import type { Arm } from '../arms/arm.ts';
import { endWithThisProcess, stopChild } from '../arms/server-process.ts';
import type { Cleanup } from '../cleanup.ts';
import { median, percentile } from '../figures/stats.ts';
import { measure, type Sample } from '../throughput/measure.ts';
import { FULL_PACE, type Pace, QUICK_PACE } from '../throughput/plan.ts';
import { startWorkers } from '../throughput/worker-set.ts';
import { makeLog } from './make-log.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/clients/cli/main.js', import.meta.url));
const SIZE_BYTES = 1_764;
/** Reports are asked for without a pause, by all fields that a report has by default. */
const REPORT = ['report', '--by', 'src,dst,class,permission,decision,reason'];
/** Time between two records whose way is timed, with a part that no poll is in step with. */
const PAUSE_MS = 90;
const PAUSE_SPREAD_MS = 37;
const SEEN_TIMEOUT_MS = 30_000;

export interface LiveRequest {
  /** An empty folder. */
  readonly folder: string;
  readonly cleanup: Cleanup;
  readonly isQuick: boolean;
  /** In the log before the broker starts. */
  readonly records: number;
  progress(line: string): void;
}

export interface ReadingFigures {
  readonly records: number;
  readonly rounds: number;
  readonly reports: number;
  /** Of rounds next to each other: with readers to without. */
  readonly throughputRatio: number;
  readonly p50Ratio: number;
  readonly quiet: { readonly messagesPerSecond: number; readonly p50Micros: number };
  readonly reading: { readonly messagesPerSecond: number; readonly p50Micros: number };
}

export interface DelayFigure {
  readonly name: string;
  readonly records: number;
  readonly p50Ms: number;
  readonly maxMs: number;
}

/** Sends with nobody reading, and with a follower and full reports, in turns. */
export async function measureReading(request: LiveRequest): Promise<ReadingFigures> {
  const { folder, cleanup, isQuick, records, progress } = request;
  await mkdir(folder);
  const arm = join(folder, 'arm');
  const auditor = new Auditor(join(arm, 'audit'), folder, cleanup);
  const withLog: Arm = {
    ...argusUnix,
    start: async (place) => {
      makeLog(join(place, 'audit'), records);
      return argusUnix.start(place);
    },
  };
  progress(`a broker with a log of ${records} records`);
  const workers = await startWorkers('argus-unix', withLog, arm, cleanup);
  await auditor.finished('index');
  const pace: Pace = isQuick ? QUICK_PACE : FULL_PACE;
  await measure(workers, SIZE_BYTES, -1, { ...pace, throughputMs: pace.warmupMs, latencyMs: pace.warmupMs / 2 });
  const [quiet, reading]: [Sample[], Sample[]] = [[], []];
  for (let round = 0; round < pace.rounds; round++) {
    const order = round % 2 === 0 ? [false, true] : [true, false];
    for (const isRead of order) {
      const sample = isRead
        ? await auditor.reading(() => measure(workers, SIZE_BYTES, round, pace))
        : await measure(workers, SIZE_BYTES, round, pace);
      (isRead ? reading : quiet).push(sample);
      const rate = Math.round(sample.messagesPerSecond);
      progress(`${isRead ? 'readers' : 'nobody reads'}: ${rate} msg/s, p50 ${Math.round(sample.p50Micros)} µs`);
    }
  }
  const ratio = (of: (sample: Sample) => number): number =>
    median(reading.map((sample, round) => of(sample) / of(quiet[round] ?? sample)));
  const middle = (samples: readonly Sample[]): ReadingFigures['quiet'] => ({
    messagesPerSecond: median(samples.map(({ messagesPerSecond }) => messagesPerSecond)),
    p50Micros: median(samples.map(({ p50Micros }) => p50Micros)),
  });
  return {
    records,
    rounds: pace.rounds,
    reports: auditor.reports,
    throughputRatio: ratio(({ messagesPerSecond }) => messagesPerSecond),
    p50Ratio: ratio(({ p50Micros }) => p50Micros),
    quiet: middle(quiet),
    reading: middle(reading),
  };
}

/** From the moment in which a record is on disk to the line of a follower, and to the index. */
export async function measureDelays({
  folder,
  cleanup,
  isQuick,
  records,
  progress,
}: LiveRequest): Promise<readonly DelayFigure[]> {
  await mkdir(folder);
  const directory = join(folder, 'audit');
  makeLog(directory, records);
  const auditor = new Auditor(directory, folder, cleanup);
  await auditor.finished('index');
  const log = await openAuditLog({ directory, broker: 'host-1' });
  cleanup.add(() => log.close());
  const times = isQuick ? 15 : 100;
  const figures: DelayFigure[] = [];
  for (const [name, words] of [
    ['list --follow: a record is printed', ['list', 'event=key.own', '--follow']],
    ['index --follow: a record is in the index', ['index', '--follow']],
  ] as const) {
    progress(name);
    const [command, ...more] = words;
    const child = auditor.start(command, ...more);
    const lines = new Lines(child);
    const once = async (count: number): Promise<number> => {
      log.record({ event: 'key.own', reason: 'REPLACED', detail: { count } });
      await new Promise((resolve) => log.whenDurable(resolve));
      const begin = performance.now();
      await lines.next();
      return performance.now() - begin;
    };
    // The first line says that the command has begun to follow.
    await once(-1);
    const delays: number[] = [];
    for (let count = 0; count < times; count++) {
      await sleep(PAUSE_MS + ((count * 13) % PAUSE_SPREAD_MS));
      delays.push(await once(count));
    }
    await stopChild(child);
    figures.push({ name, records: times, p50Ms: percentile(delays, 0.5), maxMs: Math.max(...delays) });
  }
  return figures;
}

/** Commands of an auditor, with a cache directory of their own. */
class Auditor {
  /** Full reports that have ended. */
  reports = 0;
  readonly #directory: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #cleanup: Cleanup;

  constructor(directory: string, folder: string, cleanup: Cleanup) {
    this.#directory = directory;
    this.#env = { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') };
    this.#cleanup = cleanup;
  }

  start(command: string, ...words: readonly string[]): ChildProcess {
    const child = endWithThisProcess(
      spawn(process.execPath, [PROGRAM, 'audit', command, this.#directory, ...words], {
        env: this.#env,
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
    this.#cleanup.add(() => stopChild(child));
    return child;
  }

  async finished(command: string, ...words: readonly string[]): Promise<void> {
    await mkdir(String(this.#env.XDG_CACHE_HOME), { recursive: true });
    const child = this.start(command, ...words);
    child.stdout?.resume();
    const code = await new Promise((resolve) => child.once('close', resolve));
    if (code !== 0) throw new Error(`argus audit ${command}: exit code ${String(code)}`);
  }

  /** Runs something while a follower and one report after the other read the log. */
  async reading<T>(act: () => Promise<T>): Promise<T> {
    const follower = this.start('list', '--follow', '--format', 'json', 'since=now');
    follower.stdout?.resume();
    let isOver = false;
    const reports = (async () => {
      while (!isOver) {
        const [command = '', ...words] = REPORT;
        await this.finished(command, ...words);
        this.reports += 1;
      }
    })();
    try {
      return await act();
    } finally {
      isOver = true;
      await Promise.all([reports, stopChild(follower)]);
    }
  }
}

/** The lines that a command prints, one at a time. */
class Lines {
  readonly #lines: AsyncIterator<string>;

  constructor({ stdout }: ChildProcess) {
    if (stdout === null) throw new Error('the output of the command is not read');
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  async next(): Promise<string> {
    const timeout = sleep(SEEN_TIMEOUT_MS, null, { ref: false });
    const next = await Promise.race([this.#lines.next(), timeout]);
    if (next === null || next.done === true) throw new Error('the command printed nothing');
    return next.value;
  }
}
