/**
 * A guest's sound server as the agent's source and sink: PulseAudio, or PipeWire in its place, by `pactl`. Programs see a
 * sink and a source named "argus"; behind them are two FIFOs. The modules are unloaded again when the agent stops.
 */
import { execFile, spawn } from 'node:child_process';
import { constants, openSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AudioError } from './errors.ts';
import { CHANNELS, SAMPLE_RATE_HZ } from './pcm.ts';

const run = promisify(execFile);
const SPEC = [`format=s16le`, `rate=${SAMPLE_RATE_HZ}`, `channels=${CHANNELS}`, 'channel_map=front-left,front-right'];
export const GUEST_SINK = 'argus';
export const GUEST_SOURCE = 'argus-mic';
/** Between an event and the look at what it changed: they come in bursts. */
const SETTLE_MS = 50;

export class GuestPulse {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #modules: string[] = [];
  readonly #fifos: string[] = [];
  readonly #ends: (() => void)[] = [];

  constructor(environment: NodeJS.ProcessEnv = process.env) {
    this.#environment = environment;
  }

  /** Loads the sink; what programs play can be read from the socket returned. `directory`: for the FIFOs. */
  async openPlayback(directory: string): Promise<Socket> {
    const path = join(directory, 'playback.fifo');
    // Without it the sink would play as fast as the pipe is read, and keep 64 KiB of latency in it.
    const clock = 'use_system_clock_for_timing=yes';
    await this.#load('module-pipe-sink', path, [`sink_name=${GUEST_SINK}`, clock]);
    return this.#openFifo(path, { readable: true, writable: false });
  }

  /** Loads the source; what is written to the socket is what programs record. */
  async openCapture(directory: string): Promise<Socket> {
    const path = join(directory, 'capture.fifo');
    await this.#load('module-pipe-source', path, [`source_name=${GUEST_SOURCE}`]);
    return this.#openFifo(path, { readable: false, writable: true });
  }

  /** Calls `onChange` whenever a program begins to record from the source, or the last one ends. */
  watchRecording(onChange: (isRecording: boolean) => void): void {
    let isRecording = false;
    let timer: NodeJS.Timeout | null = null;
    const look = async (): Promise<void> => {
      timer = null;
      const now = await this.#isRecording().catch(() => false); // the sound server is away: nobody records
      if (now === isRecording) return;
      isRecording = now;
      onChange(now);
    };
    const child = spawn('pactl', ['subscribe'], { env: this.#environment, stdio: ['ignore', 'pipe', 'ignore'] });
    child.on('error', () => {}); // the modules could be loaded, so pactl is there
    child.stdout.on('data', (text: Buffer) => {
      if (text.includes('source-output')) timer ??= setTimeout(() => void look(), SETTLE_MS);
    });
    this.#ends.push(() => {
      if (timer !== null) clearTimeout(timer);
      child.kill('SIGTERM');
    });
    void look();
  }

  /** Unloads what was loaded. Idempotent. */
  async close(): Promise<void> {
    for (const end of this.#ends.splice(0)) end();
    for (const module of this.#modules.splice(0).reverse()) await this.#pactl('unload-module', module).catch(() => {}); // gone with its server
    for (const path of this.#fifos.splice(0)) await unlink(path).catch(() => {}); // the module removes it as well
  }

  async #isRecording(): Promise<boolean> {
    const sources = (await this.#pactl('list', 'short', 'sources')).split('\n').map((line) => line.split('\t'));
    const index = sources.find(([, name]) => name === GUEST_SOURCE)?.[0];
    const outputs = (await this.#pactl('list', 'short', 'source-outputs')).split('\n');
    return index !== undefined && outputs.some((line) => line.split('\t')[1] === index);
  }

  async #load(module: string, path: string, options: readonly string[]): Promise<void> {
    try {
      const index = await this.#pactl('load-module', module, `file=${path}`, ...SPEC, ...options);
      this.#modules.push(index.trim());
      this.#fifos.push(path);
    } catch (cause) {
      const message = `${module} could not be loaded; does a sound server run for this user? Without one, use --playback and --capture with files or "-"`;
      throw new AudioError('ERR_AUDIO_SOUND_SERVER', message, { cause });
    }
  }

  /** Both ends in one, so that neither open nor read ends when the sound server has not come yet, or has gone. */
  #openFifo(path: string, use: { readonly readable: boolean; readonly writable: boolean }): Socket {
    const socket = new Socket({ fd: openSync(path, constants.O_RDWR | constants.O_NONBLOCK), ...use });
    this.#ends.push(() => void socket.destroy());
    socket.on('error', () => {}); // the sound server's end; the module's absence shows in what is heard
    return socket;
  }

  async #pactl(...args: readonly string[]): Promise<string> {
    return (await run('pactl', args, { env: this.#environment })).stdout;
  }
}
