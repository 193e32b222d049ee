/** What is heard at a sink's monitor, as it comes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Pulse } from '../../test/support/audio/pulse.ts';
import { endWithThisProcess } from '../arms/server-process.ts';
import { type Gap, Heard, type Place, RATE } from './heard.ts';

export class Recording {
  readonly heard: Heard;
  readonly #child: ChildProcess;
  /** Of the last chunk, on the clock of `performance.now()`, ms. */
  #now = 0;
  /** When each sound, gap and break began, on the same clock: sample frames come at their own pace. */
  readonly beganAt: number[] = [];
  readonly #gapsAt: number[] = [];
  readonly #breaksAt: number[] = [];

  private constructor(child: ChildProcess, hertz: number) {
    this.#child = child;
    this.heard = new Heard(hertz);
  }

  /** Sines of `hertz`, from now on. */
  static async start(pulse: Pulse, sink: string, hertz: number): Promise<Recording> {
    const format = ['--raw', '--format=s16le', `--rate=${RATE}`, '--channels=2'];
    const args = [...format, '--latency=2048', `--device=${sink}.monitor`];
    const child = spawn('parec', args, { env: pulse.environment, stdio: ['ignore', 'pipe', 'ignore'] });
    endWithThisProcess(child);
    const recording = new Recording(child, hertz);
    child.stdout.on('data', (chunk: Buffer) => recording.#take(chunk));
    await once(child.stdout, 'data');
    return recording;
  }

  async end(): Promise<Heard> {
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGINT');
    await closed;
    this.heard.end();
    this.#timeAll();
    return this.heard;
  }

  /** Gaps and breaks with their time since `start` of `performance.now()`, which all recordings have in common. */
  since(start: number): { readonly gaps: Gap[]; readonly breaks: Place[] } {
    const at = (times: readonly number[], index: number): number => ((times[index] ?? Number.NaN) - start) / 1_000;
    return {
      gaps: this.heard.gaps.map((gap, index) => ({ ...gap, at: at(this.#gapsAt, index) })),
      breaks: this.heard.breaks.map((place, index) => ({ ...place, at: at(this.#breaksAt, index) })),
    };
  }

  #take(chunk: Buffer): void {
    this.#now = performance.now();
    this.heard.push(chunk);
    this.#timeAll();
  }

  #timeAll(): void {
    const { heard } = this;
    for (const onset of heard.onsets.slice(this.beganAt.length)) this.beganAt.push(this.#timeOf(onset));
    for (const { at } of heard.gaps.slice(this.#gapsAt.length)) this.#gapsAt.push(this.#timeOf(at * RATE));
    for (const { at } of heard.breaks.slice(this.#breaksAt.length)) this.#breaksAt.push(this.#timeOf(at * RATE));
  }

  #timeOf(frame: number): number {
    return this.#now - ((this.heard.frames - frame) * 1_000) / RATE;
  }
}
