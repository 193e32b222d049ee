/**
 * The outcomes of one program's sends, told as a broker tells them: each refusal by the id of its send, and acceptances by
 * one acknowledgement for all sends before them. Ids are consecutive modulo 2^32 and begin with 1.
 */
import { Fifo } from '../../../../broker/base/index.ts';
import { type BrokerFrame, Op, Status } from '../../../../broker/wire/index.ts';

export class Outcomes {
  /** Per send, from the oldest without an outcome: whether it has one. */
  readonly #isSettled = new Fifo<boolean>();
  #firstId = 1;
  #hasNews = false;

  /** The id that the program's next send must have. */
  get nextId(): number {
    return (this.#firstId + this.#isSettled.length) >>> 0;
  }

  /** A send came; the result is its id. */
  open(): number {
    const id = this.nextId;
    this.#isSettled.push(false);
    return id;
  }

  /** The frame for a refusal; null when the outcome waits for the next acknowledgement. */
  settle(id: number, status: Status, maxMessageSize: number): BrokerFrame | null {
    this.#isSettled.replace((id - this.#firstId) >>> 0, true);
    while (this.#isSettled.at(0) === true) {
      this.#isSettled.shift();
      this.#firstId = (this.#firstId + 1) >>> 0;
      this.#hasNews = true;
    }
    return status === Status.OK ? null : { op: Op.refused, id, status, maxMessageSize };
  }

  /** Everything up to here has its outcome; null when that is not new. */
  takeAck(): BrokerFrame | null {
    if (!this.#hasNews) return null;
    this.#hasNews = false;
    return { op: Op.ack, through: (this.#firstId - 1) >>> 0 };
  }
}
