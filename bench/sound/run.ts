/**
 * `npm run bench -- --sound`: two guests that play for minutes, one with PipeWire and one with PulseAudio, through the
 * programs as they ship: agents, broker, audio service. What comes out of the AudioVM's sound server is recorded and
 * compared with what was played.
 *
 *   pacat, pw-cat ──> guest's sound server ──> agent ──> broker ──> service ──> AudioVM's sound server ──> parec
 *   the control: pacat ───────────────────────────────────────────────────────>
 *
 * Each sound server has a runtime directory of its own, so the three do not see each other. The control plays at the same
 * time, into a sink of its own, without Argus: what is wrong with its sound is not the work of Argus.
 */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readStatus, type ServiceStatus } from '../../clients/agents/audio/index.ts';
import { createAuthority, issueIdentity } from '../../keys/index.ts';
import { copyShippedPolicy } from '../../policy/index.ts';
import { accepts } from '../../test/support/accepts.ts';
import { Pulse } from '../../test/support/audio/pulse.ts';
import type { SoundServerKind } from '../../test/support/audio/sound-daemons.ts';
import { tone } from '../../test/support/audio/tones.ts';
import { endWithThisProcess, stopChild } from '../arms/server-process.ts';
import type { Cleanup } from '../cleanup.ts';
import { percentile } from '../figures/stats.ts';
import { RATE } from './heard.ts';
import { Looks } from './looks.ts';
import { hasRealTimeThread } from './real-time.ts';
import { Recording } from './recording.ts';
import { makeSounds, playControl, playInGuest } from './sounds.ts';
import { type Stall, Stalls } from './stalls.ts';
import { type AttributedTrack, attribute, type Look } from './whose.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/clients/cli/main.js', import.meta.url));
const TTL_SECONDS = 86_400;
/** Its periods fit neither 10 ms nor a burst of a sound server. */
const HERTZ = 997;
const START_MS = 20_000;
const POLL_MS = 20;
/** From the end of a program to the end of its sound in the recording. */
const TAIL_MS = 1_500;
const CLICK_SECONDS = 0.1;
const CLICK_PAUSES_MS = [500, 610, 730, 2_900];
/** The first ones start streams. */
const WARM_UP_CLICKS = 2;

/** Its sink, where no guest plays, and its name in the report. */
const CONTROL_SINK = 'voice';
const CONTROL = 'control';

interface GuestPlan {
  readonly vm: string;
  readonly kind: SoundServerKind;
  /** Sink of the AudioVM: its own, so that the two can be told apart. */
  readonly sink: string;
}

const GUESTS: readonly GuestPlan[] = [
  { vm: 'chrome-vm', kind: 'pipewire', sink: 'speaker' },
  { vm: 'mail-vm', kind: 'pulseaudio', sink: 'other' },
];

export interface SoundPlan {
  readonly minutes: number;
  readonly clicks: number;
  /** The sound server of the AudioVM. */
  readonly audioVm: SoundServerKind;
}
export const FULL_SOUND: SoundPlan = { minutes: 10, clicks: 24, audioVm: 'pipewire' };
export const QUICK_SOUND: SoundPlan = { minutes: 0.5, clicks: 8, audioVm: 'pipewire' };

export interface Clicks {
  readonly heard: number;
  readonly played: number;
  /** From the write of a program to the sample in the recording of the AudioVM's sink, ms. */
  readonly p50: number;
  readonly max: number;
}

/** What was played and what was heard of it. */
export interface PlayedFigures {
  readonly plays: number;
  readonly heard: number;
  readonly seconds: number;
  readonly secondsHeard: number;
  /** `at`: seconds since the start of the run, of all programs. */
  readonly gaps: AttributedTrack['gaps'];
  /** Where a sine does not go on as a sine. */
  readonly breaks: AttributedTrack['breaks'];
}

export interface GuestFigures extends PlayedFigures {
  readonly guest: SoundServerKind;
  readonly clicks: Clicks;
  /** Gaps that the service knows of, while sounds with pauses were played. */
  readonly late: number;
  readonly service: Pick<ServiceStatus['vms'][number], 'played' | 'timing'> | null;
}

export interface SoundReport {
  readonly minutes: number;
  readonly audioVm: SoundServerKind;
  /**
   * Clicks of a program of the AudioVM itself: what its sound server alone takes. Null with PulseAudio, where `pacat`
   * keeps a click until more sound follows.
   */
  readonly alone: Clicks | null;
  /** A program of the AudioVM itself: its faults are those of the sound server and of the machine. */
  readonly control: PlayedFigures;
  readonly guests: readonly GuestFigures[];
  /** Time of the processors that the host of this machine gave to others meanwhile, ms. */
  readonly stolenMs: number | null;
  /** How often a processor stood still meanwhile, and the longest. Null where nobody watched. */
  readonly stalls: { readonly count: number; readonly longestMs: number } | null;
}

export async function runSound(
  folder: string,
  plan: SoundPlan,
  cleanup: Cleanup,
  progress: (line: string) => void,
): Promise<SoundReport> {
  progress(`start ${plan.audioVm} for the AudioVM, ${GUESTS.map(({ kind }) => kind).join(' and ')} for guests`);
  const audio = await started(plan.audioVm, cleanup, progress);
  const status = join(folder, 'audio.sock');
  const site = await makeHost(folder, cleanup);
  const settings = Object.fromEntries(GUESTS.map(({ vm, sink }) => [vm, { volume: 100, isMuted: false, route: sink }]));
  await writeFile(join(folder, 'mixer.json'), JSON.stringify(settings), { mode: 0o600 });
  const service = ['--status', status, '--settings', join(folder, 'mixer.json')];
  start(['audio', 'service', ...site.session('audio-vm'), ...service], audio.environment, cleanup);
  await until('the audio service serves', () => accepts(status));
  const guests: Pulse[] = [];
  for (const { vm, kind } of GUESTS) {
    const pulse = await started(kind, cleanup, progress);
    guests.push(pulse);
    start(['audio', 'agent', ...site.session(vm)], pulse.environment, cleanup);
    await until('the guest has its sink', async () => pulse.control('list', 'short', 'sinks').includes('argus'));
    pulse.control('set-default-sink', 'argus');
  }
  progress(`clicks: ${plan.clicks} of each, one after the other`);
  const alone =
    plan.audioVm === 'pulseaudio' ? null : await clicksOf(audio, audio, CONTROL_SINK, plan.clicks, CONTROL_SINK);
  const clicks: Clicks[] = [];
  for (const [index, pulse] of guests.entries())
    clicks.push(await clicksOf(audio, pulse, GUESTS[index]?.sink ?? '', plan.clicks, 'argus'));
  progress(`sounds with pauses, for ${plan.minutes} min, of all guests and the control at once`);
  const seconds = plan.minutes * 60;
  const sounds = await makeSounds(folder, HERTZ);
  const names = [CONTROL, ...GUESTS.map(({ kind }) => kind)];
  const recordings: Recording[] = [];
  for (const sink of [CONTROL_SINK, ...GUESTS.map((guest) => guest.sink)])
    recordings.push(await Recording.start(audio, sink, HERTZ));
  const stalls = await Stalls.watch(cleanup);
  if (stalls === null) progress('nobody watches whether the processors stand still: run this as root');
  const startedAt = performance.now();
  const looks = new Looks(status, startedAt);
  const plays = await Promise.all([
    playControl(audio, CONTROL_SINK, seconds, sounds),
    ...guests.map((pulse) => playInGuest(pulse, seconds, sounds)),
  ]);
  await delay(TAIL_MS);
  await looks.end();
  for (const recording of recordings) await recording.end();
  const looksOf = [null, ...GUESTS.map(({ vm }) => vm)].map((vm) => looks.of(vm));
  const attributed = attribute(
    recordings.map((recording, index) => ({
      name: names[index] ?? '',
      ...recording.since(startedAt),
      looks: looksOf[index] ?? [],
    })),
    stalls?.since(startedAt) ?? null,
  );
  const figuresOf = (index: number): PlayedFigures => ({
    plays: plays[index]?.plays ?? 0,
    heard: recordings[index]?.heard.onsets.length ?? 0,
    seconds: plays[index]?.seconds ?? 0,
    secondsHeard: (recordings[index]?.heard.soundFrames ?? 0) / RATE,
    gaps: attributed[index]?.gaps ?? [],
    breaks: attributed[index]?.breaks ?? [],
  });
  const { vms } = await readStatus(status);
  const figures = GUESTS.map(({ kind, vm }, index): GuestFigures => {
    const known = vms.find((each) => each.vm === vm);
    return {
      guest: kind,
      ...figuresOf(index + 1),
      clicks: clicks[index] ?? { heard: 0, played: 0, p50: Number.NaN, max: Number.NaN },
      late: increase(looks.of(vm), ({ service }) => service?.underruns ?? null) ?? 0,
      service: known === undefined ? null : { played: known.played, timing: known.timing },
    };
  });
  const stolenMs = increase(looks.of(null), (look) => look.stolenMs);
  return {
    minutes: plan.minutes,
    audioVm: plan.audioVm,
    alone,
    control: figuresOf(0),
    guests: figures,
    stolenMs,
    stalls: stalls === null ? null : countOf(stalls.since(startedAt)),
  };
}

function countOf(stalls: readonly Stall[]): SoundReport['stalls'] {
  return { count: stalls.length, longestMs: Math.max(0, ...stalls.map(({ ms }) => ms)) };
}

/** From the first look to the last. */
function increase(looks: readonly Look[], counter: (look: Look) => number | null): number | null {
  const counts = looks.map(counter).filter((count) => count !== null);
  return counts.length === 0 ? null : (counts.at(-1) ?? 0) - (counts[0] ?? 0);
}

async function started(kind: SoundServerKind, cleanup: Cleanup, progress: (line: string) => void): Promise<Pulse> {
  const pulse = new Pulse(kind);
  cleanup.add(() => pulse.stop());
  await pulse.start();
  if (!pulse.players.every(hasRealTimeThread))
    progress(`a process of ${kind} has no real-time thread, as it has on a host that plays: run this as root`);
  return pulse;
}

interface HostSite {
  session(vm: string): string[];
}

/** A broker as its own process, with the shipped policy. */
async function makeHost(folder: string, cleanup: Cleanup): Promise<HostSite> {
  const at = (...names: string[]): string => join(folder, ...names);
  const authority = await createAuthority(at('authority'), 'unsealed');
  const issue = (name: string, role: 'broker' | 'domain'): Promise<unknown> =>
    issueIdentity(authority, at('keys', name), { name, role, ttlSeconds: TTL_SECONDS }, 'unsealed');
  await issue('argus', 'broker');
  for (const name of ['audio-vm', ...GUESTS.map(({ vm }) => vm)]) await issue(name, 'domain');
  await copyShippedPolicy(at('policy'));
  const config = {
    identity: at('keys/argus'),
    policy: at('policy'),
    audit: at('audit'),
    runtime: at('run'),
    log: { level: 'silent' },
  };
  await writeFile(at('argus.yaml'), JSON.stringify(config));
  start(['broker', '--config', at('argus.yaml')], process.env, cleanup);
  await until('the broker serves', () => accepts(at('run/audio-vm.sock')));
  return { session: (vm) => ['--carrier', `unix:${at('run', `${vm}.sock`)}`, '--identity', at('keys', vm)] };
}

function start(args: readonly string[], env: NodeJS.ProcessEnv, cleanup: Cleanup): void {
  const child = spawn(process.execPath, [PROGRAM, ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  endWithThisProcess(child);
  // A service with clients wants to be told twice; after that it is killed.
  cleanup.add(() => stopChild(child));
}

/** A program that is short of sound between its clicks, so that each is a sound of its own, as fast as it goes. */
async function clicksOf(audio: Pulse, player: Pulse, sink: string, count: number, device: string): Promise<Clicks> {
  const recording = await Recording.start(audio, sink, HERTZ);
  const args = ['--raw', '--format=s16le', `--rate=${RATE}`, '--channels=2', '--latency-msec=10', `--device=${device}`];
  const child = spawn('pacat', args, { env: player.environment, stdio: ['pipe', 'ignore', 'ignore'] });
  endWithThisProcess(child);
  const click = tone(HERTZ, CLICK_SECONDS);
  const written: number[] = [];
  for (let index = 0; index < count + WARM_UP_CLICKS; index++) {
    written.push(performance.now());
    child.stdin.write(click);
    await delay(CLICK_PAUSES_MS[index % CLICK_PAUSES_MS.length]);
  }
  child.kill('SIGKILL');
  await delay(TAIL_MS);
  await recording.end();
  // Each one is heard before the next is written.
  const latencies = written.slice(WARM_UP_CLICKS).flatMap((at) => {
    const next = written.find((later) => later > at) ?? Number.POSITIVE_INFINITY;
    const heard = recording.beganAt.find((time) => time > at && time < next);
    return heard === undefined ? [] : [heard - at];
  });
  return { heard: latencies.length, played: count, p50: percentile(latencies, 0.5), max: percentile(latencies, 1) };
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
    await delay(POLL_MS);
  }
}
