/** A sound server for one test: null sinks, their monitors, and recordings of them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../temp.ts';
import { type SoundServerKind, socketOf, startDaemons } from './sound-daemons.ts';

const CONTROL_TIMEOUT_MS = 10_000;
const PLAYERS: readonly string[] = ['pulseaudio', 'pipewire', 'pipewire-pulse'];

export class Pulse {
  readonly kind: SoundServerKind;
  readonly directory: string;
  /** Environment for pacat, pactl and other clients of this server. */
  readonly environment: NodeJS.ProcessEnv;
  readonly #daemons: ChildProcess[] = [];

  constructor(kind: SoundServerKind = 'pulseaudio') {
    this.kind = kind;
    this.directory = temporaryDirectory();
    const { DISPLAY: _, ...inherited } = process.env;
    this.environment = {
      ...inherited,
      HOME: this.directory,
      PULSE_RUNTIME_PATH: this.directory,
      PULSE_STATE_PATH: this.directory,
      PULSE_SERVER: `unix:${socketOf(kind, this.directory)}`,
      XDG_RUNTIME_DIR: this.directory,
      XDG_CONFIG_HOME: join(this.directory, 'config'),
      XDG_STATE_HOME: join(this.directory, 'state'),
      DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(this.directory, 'bus')}`,
    };
  }

  /**
   * Starts the server with a sink "speaker" (the default), and a source "room" that records the sound of sink "voice".
   */
  async start(): Promise<this> {
    for (const left of ['bus', 'pipewire-0', 'native', 'sock'])
      rmSync(join(this.directory, left), { recursive: true, force: true });
    await startDaemons(this.kind, this.directory, this.environment, this.#daemons);
    await this.#until(() => this.control('info'));
    for (const sink of ['speaker', 'other', 'voice'])
      this.control('load-module', 'module-null-sink', `sink_name=${sink}`, 'rate=44100', 'format=s16le', 'channels=2');
    await this.#until(() => {
      this.control('set-default-sink', 'speaker');
      this.control('set-default-source', 'voice.monitor');
      const info = this.control('info');
      if (!info.includes('Sink: speaker\n') || !info.includes('Source: voice.monitor\n')) throw new Error(info);
    });
    return this;
  }

  /** A server that took the connection while it was starting may never answer it. */
  control(...args: readonly string[]): string {
    return execFileSync('pactl', args, {
      timeout: CONTROL_TIMEOUT_MS,
      env: this.environment,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  }

  /** Names of the clients' playing or recording streams. */
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

  /** Records a monitor from now on. The returned function ends the recording and returns it. */
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

  /** Process ids of the daemons that handle samples. */
  get players(): number[] {
    const players = this.#daemons.filter(({ spawnfile }) => PLAYERS.includes(spawnfile));
    return players.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  async stop(): Promise<void> {
    for (const daemon of this.#daemons.splice(0).reverse()) {
      if (daemon.exitCode !== null || daemon.signalCode !== null) continue;
      const gone = new Promise<void>((resolve) => daemon.once('exit', () => resolve()));
      daemon.kill('SIGKILL');
      await gone;
    }
  }

  /** The server is not ready at once, so refused commands are tried again. */
  async #until(works: () => void): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        return works();
      } catch (cause) {
        if (tries > 400) throw new Error(`${this.kind} did not start`, { cause });
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
  }
}
