/**
 * A guest's sound server as the agent's source and sink: PulseAudio, or PipeWire in its place, by `pactl`. Programs see
 * a sink "argus" and a source "argus-mic"; behind them are two FIFOs. The modules are unloaded when the agent stops,
 * loaded again when the sound server comes back after a restart, and what an agent that was killed left behind is
 * replaced.
 */
import { execFile, spawn } from 'node:child_process';
import { constants, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AudioError } from '../errors.ts';
import { REOPEN_MS } from '../limits.ts';
import { CHANNELS, SAMPLE_RATE_HZ } from '../pcm/pcm.ts';

const run = promisify(execFile);
const SPEC = ['format=s16le', `rate=${SAMPLE_RATE_HZ}`, `channels=${CHANNELS}`, 'channel_map=front-left,front-right'];
const GUEST_SOURCE = 'argus-mic';
const PLUGS = {
  // Without the system's clock PulseAudio's sink would play as fast as the pipe is read; PipeWire's never does.
  playback: { module: 'module-pipe-sink', name: 'sink_name=argus', more: ['use_system_clock_for_timing=yes'] },
  capture: { module: 'module-pipe-source', name: `source_name=${GUEST_SOURCE}`, more: [] },
} as const;
type Direction = keyof typeof PLUGS;
/** Time between an event and the look at the change: events come in bursts. */
const SETTLE_MS = 50;

export class GuestPulse {
  readonly #directory: string;
  readonly #onPlayed: (bytes: Uint8Array) => void;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #fifos = new Map<Direction, Socket>();
  readonly #ends: (() => void)[] = [];
  #isClosed = false;

  /** `directory`: for the FIFOs; no other program uses it. `onPlayed`: receives the sound that programs play. */
  constructor(directory: string, onPlayed: (bytes: Uint8Array) => void, environment: NodeJS.ProcessEnv = process.env) {
    this.#directory = directory;
    this.#onPlayed = onPlayed;
    this.#environment = { ...environment, LC_ALL: 'C' };
  }

  /** What is written here programs record. Another one after each restart of the sound server; null before `open`. */
  get capture(): Socket | null {
    return this.#fifos.get('capture') ?? null;
  }

  /** Makes sink and source. @throws AudioError ERR_AUDIO_SOUND_SERVER */
  async open(): Promise<void> {
    try {
      await this.#plugIn();
    } catch (cause) {
      const message =
        'the sound server took no module-pipe-sink and module-pipe-source; does one run for this user? Without one, use --playback and --capture with files or "-"';
      throw new AudioError('ERR_AUDIO_SOUND_SERVER', message, { cause });
    }
  }

  /**
   * Calls `onChange` whenever a program begins to record from the source, or the last one ends. While the sound server
   * is away nobody does.
   */
  watchRecording(onChange: (isRecording: boolean) => void): void {
    let isRecording = false;
    let timer: NodeJS.Timeout | null = null;
    let stop = (): void => {};
    const later = (ms: number, work: () => Promise<void>): void => {
      timer ??= setTimeout(() => {
        timer = null;
        void work();
      }, ms);
    };
    const look = async (): Promise<void> => {
      const now = await this.#isRecording().catch(() => false);
      if (now === isRecording || this.#isClosed) return;
      isRecording = now;
      onChange(now);
    };
    const subscribe = async (): Promise<void> => {
      const child = spawn('pactl', ['subscribe'], { env: this.#environment, stdio: ['ignore', 'pipe', 'ignore'] });
      let isSubscribed = false;
      stop = () => void child.kill('SIGTERM');
      child.on('error', () => {}); // the modules could be loaded, so pactl is there
      child.stdout.on('data', (text: Buffer) => {
        if (!isSubscribed || text.includes('source-output')) later(SETTLE_MS, look);
        isSubscribed = true;
      });
      child.once('close', () => {
        if (this.#isClosed) return;
        void look();
        later(REOPEN_MS, plugInAgain);
      });
      // Its own looks are events too, so the first output says that none is missed from here on.
      const lookFirst = async (): Promise<void> => {
        await look();
        if (!isSubscribed && child.exitCode === null) later(SETTLE_MS, lookFirst);
      };
      await lookFirst();
    };
    const plugInAgain = async (): Promise<void> => {
      await this.#plugIn().then(subscribe, () => later(REOPEN_MS, plugInAgain));
    };
    this.#ends.push(() => {
      if (timer !== null) clearTimeout(timer);
      stop();
    });
    void subscribe();
  }

  /** Unloads the modules that were loaded. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const end of this.#ends.splice(0)) end();
    const loaded = await this.#modules().catch(() => []); // gone with its server
    for (const { index, args } of loaded) {
      if (this.#isMine('playback', args) || this.#isMine('capture', args)) await this.#unload(index);
    }
    for (const [direction, socket] of this.#fifos) {
      socket.destroy();
      await rm(this.#path(direction), { force: true });
    }
  }

  /** Loads what is not loaded yet, in the place of what another agent left. The modules make their FIFOs themselves. */
  async #plugIn(): Promise<void> {
    for (const direction of ['playback', 'capture'] as const) {
      const { module, name, more } = PLUGS[direction];
      let isThere = false;
      for (const each of await this.#modules()) {
        if (each.module !== module || !each.args.includes(name)) continue;
        if (this.#isMine(direction, each.args)) isThere = true;
        else await this.#unload(each.index);
      }
      if (isThere || this.#isClosed) continue;
      const path = this.#path(direction);
      await rm(path, { force: true }); // of a sound server that was killed
      await this.#pactl('load-module', module, `file=${path}`, name, ...SPEC, ...more);
      this.#openFifo(direction);
    }
  }

  async #modules(): Promise<{ readonly index: string; readonly module: string; readonly args: readonly string[] }[]> {
    const lines = (await this.#pactl('list', 'short', 'modules')).split('\n').map((line) => line.split('\t'));
    return lines.map(([index = '', module = '', args = '']) => ({ index, module, args: args.split(' ') }));
  }

  async #unload(index: string): Promise<void> {
    await this.#pactl('unload-module', index).catch(() => {}); // gone meanwhile
  }

  async #isRecording(): Promise<boolean> {
    const sources = (await this.#pactl('list', 'short', 'sources')).split('\n').map((line) => line.split('\t'));
    const index = sources.find(([, name]) => name === GUEST_SOURCE)?.[0];
    const outputs = (await this.#pactl('list', 'short', 'source-outputs')).split('\n');
    return index !== undefined && outputs.some((line) => line.split('\t')[1] === index);
  }

  #path(direction: Direction): string {
    return join(this.#directory, `${direction}.fifo`);
  }

  #isMine(direction: Direction, args: readonly string[]): boolean {
    return args.includes(`file=${this.#path(direction)}`);
  }

  /** Both ends in one, so that neither open nor read ends when the sound server has not come yet, or has gone. */
  #openFifo(direction: Direction): void {
    const fd = openSync(this.#path(direction), constants.O_RDWR | constants.O_NONBLOCK);
    const isRead = direction === 'playback';
    const socket = new Socket({ fd, readable: isRead, writable: !isRead });
    socket.on('error', () => {}); // the sound server has closed its end; the missing module shows it
    if (isRead) socket.on('data', this.#onPlayed);
    this.#fifos.get(direction)?.destroy();
    this.#fifos.set(direction, socket);
  }

  async #pactl(...args: readonly string[]): Promise<string> {
    return (await run('pactl', args, { env: this.#environment })).stdout;
  }
}
