/**
 * `npm run bench -- --sound`: two guests that play for minutes, one with PipeWire and one with PulseAudio, through the
 * programs as they ship: agents, broker, audio service. What comes out of the AudioVM's sound server is recorded and
 * compared with what was played.
 *
 *   pacat, pw-cat ──> guest's sound server ──> agent ──> broker ──> service ──> AudioVM's sound server ──> parec
 *
 * Each sound server has a runtime directory of its own, so the three do not see each other.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readStatus, type ServiceStatus } from '../../clients/agents/audio/index.ts';
import { writeWav } from '../../clients/demo/audio/wav.ts';
import { createAuthority, issueIdentity } from '../../keys/index.ts';
import { copyShippedPolicy } from '../../policy/index.ts';
import { accepts } from '../../test/support/accepts.ts';
import { Pulse } from '../../test/support/audio/pulse.ts';
import type { SoundServerKind } from '../../test/support/audio/sound-daemons.ts';
import { tone } from '../../test/support/audio/tones.ts';
import { endWithThisProcess, stopChild } from '../arms/server-process.ts';
import type { Cleanup } from '../cleanup.ts';
import { percentile } from '../figures/stats.ts';
import type { Gap } from './heard.ts';
import { HERTZ, Recording } from './recording.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/clients/cli/main.js', import.meta.url));
const RATE = 44_100;
const TTL_SECONDS = 86_400;
const SOUND_SERVERS = 'pulseaudio|pipewire|pipewire-pulse|wireplumber';
const START_MS = 20_000;
const POLL_MS = 20;
/** Sounds and pauses take turns. A pause of more than two seconds makes the agent cork, and the next sound uncork. */
const SOUND_SECONDS = [20, 5, 12, 1.5];
const PAUSE_SECONDS = [0.6, 3, 1, 6];
/** From the end of a program to the end of its sound in the recording. */
const TAIL_MS = 1_500;
const CLICK_SECONDS = 0.1;
const CLICK_PAUSES_MS = [500, 610, 730, 2_900];
/** The first ones start streams. */
const WARM_UP_CLICKS = 2;

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

export interface GuestFigures {
  readonly guest: SoundServerKind;
  readonly plays: number;
  readonly heard: number;
  readonly seconds: number;
  readonly secondsHeard: number;
  readonly gaps: readonly Gap[];
  /** Where a sine does not go on as a sine, seconds since the start of the recording. */
  readonly breaks: readonly number[];
  readonly clicks: Clicks;
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
  readonly guests: readonly GuestFigures[];
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
  const alone = plan.audioVm === 'pulseaudio' ? null : await clicksOf(audio, audio, 'voice', plan.clicks, 'voice');
  const clicks: Clicks[] = [];
  for (const [index, pulse] of guests.entries())
    clicks.push(await clicksOf(audio, pulse, GUESTS[index]?.sink ?? '', plan.clicks, 'argus'));
  progress(`sounds with pauses, for ${plan.minutes} min, of all guests at once`);
  const figures = await Promise.all(
    GUESTS.map(async ({ kind, sink, vm }, index): Promise<GuestFigures> => {
      const pulse = guests[index];
      if (pulse === undefined) throw new Error('no such guest');
      const recording = await Recording.start(audio, `${sink}.monitor`);
      const { plays, seconds } = await playFor(pulse, plan.minutes * 60, folder);
      await delay(TAIL_MS);
      const heard = await recording.end();
      const { vms } = await readStatus(status);
      const known = vms.find((each) => each.vm === vm);
      return {
        guest: kind,
        plays,
        heard: heard.onsets.length,
        seconds,
        secondsHeard: heard.soundFrames / RATE,
        gaps: heard.gaps,
        breaks: heard.breaks,
        clicks: clicks[index] ?? { heard: 0, played: 0, p50: Number.NaN, max: Number.NaN },
        service: known === undefined ? null : { played: known.played, timing: known.timing },
      };
    }),
  );
  return { minutes: plan.minutes, audioVm: plan.audioVm, alone, guests: figures };
}

/** On a host that plays, sound servers run before everything else: `rtkit` sees to it, or a limit for their user. */
function makeRealTime(progress: (line: string) => void): void {
  try {
    const found = execFileSync('pgrep', ['-P', String(process.pid), '-x', SOUND_SERVERS], { encoding: 'utf8' });
    for (const pid of found.trim().split('\n'))
      execFileSync('chrt', ['--all-tasks', '--fifo', '--pid', '20', pid], { stdio: 'ignore' });
  } catch {
    progress('a sound server has no real-time priority, as on a host that plays: that takes root, pgrep and chrt');
  }
}

async function started(kind: SoundServerKind, cleanup: Cleanup, progress: (line: string) => void): Promise<Pulse> {
  const pulse = new Pulse(kind);
  cleanup.add(() => pulse.stop());
  await pulse.start();
  makeRealTime(progress);
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
  const recording = await Recording.start(audio, `${sink}.monitor`);
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

/** Programs of the guest play one sound after the other: `pacat`, and with PipeWire `pw-cat` in turns with it. */
async function playFor(pulse: Pulse, seconds: number, folder: string): Promise<{ plays: number; seconds: number }> {
  const end = performance.now() + seconds * 1_000;
  const files = new Map<number, string>();
  for (const length of SOUND_SECONDS) {
    const file = join(folder, `${pulse.kind}-${length}.wav`);
    await writeFile(file, writeWav(tone(HERTZ, length)));
    files.set(length, file);
  }
  let [plays, played] = [0, 0];
  while (performance.now() < end) {
    const left = (end - performance.now()) / 1_000;
    const wanted = SOUND_SECONDS[plays % SOUND_SECONDS.length] ?? 1;
    const length = wanted <= left ? wanted : Math.min(...SOUND_SECONDS);
    const pause = PAUSE_SECONDS[plays % PAUSE_SECONDS.length] ?? 1;
    const isNative = pulse.kind === 'pipewire' && plays % 2 === 1;
    const [program, ...args] = isNative ? ['pw-cat', '--playback'] : ['paplay', '--device=argus'];
    const child = spawn(program ?? '', [...args, files.get(length) ?? ''], { env: pulse.environment, stdio: 'ignore' });
    endWithThisProcess(child);
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`${program} ended with ${code}`);
    plays++;
    played += length;
    await delay(pause * 1_000);
  }
  return { plays, seconds: played };
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
    await delay(POLL_MS);
  }
}
