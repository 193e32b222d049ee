/**
 * Each send has exactly one outcome, and the outcome is true: what was refused is never delivered, nothing is delivered
 * twice, and what was accepted is delivered or the sender is told that it may not have been.
 */
import { type Delivery, type Invariant, type Outcome, type SentMessage, Violation } from '../invariant.ts';

export class Outcomes implements Invariant {
  readonly name = 'outcome';
  readonly #open = new Map<number, SentMessage>();
  readonly #refused = new Map<number, string>();
  readonly #delivered = new Set<number>();
  /** Accepted and not delivered, by number. */
  readonly #owed = new Map<number, SentMessage>();
  /** How many messages a sender was told of, by sender and receiver: only the sum counts. */
  readonly #told = new Map<string, number>();
  /** The broker of each domain. */
  readonly #homeOf: (domid: number) => string;
  readonly #domidOf: (guest: string) => number;

  constructor(homeOf: (domid: number) => string, domidOf: (guest: string) => number) {
    this.#homeOf = homeOf;
    this.#domidOf = domidOf;
  }

  sent(message: SentMessage): void {
    this.#open.set(message.number, message);
  }

  settled(message: SentMessage, outcome: Outcome): void {
    const { number } = message;
    if (!this.#open.delete(number)) throw new Violation(this.name, `message ${number} has two outcomes`);
    if (outcome.kind === 'refused') {
      this.#refused.set(number, outcome.code);
      if (this.#delivered.has(number)) this.#refuse(number, outcome.code);
    } else if (outcome.kind === 'accepted' && !this.#delivered.has(number)) this.#owed.set(number, message);
  }

  delivered({ number, receiver }: Delivery): void {
    if (this.#delivered.has(number)) throw new Violation(this.name, `message ${number} came twice to ${receiver}`);
    this.#delivered.add(number);
    this.#owed.delete(number);
    const code = this.#refused.get(number);
    if (code !== undefined) this.#refuse(number, code);
  }

  undelivered(sender: string, receiverDomid: number, port: number | null, messages: number): void {
    // The brokers have lost each other: nobody knows how many messages were lost with the other one.
    if (port === null && this.#homeOf(receiverDomid) !== this.#homeOf(this.#domidOf(sender)))
      this.#forget((each) => each.sender === sender && each.receiverDomid === receiverDomid);
    const key = `${sender} ${receiverDomid}`;
    this.#told.set(key, (this.#told.get(key) ?? 0) + messages);
  }

  /** Its own outcomes, and what was on its way to it, are nobody's any more. */
  guestKilled(guest: string): void {
    for (const [number, message] of this.#open) if (message.sender === guest) this.#open.delete(number);
    this.#forget(({ sender, receiver }) => sender === guest || receiver === guest);
  }

  /** A lost session may take with it what the broker had to say. */
  sessionUp(guest: string): void {
    this.#forget(({ sender }) => sender === guest);
  }

  quiet(): void {
    for (const { number, sender } of this.#open.values()) {
      throw new Violation(this.name, `message ${number} of ${sender} has no outcome`);
    }
    const owed = new Map<string, SentMessage[]>();
    for (const message of this.#owed.values()) {
      const key = `${message.sender} ${message.receiverDomid}`;
      owed.set(key, [...(owed.get(key) ?? []), message]);
    }
    for (const [key, messages] of owed) {
      const told = this.#told.get(key) ?? 0;
      if (messages.length <= told) continue;
      const numbers = messages.map(({ number }) => number).join(', ');
      throw new Violation(this.name, `accepted and lost in silence: ${numbers}; ${key} was told of ${told}`);
    }
  }

  #forget(isOver: (message: SentMessage) => boolean): void {
    for (const [number, message] of this.#owed) if (isOver(message)) this.#owed.delete(number);
  }

  #refuse(number: number, code: string): never {
    throw new Violation(this.name, `message ${number} was refused (${code}) and delivered`);
  }
}
