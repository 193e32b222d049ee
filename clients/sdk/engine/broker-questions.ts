/** BrokerQuestions to the broker, of which each has one answer: the requests of Argo, and the domids of names. */
import { DOMID_ANY, Op, Status } from '../../../broker/wire/index.ts';
import type { DomainRef } from '../domain-ref.ts';
import { statusError, wordError } from '../errors.ts';
import type { BrokerAnswer, ClientSession } from './client-session.ts';
import { Names } from './names.ts';

export class BrokerQuestions {
  readonly names = new Names((name, answer) => {
    const session = this.#session();
    const isAsked = session?.request(
      { op: Op.resolve, id: 0, name },
      (reply) => {
        if (reply.op === Op.reply) answer(reply.status, reply.value);
        else answer(Status.EINVAL, 0);
      },
      () => {}, // the next session asks again
    );
    if (isAsked === false) answer(Status.ENOBUFS, 0);
  });
  readonly #session: () => ClientSession | null;

  /** @param session the session that is open now */
  constructor(session: () => ClientSession | null) {
    this.#session = session;
  }

  /**
   * Asks the broker. `take` runs in the same turn in which the OK arrives.
   *
   * @throws ArgusError by the status of the answer; ECONNRESET without a session; ENOBUFS; and whatever `take` throws
   */
  ask<T>(what: string, frame: Parameters<ClientSession['request']>[0], take: (answer: BrokerAnswer) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const lose = (): void => reject(wordError('ECONNRESET', what));
      const settle = (answer: BrokerAnswer): void => {
        try {
          resolve(take(answer));
        } catch (error) {
          reject(error);
        }
      };
      const session = this.#session();
      const isSent = session?.request(
        frame,
        (answer) => {
          if (answer.status === Status.OK) settle(answer);
          else reject(statusError(answer.status, what));
        },
        lose,
      );
      if (isSent === true) return;
      if (session === null) reject(notNow(what));
      else reject(wordError('ENOBUFS', what, 'too many requests wait for their answer'));
    });
  }

  /**
   * The domid of a domain; a name that is not known yet is asked for.
   *
   * @throws ArgusError EINVAL, ENOENT, ECONNRESET
   */
  domidOf(domain: DomainRef, what: string): number | Promise<number> {
    if (typeof domain === 'number') {
      if (domain >>> 0 !== domain || domain > 0xffff)
        throw wordError('EINVAL', what, `domid ${domain}: expected 0 … 65535`);
      return domain;
    }
    if (domain === 'any') return DOMID_ANY;
    const known = this.names.lookup(domain);
    if (known >= 0) return known;
    if (this.#session() === null) throw notNow(what);
    return new Promise((resolve, reject) => {
      this.names.resolve(domain, (status, domid) => {
        if (status === Status.OK) resolve(domid);
        else reject(statusError(status, `${what}: domain "${domain}"`));
      });
    });
  }
}

function notNow(what: string): Error {
  return wordError('ECONNRESET', what, 'there is no session with the broker now');
}
