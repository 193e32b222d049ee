/**
 * The host's unix sockets, each with its other end and the processes that hold it, as printed by `ss`.
 *
 * A running broker must not start a program: forking a process of 200 MB stops it for 30 ms and more. So a small shell
 * is started together with the broker. It waits for a line, runs `ss` and marks the end of the list. It ends when its
 * standard input is closed, so also when the broker is killed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { CALLER_LOOKUP_MS, MAX_CALLER_LIST_BYTES } from '../process/index.ts';

const SCRIPT = "while read -r _; do ss -xanpH; printf '\\0'; done";

export interface SocketList {
  /** A list that begins after this call. Empty when the host has no `ss`, or when it takes too long. Never rejects. */
  read(): Promise<string>;
  close(): void;
}

export function openSocketList(): SocketList {
  const shell = spawn('sh', ['-c', SCRIPT], { stdio: ['pipe', 'pipe', 'ignore'] });
  return new ShellList(shell);
}

class ShellList implements SocketList {
  readonly #shell: ChildProcess;
  /** One list at a time. Calls during a list share the next one. */
  #running: Promise<string> | null = null;
  #waiting: Promise<string> | null = null;
  #output = '';
  #answer: ((list: string) => void) | null = null;
  #isClosed = false;

  constructor(shell: ChildProcess) {
    this.#shell = shell;
    // The broker may end while the shell waits.
    shell.unref();
    for (const stream of [shell.stdin, shell.stdout]) {
      if (stream !== null && 'unref' in stream && typeof stream.unref === 'function') stream.unref();
      stream?.on('error', () => this.close());
    }
    shell.on('error', () => this.close());
    shell.once('exit', () => this.close());
    shell.stdout?.setEncoding('utf8').on('data', (text: string) => this.#take(text));
  }

  /** A list that takes too long continues, because it must end before the shell can make another one. */
  read(): Promise<string> {
    return new Promise((resolve) => {
      const timeout = setTimeout(() => resolve(''), CALLER_LOOKUP_MS);
      void this.#next().then((list) => {
        clearTimeout(timeout);
        resolve(list);
      });
    });
  }

  #next(): Promise<string> {
    if (this.#isClosed) return Promise.resolve('');
    if (this.#running === null) {
      this.#running = this.#run().finally(() => {
        this.#running = null;
      });
      return this.#running;
    }
    this.#waiting ??= this.#running.then(() => {
      this.#waiting = null;
      return this.#next();
    });
    return this.#waiting;
  }

  close(): void {
    this.#isClosed = true;
    this.#shell.stdin?.end();
    this.#finish('');
  }

  #run(): Promise<string> {
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.#shell.stdin?.write('\n');
    });
  }

  #take(text: string): void {
    this.#output += text;
    const end = this.#output.indexOf('\0');
    if (end >= 0) {
      const list = this.#output.slice(0, end);
      this.#output = '';
      this.#finish(list);
    } else if (this.#output.length > MAX_CALLER_LIST_BYTES) this.close();
  }

  #finish(list: string): void {
    const answer = this.#answer;
    this.#answer = null;
    answer?.(list);
  }
}
