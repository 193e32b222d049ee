/**
 * Requests over one line to a NATS server, one after the other.
 *
 * A line does not say which subject a message came by. So the reader waits for one answer at a time, and a request
 * without an answer ends the line: a late answer could be taken for that of the next request.
 */
import type { Clock } from '../../../base/index.ts';
import { NatsCarrierError } from '../errors.ts';
import { REQUEST_TIMEOUT_MS } from '../limits.ts';
import type { ServerLine } from '../line/server-connection.ts';

/** The text of a notice. No answer has it: answers are JSON, or pieces of JSON that end with a line end. */
export const NOTICE = 'published';

interface Pending {
  readonly resolve: (answer: Uint8Array) => void;
  readonly reject: (error: NatsCarrierError) => void;
}

export class RequestLine {
  readonly #line: Pick<ServerLine, 'publish' | 'close' | 'maxPayload'>;
  readonly #inbox: string;
  readonly #clock: Pick<Clock, 'after'>;
  #turn: Promise<unknown> = Promise.resolve();
  #pending: Pending | null = null;
  #sent = 0;
  #end: NatsCarrierError | null = null;

  constructor(line: Pick<ServerLine, 'publish' | 'close' | 'maxPayload'>, inbox: string, clock: Pick<Clock, 'after'>) {
    this.#line = line;
    this.#inbox = inbox;
    this.#clock = clock;
  }

  /** @throws NatsCarrierError ERR_NATS_LOST, ERR_NATS_PAYLOAD */
  request(subject: string, payload: Uint8Array): Promise<Uint8Array> {
    const answer = this.#turn.then(() => this.#ask(subject, payload));
    this.#turn = answer.catch(() => undefined);
    return answer;
  }

  /** Publishes a notice, without an answer. */
  notify(subject: string): void {
    const bytes = Buffer.from(NOTICE);
    this.#line.publish(`PUB ${subject} `, bytes.length, (message) => message.set(bytes));
  }

  /** An answer to the present request. `payload` is valid only during the call. */
  receive(payload: Uint8Array): void {
    const pending = this.#pending;
    this.#pending = null;
    // A copy: the line reuses its memory.
    pending?.resolve(Uint8Array.from(payload));
  }

  /** The line has ended: the present request and all later ones fail. */
  ended(error: NatsCarrierError | null): void {
    this.#end ??= error ?? new NatsCarrierError('ERR_NATS_LOST', 'the connection to the nats server ended');
    const pending = this.#pending;
    this.#pending = null;
    pending?.reject(this.#end);
  }

  #ask(subject: string, payload: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#end !== null) return reject(this.#end);
      if (payload.length > this.#line.maxPayload)
        return reject(
          new NatsCarrierError(
            'ERR_NATS_PAYLOAD',
            `the server takes messages of ${this.#line.maxPayload} bytes, and this one has ${payload.length}`,
          ),
        );
      const cancel = this.#clock.after(REQUEST_TIMEOUT_MS, () => {
        this.ended(unanswered(subject));
        this.#line.close();
      });
      this.#pending = {
        resolve: (answer) => {
          cancel();
          resolve(answer);
        },
        reject: (error) => {
          cancel();
          reject(error);
        },
      };
      const head = `PUB ${subject} ${this.#inbox}.${++this.#sent} `;
      this.#line.publish(head, payload.length, (message) => message.set(payload));
    });
  }
}

function unanswered(subject: string): NatsCarrierError {
  return new NatsCarrierError(
    'ERR_NATS_LOST',
    `no answer to "${subject}": the server has no such bucket (argus policy publish --nats makes it), or no JetStream (argus nats config DIR --bundles)`,
  );
}
