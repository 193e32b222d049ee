/** A PulseAudio daemon of a test's own: null sinks, their monitors, and what a recording of them holds. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../helpers/temp.ts';

const RATE = 44_100;

export class Pulse {
  readonly directory: string;
  /** For pacat, pactl and whoever shall talk to this daemon. */
  readonly environment: NodeJS.ProcessEnv;
  #daemon: ChildProcess | null = null;

  constructor() {
    this.directory = temporaryDirectory();
    const { DISPLAY: _, ...inherited } = process.env;
    this.environment = {
      ...inherited,
      HOME: this.directory,
      PULSE_RUNTIME_PATH: this.directory,
      PULSE_STATE_PATH: this.directory,
      PULSE_SERVER: `unix:${join(this.directory, 'sock')}`,
    };
  }

  /** Starts the daemon with a sink "speaker" (the default) and a source "room", whose sound is what "voice" plays. */
  async start(): Promise<this> {
    const socket = join(this.directory, 'sock');
    const modules = [
      `module-native-protocol-unix socket=${socket} auth-anonymous=1`,
      'module-null-sink sink_name=speaker rate=44100 format=s16le channels=2',
      'module-null-sink sink_name=other rate=44100 format=s16le channels=2',
      'module-null-sink sink_name=voice rate=44100 format=s16le channels=2',
    ];
    const args = [
      '--daemonize=no',
      '--system=false',
      '-n',
      '--exit-idle-time=-1',
      '--disable-shm=yes',
      '--log-level=1',
    ];
    this.#daemon = spawn('pulseaudio', [...args, ...modules.flatMap((module) => ['-L', module])], {
      env: this.environment,
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    for (let tries = 0; tries < 400; tries++) {
      if (existsSync(socket) && this.#isUp()) {
        this.control('set-default-sink', 'speaker');
        this.control('set-default-source', 'voice.monitor');
        return this;
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error('pulseaudio did not start');
  }

  control(...args: readonly string[]): string {
    return execFileSync('pactl', args, {
      env: this.environment,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  }

  /** Names of the clients' streams that play, or record. */
  streams(kind: 'sink-inputs' | 'source-outputs'): string[] {
    const found = this.control('list', kind).matchAll(/media\.name = "([^"]*)"/g);
    return [...found].map(([, name = '']) => name).sort();
  }

  /** Plays into a sink until stopped. */
  play(sink: string, pcm: Buffer): () => void {
    const child = spawn('pacat', ['--raw', '--format=s16le', '--rate=44100', '--channels=2', `--device=${sink}`], {
      env: this.environment,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child.stdin.on('error', () => {});
    child.stdin.write(pcm);
    return () => void child.kill('SIGKILL');
  }

  /** Records a monitor from now on; the function returned ends it and gives what was heard. */
  async record(source: string): Promise<() => Promise<Buffer>> {
    const child = spawn(
      'parec',
      ['--raw', '--format=s16le', '--rate=44100', '--channels=2', '--latency=2048', `--device=${source}`],
      { env: this.environment, stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const chunks: Buffer[] = [];
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        resolve();
      });
    });
    return () =>
      new Promise((resolve) => {
        child.once('close', () => resolve(Buffer.concat(chunks)));
        child.kill('SIGINT');
      });
  }

  async stop(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = null;
    if (daemon === null || daemon.exitCode !== null) return;
    const gone = new Promise<void>((resolve) => daemon.once('exit', () => resolve()));
    daemon.kill('SIGKILL');
    await gone;
  }

  #isUp(): boolean {
    try {
      this.control('info');
      return true;
    } catch {
      return false; // not listening yet
    }
  }
}

/** A sine of `hertz` in both channels, `level` of full scale. */
export function tone(hertz: number, seconds: number, level = 0.5): Buffer {
  const frames = Math.round(seconds * RATE);
  const pcm = Buffer.alloc(frames * 4);
  for (let frame = 0; frame < frames; frame++) {
    const sample = Math.round(Math.sin((2 * Math.PI * hertz * frame) / RATE) * level * 32_767);
    pcm.writeInt16LE(sample, frame * 4);
    pcm.writeInt16LE(sample, frame * 4 + 2);
  }
  return pcm;
}

/** Level of `hertz` in the left channel, of full scale (Goertzel's algorithm); a sine of level 0.5 has 0.5. */
function levelAt(pcm: Buffer, hertz: number): number {
  const frames = Math.floor(pcm.length / 4);
  const step = 2 * Math.cos((2 * Math.PI * hertz) / RATE);
  let [one, two] = [0, 0];
  for (let frame = 0; frame < frames; frame++) {
    [one, two] = [pcm.readInt16LE(frame * 4) / 32_767 + step * one - two, one];
  }
  return (2 * Math.sqrt(Math.max(0, one * one + two * two - step * one * two))) / Math.max(1, frames);
}

/** Frames of a measurement that no gap of a busy machine is likely to fall into: 20 ms. */
const WINDOW_BYTES = 882 * 4;

/** The level of each 20 ms of a recording, loudest first. */
function levels(pcm: Buffer, hertz: number): number[] {
  const windows = Array.from({ length: Math.floor(pcm.length / WINDOW_BYTES) }, (_, index) =>
    levelAt(pcm.subarray(index * WINDOW_BYTES, (index + 1) * WINDOW_BYTES), hertz),
  );
  return windows.sort((a, b) => b - a);
}

/** Level of a tone while it sounds: the median of the 20 ms pieces that have it, so that a gap does not count. */
export function toneLevel(pcm: Buffer, hertz: number): number {
  const all = levels(pcm, hertz);
  const sounding = all.filter((level) => level > (all[0] ?? 0) / 2);
  return sounding[Math.floor(sounding.length / 2)] ?? 0;
}

/** How long a tone sounds, seconds, in pieces of 20 ms. */
export function toneSeconds(pcm: Buffer, hertz: number, level: number): number {
  return levels(pcm, hertz).filter((each) => each > level / 2).length * (WINDOW_BYTES / 4 / RATE);
}

/** The part between the first and the last sample that is not silent. */
export function sounding(pcm: Buffer): Buffer {
  const isSound = (at: number): boolean => Math.abs(pcm.readInt16LE(at)) > 64;
  let [start, end] = [0, pcm.length - (pcm.length % 4)];
  while (start < end && !isSound(start)) start += 4;
  while (end > start && !isSound(end - 4)) end -= 4;
  return pcm.subarray(start, end);
}
