/** What another broker was asked about its domains' rings and has not answered yet. */
import type { NotifyAnswer, Status } from '../wire/index.ts';
import { MAX_QUESTIONS, MAX_QUESTIONS_PER_DOMAIN } from './limits.ts';

export interface RemoteQuestion {
  /** The asking domain. It is compared by identity only. */
  readonly caller: object;
  /** Rings it is about. */
  readonly count: number;
  /** When it was asked, on the monotonic clock. */
  readonly since: number;
  readonly answered: (status: Status, answers: readonly NotifyAnswer[]) => void;
}

export class Questions {
  readonly #open = new Map<number, RemoteQuestion>();
  #lastId = 0;

  /** Its id; null when too many are open. */
  push(question: RemoteQuestion): number | null {
    if (this.#open.size >= MAX_QUESTIONS) return null;
    let own = 0;
    for (const { caller } of this.#open.values()) if (caller === question.caller) own++;
    if (own >= MAX_QUESTIONS_PER_DOMAIN) return null;
    this.#lastId = (this.#lastId + 1) >>> 0;
    this.#open.set(this.#lastId, question);
    return this.#lastId;
  }

  /** When the oldest was asked; null when none is open. */
  get oldest(): number | null {
    const [first] = this.#open.values();
    return first?.since ?? null;
  }

  /** Takes out one; null when it is not there. */
  take(id: number): RemoteQuestion | null {
    const question = this.#open.get(id) ?? null;
    this.#open.delete(id);
    return question;
  }

  drain(): RemoteQuestion[] {
    const rest = [...this.#open.values()];
    this.#open.clear();
    return rest;
  }
}
