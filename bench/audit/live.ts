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
import { measure, measurePaced, type Sample } from '../throughput/measure.ts';
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
/** A busy desktop: 200 streams of sound. It takes a small part of two cores. */
const PACED_PER_SECOND = 20_000;
const START_MS = 1_000;

export interface LiveRequest {
  /** An empty folder. */
  readonly folder: string;
  readonly cleanup: Cleanup;
  readonly isQuick: boolean;
  /** In the log before the broker starts. */
  readonly records: number;
  progress(line: string): void;
}

/** Sends next to some readers. The ratios are medians of rounds next to each other: with these readers to without. */
export interface SendFigure {
  readonly name: string;
  readonly messagesPerSecond: number;
  readonly p50Micros: number;
  readonly throughputRatio: number;
  readonly p50Ratio: number;
}

export interface ReadingFigures {
  readonly records: number;
  readonly rounds: number;
  readonly reports: number;
  /** The first one: nobody reads. */
  readonly saturating: readonly SendFigure[];
  /** PACED_PER_SECOND messages, and requests next to them. */
  readonly paced: readonly SendFigure[];
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
  const loads: readonly Load[] = [
    { name: 'saturating', measure: (round) => measure(workers, SIZE_BYTES, round, pace) },
    { name: 'paced', measure: () => measurePaced(workers, SIZE_BYTES, PACED_PER_SECOND, pace) },
  ];
  const figures: SendFigure[][] = [];
  for (const load of loads) figures.push(await compare(load, auditor, pace.rounds, progress));
  const [saturating = [], paced = []] = figures;
  return { records, rounds: pace.rounds, reports: auditor.reports, saturating, paced };
}

type Sent = Pick<Sample, 'messagesPerSecond' | 'p50Micros'>;

interface Load {
  readonly name: string;
  measure(round: number): Promise<Sent>;
}

/** All ways in turns, every second time from the last one on. */
async function compare(
  load: Load,
  auditor: Auditor,
  rounds: number,
  progress: (line: string) => void,
): Promise<SendFigure[]> {
  const samples = WAYS.map((): Sent[] => []);
  for (let round = 0; round < rounds; round++) {
    const order = [...WAYS.entries()];
    for (const [at, way] of round % 2 === 0 ? order : order.reverse()) {
      const sample = await way.during(auditor, () => load.measure(round));
      samples[at]?.push(sample);
      const [rate, p50] = [sample.messagesPerSecond, sample.p50Micros].map(Math.round);
      progress(`${load.name}, ${way.name}: ${rate} msg/s, p50 ${p50} µs`);
    }
  }
  const [quiet = []] = samples;
  return WAYS.map(({ name }, at) => {
    const own = samples[at] ?? [];
    const ratio = (of: (sample: Sent) => number): number =>
      median(own.map((sample, round) => of(sample) / of(quiet[round] ?? sample)));
    return {
      name,
      messagesPerSecond: median(own.map(({ messagesPerSecond }) => messagesPerSecond)),
      p50Micros: median(own.map(({ p50Micros }) => p50Micros)),
      throughputRatio: ratio(({ messagesPerSecond }) => messagesPerSecond),
      p50Ratio: ratio(({ p50Micros }) => p50Micros),
    };
  });
}

interface Way {
  readonly name: string;
  during<T>(auditor: Auditor, act: () => Promise<T>): Promise<T>;
}

/** The last one is no reader: what any second program costs on these cores, at the lowest priority that there is. */
const WAYS: readonly Way[] = [
  { name: 'nobody reads', during: (_, act) => act() },
  { name: 'a follower', during: (auditor, act) => auditor.following(act) },
  { name: 'a follower and full reports', during: (auditor, act) => auditor.reading(act) },
  { name: 'control: a loop at nice 19', during: (auditor, act) => auditor.counting(act) },
];

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

  /** Runs something while a follower reads the log. */
  async following<T>(act: () => Promise<T>): Promise<T> {
    return whileRunning(this.start('list', '--follow', '--format', 'json', 'since=now'), act);
  }

  /** Runs something next to a process that takes a core and touches nothing. */
  async counting<T>(act: () => Promise<T>): Promise<T> {
    const loop = endWithThisProcess(
      spawn('nice', ['-n', '19', process.execPath, '-e', 'for (;;);'], { stdio: 'pipe' }),
    );
    this.#cleanup.add(() => stopChild(loop));
    return whileRunning(loop, act);
  }

  /** Runs something while a follower and one report after the other read the log. */
  reading<T>(act: () => Promise<T>): Promise<T> {
    return this.following(() => this.#reporting(act));
  }

  async #reporting<T>(act: () => Promise<T>): Promise<T> {
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
      await reports;
    }
  }
}

async function whileRunning<T>(child: ChildProcess, act: () => Promise<T>): Promise<T> {
  child.stdout?.resume();
  // It loads its code and looks at the log once: that is over in a second.
  await sleep(START_MS);
  try {
    return await act();
  } finally {
    await stopChild(child);
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
