/** The listeners of all domains whose carrier is `nats`, updated with the policy. */
import type { Domain } from '../../../policy/index.ts';
import type { Turns } from '../../turns/index.ts';
import type { Accept } from '../listen.ts';
import type { NatsCarrierError } from './errors.ts';
import type { LinePace } from './line/line-reader.ts';
import { type NatsEnd, NatsListener } from './listen.ts';
import { domainSubjects } from './subjects.ts';

/** The value of `carrier` in domains.yaml for a domain that uses NATS. */
export const NATS_CARRIER = 'nats';

export class NatsListeners {
  readonly #end: NatsEnd;
  readonly #broker: string;
  readonly #accept: Accept;
  readonly #turns: Turns;
  readonly #onTrouble: (domain: string, error: NatsCarrierError) => void;
  readonly #listeners = new Map<string, NatsListener>();

  constructor(
    end: NatsEnd,
    broker: string,
    accept: Accept,
    turns: Turns,
    onTrouble: (domain: string, error: NatsCarrierError) => void,
  ) {
    this.#end = end;
    this.#broker = broker;
    this.#accept = accept;
    this.#turns = turns;
    this.#onTrouble = onTrouble;
  }

  /** Resolves when each new listener has dialled once. Unreachable servers are dialled again in the background. */
  async sync(domains: readonly Domain[]): Promise<void> {
    const wanted = new Set(domains.filter(({ carrier }) => carrier === NATS_CARRIER).map(({ name }) => name));
    for (const [name, listener] of [...this.#listeners]) {
      if (wanted.has(name)) continue;
      this.#listeners.delete(name);
      listener.close();
    }
    const opening: Promise<void>[] = [];
    for (const name of wanted) {
      if (this.#listeners.has(name)) continue;
      const subjects = domainSubjects(this.#broker, name);
      const pace: LinePace = (worker) => this.#turns.job(name, worker);
      const listener = new NatsListener(this.#end, this.#broker, name, subjects, this.#accept, pace, this.#onTrouble);
      this.#listeners.set(name, listener);
      opening.push(listener.open());
    }
    await Promise.all(opening);
  }

  close(): void {
    for (const listener of this.#listeners.values()) listener.close();
    this.#listeners.clear();
  }
}
