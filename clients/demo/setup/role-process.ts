/** A process of the demo: what it has said, and waiting for it to say something. */
import type { ChildProcess } from 'node:child_process';
import { DemoError } from '../errors.ts';
import type { Done, FromRole } from '../roles/messages.ts';
import { endWithUs } from './child-processes.ts';

export class Actor {
  readonly #name: string;
  readonly #child: ChildProcess;
  #isReady = false;
  #done: Done | null = null;
  readonly #listeners = new Set<(message: FromRole) => void>();
  readonly #exit: Promise<number | null>;

  constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
    endWithUs(child);
    this.#exit = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
    child.on('message', (message: FromRole) => {
      if (message.kind === 'ready') this.#isReady = true;
      else if (message.kind === 'done') this.#done = message;
      for (const listener of [...this.#listeners]) listener(message);
    });
  }

  onMessage(listener: (message: FromRole) => void): void {
    this.#listeners.add(listener);
  }

  /** Fails when the process ends before. */
  async ready(): Promise<void> {
    await this.#until('ready', () => this.#isReady);
  }

  /** What it says at its end. Fails when the process ends without. */
  async done(): Promise<Done> {
    await this.#until('done', () => this.#done !== null);
    return this.#done ?? { kind: 'done' };
  }

  async #until(what: string, holds: () => boolean): Promise<void> {
    if (holds()) return;
    await new Promise<void>((resolve, reject) => {
      this.onMessage(() => holds() && resolve());
      void this.#exit.then((code) => {
        if (holds()) resolve();
        else reject(new DemoError('ERR_DEMO_PROCESS', `${this.#name} ended with code ${code} before it was ${what}`));
      });
    });
  }

  /** To its standard input, and nothing after it. */
  feed(bytes: Uint8Array): void {
    this.#child.stdin?.on('error', () => {}); // it has ended: whoever waits for it is told
    this.#child.stdin?.end(bytes);
  }

  /** The play is over: it may go. */
  dismiss(): void {
    if (this.#child.connected) this.#child.send('curtain');
  }

  exited(): Promise<number | null> {
    return this.#exit;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#child.exitCode === null) this.#child.kill(signal);
  }
}
