/** The table shown during the run: redrawn in place on a terminal, one line per second elsewhere. */
import Table from 'cli-table3';
import { type BrokerStatus, callControl } from '../../../broker/index.ts';
import type { StreamMeter } from '../audio/stream-meter.ts';

const REDRAW_MS = 250;
const LINE_MS = 1_000;
const MIN_RATE_SECONDS = 0.2;
/** In a narrower window the table would break into lines that cannot be redrawn. */
const TABLE_COLUMNS = 80;
const FLOW = 'chrome-vm -> audio-vm';

export class LiveTable {
  readonly #control: string;
  readonly #out: NodeJS.WriteStream;
  readonly #isRedrawn: boolean;
  readonly #meter: StreamMeter;
  #before = { frames: 0, bytes: 0, at: performance.now() };
  #rate = 0;
  #megabytes = 0;
  #height = 0;

  constructor(control: string, meter: StreamMeter, toStderr: boolean) {
    this.#control = control;
    this.#meter = meter;
    this.#out = toStderr ? process.stderr : process.stdout;
    this.#isRedrawn = this.#out.isTTY && this.#out.columns >= TABLE_COLUMNS;
  }

  /** Shows the table until `work` has ended. */
  async during<T>(work: Promise<T>): Promise<T> {
    const timer = setInterval(() => void this.#draw(), this.#isRedrawn ? REDRAW_MS : LINE_MS);
    try {
      return await work;
    } finally {
      clearInterval(timer);
      await this.#draw();
    }
  }

  async #draw(): Promise<void> {
    const { p50Micros, p99Micros } = this.#meter.summary();
    const { heardFrames: frames, heardBytes: bytes } = this.#meter;
    const now = performance.now();
    const seconds = (now - this.#before.at) / 1_000;
    // The last drawing comes when the work ends. That can be too soon after the one before to compute a rate.
    if (seconds >= MIN_RATE_SECONDS) {
      this.#rate = (frames - this.#before.frames) / seconds;
      this.#megabytes = (bytes - this.#before.bytes) / seconds / 1e6;
      this.#before = { frames, bytes, at: now };
    }
    const denied = await this.#denied();
    const delays = [inMilliseconds(p50Micros), inMilliseconds(p99Micros)];
    const row = [this.#rate.toFixed(0), this.#megabytes.toFixed(2), String(frames), denied, ...delays];
    if (!this.#isRedrawn) {
      const [perSecond, mb, total, refused, p50, p99] = row;
      this.#out.write(
        `${FLOW}  ${perSecond} frames/s  ${mb} MB/s  ${total} frames  denied ${refused}  p50 ${p50}  p99 ${p99}\n`,
      );
      return;
    }
    const table = new Table({ head: ['flow', 'per s', 'MB/s', 'frames', 'denied', 'p50', 'p99'] });
    table.push([FLOW, ...row]);
    const text = `${table.toString()}\n`;
    if (this.#height > 0) this.#out.write(`\x1b[${this.#height}A\x1b[J`);
    this.#out.write(text);
    this.#height = text.split('\n').length - 1;
  }

  async #denied(): Promise<string> {
    try {
      const { body } = await callControl(this.#control, 'GET', '/v1/status');
      const { refused } = body as BrokerStatus;
      return String((refused.EACCES ?? 0) + (refused.EPERM ?? 0));
    } catch {
      return '-'; // the broker is shutting down; the summary takes the figure from the log
    }
  }
}

function inMilliseconds(micros: number): string {
  return `${(micros / 1_000).toFixed(1)} ms`;
}
