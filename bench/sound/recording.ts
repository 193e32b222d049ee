/** What is heard at a sink's monitor, as it comes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Pulse } from '../../test/support/audio/pulse.ts';
import { endWithThisProcess } from '../arms/server-process.ts';
import { Heard } from './heard.ts';

const RATE = 44_100;
/** Its periods fit neither 10 ms nor a burst of a sound server. */
export const HERTZ = 997;

/** What is heard at a sink's monitor, from now on. */
export class Recording {
  readonly heard = new Heard(HERTZ);
  readonly #child: ChildProcess;
  /** When each sound began, on the clock of `performance.now()`, ms: its sample frames come at their own pace. */
  readonly beganAt: number[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(pulse: Pulse, device: string): Promise<Recording> {
    const args = ['--raw', '--format=s16le', `--rate=${RATE}`, '--channels=2', '--latency=2048', `--device=${device}`];
    const child = spawn('parec', args, { env: pulse.environment, stdio: ['ignore', 'pipe', 'ignore'] });
    endWithThisProcess(child);
    const recording = new Recording(child);
    child.stdout.on('data', (chunk: Buffer) => recording.#take(chunk));
    await once(child.stdout, 'data');
    return recording;
  }

  async end(): Promise<Heard> {
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGINT');
    await closed;
    this.heard.end();
    return this.heard;
  }

  #take(chunk: Buffer): void {
    const now = performance.now();
    const { heard, beganAt } = this;
    heard.push(chunk);
    for (const onset of heard.onsets.slice(beganAt.length)) beganAt.push(now - ((heard.frames - onset) * 1_000) / RATE);
  }
}
