/**
 * Requests and replies: a request is one message, and so is its reply.
 *
 *   request   from = the port of the asker's ring for replies; type = the number of the request
 *   reply     to that port of the asking domain; type = the number of the request
 *
 * A reply counts only when the domain that was asked has sent it. One that comes after its deadline is dropped.
 */
import { wordError } from '../errors.ts';
import { DEFAULT_REQUEST_DEADLINE_MS } from '../limits.ts';
import type { Message } from '../message.ts';
import type { Platform } from '../platform.ts';
import type { Ring } from '../ring.ts';
import type { SendvRequest } from '../sendv-request.ts';

export interface AskRequest {
  readonly to: SendvRequest['to'];
  /** A ring of this domain that takes the replies. Nothing else reads it. */
  readonly from: Ring;
  readonly iov: SendvRequest['iov'];
  /** Milliseconds for the request and its reply (default 10 000). */
  readonly deadline?: number;
}

interface Asked {
  readonly domain: SendvRequest['to']['domain'];
  readonly deadlineAt: number;
  readonly resolve: (reply: Message) => void;
  readonly reject: (error: unknown) => void;
}

type Sendv = (request: SendvRequest) => Promise<number>;

/** The requests whose replies come to one ring. */
export class Requests {
  readonly #ring: Ring;
  readonly #sendv: Sendv;
  readonly #platform: Pick<Platform, 'now' | 'schedule'>;
  readonly #asked = new Map<number, Asked>();
  #number = 0;
  #isOver = false;
  #lookAt = Number.POSITIVE_INFINITY;
  #cancelLook: () => void = () => {};

  constructor(ring: Ring, sendv: Sendv, platform: Pick<Platform, 'now' | 'schedule'>) {
    this.#ring = ring;
    this.#sendv = sendv;
    this.#platform = platform;
    const over = (error: unknown): void => this.#end(error);
    ring
      .consume((message) => this.#reply(message))
      .then(() => over(wordError('ECANCELED', 'request', 'the ring for replies was closed')), over);
  }

  /** The ring is not read any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  ask({ to, iov, deadline = DEFAULT_REQUEST_DEADLINE_MS }: AskRequest): Promise<Message> {
    do this.#number = (this.#number + 1) >>> 0;
    while (this.#asked.has(this.#number));
    const number = this.#number;
    return new Promise((resolve, reject) => {
      const deadlineAt = this.#platform.now() + deadline;
      this.#asked.set(number, { domain: to.domain, deadlineAt, resolve, reject });
      this.#watch(deadlineAt);
      this.#sendv({ to, from: this.#ring.port, type: number, iov, deadline }).catch((error: unknown) => {
        if (this.#asked.delete(number)) reject(error);
      });
    });
  }

  #reply(message: Message): void {
    const asked = this.#asked.get(message.type);
    if (asked === undefined || !isFrom(message, asked.domain)) return;
    this.#asked.delete(message.type);
    // Copied: the payload is valid only during the call.
    asked.resolve({ ...message, payload: Uint8Array.from(message.payload) });
  }

  /** One timer for all requests, set for the earliest deadline. */
  #watch(deadlineAt: number): void {
    if (deadlineAt >= this.#lookAt) return;
    this.#cancelLook();
    this.#lookAt = deadlineAt;
    this.#cancelLook = this.#platform.schedule(Math.max(1, Math.ceil(deadlineAt - this.#platform.now())), () =>
      this.#look(),
    );
  }

  #look(): void {
    this.#lookAt = Number.POSITIVE_INFINITY;
    const now = this.#platform.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [number, { deadlineAt, reject }] of this.#asked) {
      if (deadlineAt > now) next = Math.min(next, deadlineAt);
      else {
        this.#asked.delete(number);
        reject(wordError('ETIMEDOUT', 'request', 'no reply before the deadline', { outcome: 'unknown' }));
      }
    }
    if (Number.isFinite(next)) this.#watch(next);
  }

  #end(error: unknown): void {
    this.#isOver = true;
    this.#cancelLook();
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    for (const { reject } of asked) reject(error);
  }
}

function isFrom({ source }: Message, domain: SendvRequest['to']['domain']): boolean {
  return typeof domain === 'string' ? source.name === domain : source.domid === domain;
}

/** @returns the reply's payload, which is copied */
export type RequestHandler = (request: Message) => Uint8Array | Promise<Uint8Array>;

/** Answers each request with one message. A promise of `reply` that rejects ends the answering, as a throw does. */
export function answerRequests(ring: Ring, reply: RequestHandler, sendv: Sendv): Promise<void> {
  return new Promise((resolve, reject) => {
    const say = ({ source, port, type }: Message, payload: Uint8Array): void => {
      const sent = sendv({
        to: { domain: source.domid, port },
        type,
        iov: payload,
        deadline: DEFAULT_REQUEST_DEADLINE_MS,
      });
      // The asker is gone or takes nothing: it finds out by its own deadline.
      sent.catch(() => {});
    };
    ring
      .consume((request) => {
        if (request.port === 0) return;
        const payload = reply(request);
        if (payload instanceof Uint8Array) say(request, payload);
        else payload.then((bytes) => say(request, bytes), reject);
      })
      .then(resolve, reject);
  });
}
