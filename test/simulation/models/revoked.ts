/** From the event in which a key is revoked on, its holder has no session, until it comes with a new key. */
import { type Invariant, type View, Violation } from './invariant.ts';

export class Revoked implements Invariant {
  readonly name = 'revoked';
  readonly #revoked = new Set<string>();

  keyRevoked(guest: string): void {
    this.#revoked.add(guest);
  }

  keyRenewed(guest: string): void {
    this.#revoked.delete(guest);
  }

  step({ homes }: View): void {
    for (const guest of this.#revoked) {
      if (homes.some(({ broker }) => broker?.sessions.peerOf(guest) !== undefined))
        throw new Violation(this.name, `${guest} has a session with a key that is revoked`);
    }
  }

  /** The list has reached every broker. */
  quiet({ homes }: View): void {
    const lists = homes.map(({ machine }) => machine.revocations.signedList?.split(',').sort().join() ?? '');
    if (new Set(lists).size > 1) throw new Violation(this.name, `brokers have different lists: ${lists.join(' | ')}`);
  }
}
