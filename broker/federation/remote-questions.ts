/** Questions to another broker about its domains' rings that it has not answered yet. */
import type { NotifyAnswer, Status } from '../wire/index.ts';
import { MAX_QUESTIONS, MAX_QUESTIONS_PER_DOMAIN } from './limits.ts';

export interface RemoteQuestion {
  /** The asking domain. It is compared by identity only. */
  readonly caller: object;
  /** Number of rings in the question. */
  readonly count: number;
  /** Time of the question, on the monotonic clock. */
  readonly since: number;
  readonly answered: (status: Status, answers: readonly NotifyAnswer[]) => void;
}

export class Questions {
  readonly #open = new Map<number, RemoteQuestion>();
  #lastId = 0;

  /** Returns the id of the question; null when too many are open. */
  push(question: RemoteQuestion): number | null {
    if (this.#open.size >= MAX_QUESTIONS) return null;
    let own = 0;
    for (const { caller } of this.#open.values()) if (caller === question.caller) own++;
    if (own >= MAX_QUESTIONS_PER_DOMAIN) return null;
    this.#lastId = (this.#lastId + 1) >>> 0;
    this.#open.set(this.#lastId, question);
    return this.#lastId;
  }

  /** Time of the oldest open question; null when none is open. */
  get oldest(): number | null {
    const [first] = this.#open.values();
    return first?.since ?? null;
  }

  /** Removes and returns a question; null when there is none with this id. */
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
