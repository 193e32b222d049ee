/**
 * The line at the bottom of a terminal that says what a command is doing and how far it is.
 *
 * It appears when a command has printed nothing for a second. It goes before the command prints, and at the end. It never
 * appears behind an unfinished line, such as the question for a passphrase.
 */
import type { ProgressStep } from './channel.ts';
import { QUIET_MS, REPAINT_MS } from './limits.ts';

const CLEAR = '\r\u001b[K';
const MIB = 1024 * 1024;

export interface ProgressTerminal {
  readonly columns: number;
  readonly mono: () => number;
  readonly write: (text: string) => void;
}

export class ProgressLine {
  readonly #name: string;
  readonly #terminal: ProgressTerminal;
  readonly #startMs: number;
  /** The last output of the command. */
  #outputMs: number;
  #paintedMs = Number.NEGATIVE_INFINITY;
  #isShown = false;
  #isMidLine = false;
  #step: ProgressStep | null = null;

  constructor(name: string, terminal: ProgressTerminal) {
    this.#name = name;
    this.#terminal = terminal;
    this.#startMs = terminal.mono();
    this.#outputMs = this.#startMs;
  }

  /** The command is this far. Work that does not return to the event loop is shown by this call alone. */
  report(step: ProgressStep): void {
    this.#step = step;
    this.tick();
  }

  /** Shows the line if it is due. */
  tick(): void {
    const now = this.#terminal.mono();
    if (this.#isMidLine || now - this.#outputMs < QUIET_MS || now - this.#paintedMs < REPAINT_MS) return;
    this.#paintedMs = now;
    this.#isShown = true;
    const seconds = Math.floor((now - this.#startMs) / 1_000);
    const text = `${this.#name}: ${this.#step === null ? '' : `${stepText(this.#step)}, `}${seconds} s`;
    // A line that is as wide as the terminal would wrap, and could not be cleared.
    this.#terminal.write(`${CLEAR}${text.slice(0, this.#terminal.columns - 1)}`);
  }

  /** Before the command prints. */
  output(text: string): void {
    this.clear();
    this.#outputMs = this.#terminal.mono();
    this.#isMidLine = text !== '' && !text.endsWith('\n');
  }

  clear(): void {
    if (!this.#isShown) return;
    this.#isShown = false;
    this.#paintedMs = Number.NEGATIVE_INFINITY;
    this.#terminal.write(CLEAR);
  }
}

function stepText({ done, total, unit }: ProgressStep): string {
  if (total === null) return unit === 'bytes' ? `${mebibytes(done)} MiB` : `${done} records`;
  const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
  return `${percent} % of ${unit === 'bytes' ? `${mebibytes(total)} MiB` : `${total} records`}`;
}

const mebibytes = (bytes: number): string => (bytes / MIB).toFixed(0);
