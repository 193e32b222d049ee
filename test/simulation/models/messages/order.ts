/** A ring gets the messages of one sender in the order in which they were sent. */
import { type Delivery, type Invariant, type SentMessage, Violation } from '../invariant.ts';

export class Order implements Invariant {
  readonly name = 'order';
  readonly #sent = new Map<number, SentMessage>();
  /** The newest message of each sender, session and ring. */
  readonly #newest = new Map<string, number>();

  sent(message: SentMessage): void {
    this.#sent.set(message.number, message);
  }

  delivered({ number, source, ring }: Delivery): void {
    const message = this.#sent.get(number);
    if (message === undefined) return;
    const key = `${source} ${message.session} ${ring} ${message.hasDeadline}`;
    const newest = this.#newest.get(key) ?? 0;
    if (number < newest) throw new Violation(this.name, `${ring} got message ${number} of ${source} after ${newest}`);
    this.#newest.set(key, number);
  }
}
