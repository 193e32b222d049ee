/** A message comes from whom it says, as it was sent: sender, port and every byte. */
import { type Delivery, type Invariant, type SentMessage, Violation } from '../invariant.ts';

export class Identity implements Invariant {
  readonly name = 'identity';
  readonly #sent = new Map<number, SentMessage>();

  sent(message: SentMessage): void {
    this.#sent.set(message.number, message);
  }

  delivered({ number, source, sourceDomid, receiver, port, payload }: Delivery): void {
    const message = this.#sent.get(number);
    const fault =
      message === undefined
        ? 'nobody sent it'
        : message.sender !== source || message.senderDomid !== sourceDomid
          ? `${message.sender} (${message.senderDomid}) sent it`
          : message.receiver !== receiver || message.port !== port
            ? `it was sent to ${message.receiver}:${message.port}`
            : Buffer.compare(message.payload, payload) !== 0
              ? 'its payload has changed'
              : null;
    if (fault === null) return;
    const what = `message ${number}, which ${receiver}:${port} got from ${source} (${sourceDomid})`;
    throw new Violation(this.name, `${what}: ${fault}`);
  }
}
