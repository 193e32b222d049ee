/**
 * Domain names to domids: asked of the broker once, remembered until the policy's revision changes or the session does,
 * since either may give a name to another domain.
 */
import { Status } from '../../../broker/wire/index.ts';

/** `domid` is meaningful when `status` is OK. Called at once when the broker's answer comes, not a turn later. */
export type NameAnswer = (status: Status, domid: number) => void;

/** Sends the question. Without a session it does nothing: `askAgain` follows when one comes up. */
export type AskName = (name: string, answer: NameAnswer) => void;

export class Names {
  readonly #ask: AskName;
  readonly #known = new Map<string, number>();
  readonly #asked = new Map<string, NameAnswer[]>();
  #lastName = '';
  #lastDomid = -1;

  constructor(ask: AskName) {
    this.#ask = ask;
  }

  /** -1 when it must be asked for first. */
  lookup(name: string): number {
    if (name === this.#lastName) return this.#lastDomid;
    const domid = this.#known.get(name);
    if (domid === undefined) return -1;
    this.#lastName = name;
    this.#lastDomid = domid;
    return domid;
  }

  /** Answers in the order of the questions. After `forget` it asks again, also for open questions. */
  resolve(name: string, answer: NameAnswer): void {
    const waiting = this.#asked.get(name);
    if (waiting !== undefined) {
      waiting.push(answer);
      return;
    }
    this.#asked.set(name, [answer]);
    this.#query(name);
  }

  /**
   * A new revision: known answers may be wrong. The broker sends pending answers before the event, so they are dropped
   * too.
   */
  forget(): void {
    this.#known.clear();
    this.#lastName = '';
    this.#lastDomid = -1;
  }

  /** A new session: asks again for the names that the old session did not answer. */
  askAgain(): void {
    this.forget();
    for (const name of this.#asked.keys()) this.#query(name);
  }

  /** No session will come any more. */
  failAll(status: Status): void {
    for (const name of [...this.#asked.keys()]) this.#settle(name, status, 0);
  }

  #query(name: string): void {
    this.#ask(name, (status, domid) => {
      if (status === Status.OK) this.#known.set(name, domid);
      this.#settle(name, status, domid);
    });
  }

  #settle(name: string, status: Status, domid: number): void {
    const waiting = this.#asked.get(name) ?? [];
    this.#asked.delete(name);
    for (const answer of waiting) answer(status, domid);
  }
}
