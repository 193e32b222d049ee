/** A role's process: the messages that it has sent, and waiting for the next. */

import type { ChildProcess } from 'node:child_process';
import { endWithUs } from '../../machines/index.ts';
import { DemoError } from '../errors.ts';
import type { Done, FromRole } from '../roles/messages.ts';

export class RoleProcess {
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

  /** Resolves when the role is ready; fails when the process ends first. */
  async ready(): Promise<void> {
    await this.#until('ready', () => this.#isReady);
  }

  /** The role's last message; fails when the process ends without it. */
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

  /** Writes `bytes` to the role's standard input and closes it. */
  feed(bytes: Uint8Array): void {
    this.#child.stdin?.on('error', () => {}); // the process has ended; `done` reports that
    this.#child.stdin?.end(bytes);
  }

  /** Notifies the role that the stream has ended. It then exits. */
  finish(): void {
    if (this.#child.connected) this.#child.send('finish');
  }

  exited(): Promise<number | null> {
    return this.#exit;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#child.exitCode === null) this.#child.kill(signal);
  }
}
