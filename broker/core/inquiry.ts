/**
 * The part of a notify that is about rings of remote domains: each remote broker is asked once about all of its own, and the answers
 * are put where the queries stood. They are given when the last home has answered.
 */
import { type NotifyAnswer, type NotifyQuery, Status } from '../wire/index.ts';
import type { RemoteBroker, Sender } from './remote-broker.ts';

interface Part {
  readonly queries: NotifyQuery[];
  /** Where each query stood. */
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

  /** `known`: an answer per query, those of remote domains still to be replaced. `done` is called once; a home's refusal is the whole's. */
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

/** As for a ring that is not there, or that nobody can be asked about. */
export const NO_RING: NotifyAnswer = Object.freeze({ flags: 0, maxMessageSize: 0 });
