/**
 * The part of a notify that is about rings of remote domains. Each remote broker is asked once about all rings of its
 * domains. Each answer goes to the position of its query. The caller gets the answers when the last broker has
 * answered.
 */
import { type NotifyAnswer, type NotifyQuery, Status } from '../wire/index.ts';
import type { RemoteBroker, Sender } from './remote-broker.ts';

interface Part {
  readonly queries: NotifyQuery[];
  /** The position of each query in the whole notify. */
  readonly places: number[];
}

export class Inquiry {
  readonly #parts = new Map<RemoteBroker, Part>();

  get isEmpty(): boolean {
    return this.#parts.size === 0;
  }

  add(home: RemoteBroker, query: NotifyQuery, place: number): void {
    let part = this.#parts.get(home);
    if (part === undefined) {
      part = { queries: [], places: [] };
      this.#parts.set(home, part);
    }
    part.queries.push(query);
    part.places.push(place);
  }

  /**
   * `known` holds an answer for each query; this method replaces those about remote domains. `done` is called once. If
   * one remote broker refuses, the whole notify is refused.
   */
  ask(
    caller: Sender,
    known: readonly NotifyAnswer[],
    done: (status: Status, answers: readonly NotifyAnswer[]) => void,
  ): void {
    const answers = [...known];
    let status: Status = Status.OK;
    let open = this.#parts.size;
    for (const [home, { queries, places }] of this.#parts) {
      home.ask(caller, queries, (partStatus, partAnswers) => {
        if (status === Status.OK) status = partStatus;
        for (const [index, place] of places.entries()) answers[place] = partAnswers[index] ?? NO_RING;
        open--;
        if (open === 0) done(status, status === Status.OK ? answers : []);
      });
    }
  }
}

/** The answer for a ring that does not exist or whose broker cannot be reached. */
export const NO_RING: NotifyAnswer = Object.freeze({ flags: 0, maxMessageSize: 0 });
