/** `argus broker` as an operator runs it: a process with a log on stderr, which signals end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { CLI, nodeArguments, ROOT } from '../program.ts';

export interface LogLine {
  readonly msg: string;
  readonly [key: string]: unknown;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class BrokerProcess {
  readonly exited: Promise<Exit>;
  readonly lines: LogLine[] = [];
  /** Lines on stderr that are not log lines: errors that end the process. */
  readonly complaints: string[] = [];
  readonly #child: ChildProcess;
  #onLine: (() => void)[] = [];

  constructor(config: string) {
    this.#child = spawn(process.execPath, nodeArguments(CLI, 'broker', '--config', config), {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const { stderr } = this.#child;
    const ended: Promise<unknown>[] = [];
    if (stderr !== null) {
      const lines = createInterface({ input: stderr });
      lines.on('line', (line) => this.#take(line));
      ended.push(new Promise((resolve) => lines.once('close', resolve)));
    }
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        void Promise.all(ended).then(() => {
          resolve({ code, signal });
          this.#wake();
        });
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves once it serves. If it ends before that, rejects with its output. */
  running(): Promise<LogLine> {
    return this.logged('broker running');
  }

  /** The first line of the log with this message, from its line number `from`. */
  async logged(message: string, from = 0): Promise<LogLine> {
    for (;;) {
      const found = this.lines.slice(from).find(({ msg }) => msg === message);
      if (found !== undefined) return found;
      if (!this.isAlive) throw new Error(`no "${message}" before the broker ended: ${this.complaints.join('\n')}`);
      await new Promise<void>((resolve) => this.#onLine.push(resolve));
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Idempotent. */
  kill(): void {
    if (this.isAlive) this.signal('SIGKILL');
  }

  #take(line: string): void {
    if (line.startsWith('{')) this.lines.push(JSON.parse(line));
    else this.complaints.push(line);
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#onLine;
    this.#onLine = [];
    for (const wake of waiting) wake();
  }
}
