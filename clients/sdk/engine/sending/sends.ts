/**
 * Carries each send to its outcome: checks, accounts and encodes it, lets it wait if needed, and settles its promise.
 *
 * A send without a deadline is written at once or fails; only its promise is kept. A send with a deadline keeps its
 * frame until the outcome, so that it can be written again. All sends to an unknown name wait, in order, for the
 * broker's answer.
 */
import { DATA_FRAME_HEADER_BYTES, DataField, MAX_MESSAGE_BYTES, Status } from '../../../../broker/wire/index.ts';
import { type ArgusError, statusError, wordError } from '../../errors.ts';
import { MAX_OUTSTANDING_SENDS } from '../../limits.ts';
import type { Platform } from '../../platform.ts';
import { describe, joinedLength, NOT_SENT, noSession, requestFault, type SendvRequest } from '../../sendv-request.ts';
import type { Names } from '../names.ts';
import type { Flow, FlowActions } from './flow.ts';
import { FlowSend, type FlowSendOwner } from './flow-send.ts';
import { Flows } from './flows.ts';
import type { InFlight } from './inflight.ts';
import { type FramePlace, HeldSend, Send } from './send.ts';
import { Arena, type SendBufferPool } from './send-buffer.ts';
import { writeSendFrame } from './send-frame.ts';
import type { SendQueue } from './send-queue.ts';

/** The parts of a session that sends use. */
export interface Uplink {
  readonly outbox: SendQueue;
  readonly inFlight: InFlight;
}

const UNANSWERED = 'the deadline passed before the broker answered; the message may have arrived';

export class Sends implements FlowActions {
  readonly #names: Names;
  readonly #platform: Platform;
  readonly #pool: SendBufferPool;
  readonly #arena: Arena;
  readonly #queueBytes: number;
  readonly #flows: Flows;
  /** Sends that wait for the broker to resolve their name. */
  readonly #unnamed = new Map<string, HeldSend[]>();
  readonly #onIdle: (() => void)[] = [];
  #uplink: Uplink | null = null;
  /** The reason why no more sends are possible; null until then. */
  #ended: ArgusError | null = null;
  #outstanding = 0;
  #outstandingBytes = 0;
  #sweepAt = Number.POSITIVE_INFINITY;
  #cancelSweep: (() => void) | null = null;

  /** Bound: handed to the in-flight list for each acknowledgement. */
  readonly accept = (send: Send): void => {
    const { held } = send;
    if (held !== null) {
      held.phase = 'done';
      this.#pool.release(held.chunk);
      held.order?.accepted();
    }
    this.#settled(send);
    send.accept();
  };

  constructor(names: Names, platform: Platform, pool: SendBufferPool, queueBytes: number) {
    this.#names = names;
    this.#platform = platform;
    this.#pool = pool;
    this.#arena = new Arena(pool);
    this.#queueBytes = queueBytes;
    this.#flows = new Flows(this);
  }

  /** Sends without outcome. */
  get outstanding(): number {
    return this.#outstanding;
  }

  get outstandingBytes(): number {
    return this.#outstandingBytes;
  }

  get isUp(): boolean {
    return this.#uplink !== null;
  }

  schedule(delayMs: number, task: () => void): () => void {
    return this.#platform.schedule(delayMs, task);
  }

  sendv(request: SendvRequest): Promise<number> {
    const { to, iov, signal } = request;
    const bytes = iov instanceof Uint8Array ? iov.length : joinedLength(iov);
    const fault = requestFault(request, bytes);
    if (fault !== null) return Promise.reject(fault);
    if (this.#ended !== null) return Promise.reject(this.#ended);
    const length = DATA_FRAME_HEADER_BYTES + bytes;
    if (this.#isFull(length)) return Promise.reject(wordError('ENOBUFS', describe(to), undefined, NOT_SENT));
    if (signal?.aborted === true) return Promise.reject(wordError('ECANCELED', describe(to), undefined, NOT_SENT));

    const { domain, port } = to;
    const domid = typeof domain === 'string' ? this.#names.lookup(domain) : domain;
    if (request.deadline !== undefined || domid < 0) return this.#hold(request, domid, bytes);
    const uplink = this.#uplink;
    if (uplink === null) return Promise.reject(noSession(describe(to)));
    if (this.#flows.isBlocked(domid, port)) return Promise.reject(overtaking(describe(to)));

    const { outbox, inFlight } = uplink;
    outbox.reserve(length);
    const { frameChunk, frameAt } = outbox;
    writeSendFrame(
      frameChunk,
      frameAt,
      inFlight.nextId,
      domid,
      request.from ?? 0,
      port,
      request.type ?? 0,
      iov,
      length,
    );
    const send = new Send(bytes);
    inFlight.push(send);
    this.#outstanding++;
    this.#outstandingBytes += length;
    return send;
  }

  /**
   * One message of an open flow; its outcome goes to `send`.
   *
   * @throws ArgusError EINVAL, EMSGSIZE, ENOBUFS, or the reason for which sending is over; `send` is then not used
   */
  stream(
    send: FlowSend,
    number: number,
    payload: Uint8Array,
    from: number,
    type: number,
    deadline: number | undefined,
  ): void {
    const { name, port } = send;
    const bytes = payload instanceof Uint8Array ? payload.length : -1;
    if (bytes < 0 || bytes > MAX_MESSAGE_BYTES || type >>> 0 !== type) {
      const fault = requestFault({ to: destinationOf(send), from, type, iov: payload }, bytes);
      if (fault !== null) throw fault;
    }
    if (this.#ended !== null) throw this.#ended;
    const length = DATA_FRAME_HEADER_BYTES + bytes;
    if (this.#isFull(length)) throw wordError('ENOBUFS', describe(destinationOf(send)), undefined, NOT_SENT);
    const domid = name === null ? send.domid : this.#names.lookup(name);
    const uplink = domid < 0 || this.#flows.isBlocked(domid, port) ? null : this.#uplink;
    send.reuse(number, bytes, deadline === undefined ? undefined : this.#platform.now() + deadline);
    if (uplink === null) {
      const { chunk, at } = this.#arena.reserve(length);
      send.chunk = chunk;
      send.at = at;
      send.isPlaced = false;
    } else {
      uplink.outbox.reserve(length, true);
      send.chunk = uplink.outbox.frameChunk;
      send.at = uplink.outbox.frameAt;
      send.isPlaced = true;
    }
    writeSendFrame(send.chunk, send.at, 0, Math.max(domid, 0), from, port, type, payload, length);
    this.#outstanding++;
    this.#outstandingBytes += length;
    if (name !== null && domid < 0) this.#awaitName(name, send);
    else this.#dispatch(send, domid);
  }

  /** Ends the messages of an open flow that wait. */
  withdraw(owner: FlowSendOwner): void {
    const reason = wordError('ECANCELED', 'flow', undefined, NOT_SENT);
    this.#withdrawWhere((send) => (send instanceof FlowSend && send.owner === owner ? reason : null));
  }

  /** Writes the finished frame of another program, whose outcome goes to `send`. False without a session. */
  relay(frame: Uint8Array, send: Send): boolean {
    const uplink = this.#uplink;
    if (uplink === null) return false;
    const { outbox, inFlight } = uplink;
    outbox.reserve(frame.length);
    const { frameChunk, frameAt } = outbox;
    frameChunk.bytes.set(frame, frameAt);
    frameChunk.view.setUint32(frameAt + DataField.id, inFlight.nextId, true);
    inFlight.push(send);
    this.#outstanding++;
    this.#outstandingBytes += frame.length;
    return true;
  }

  /** A refusal of the broker for the send it took out of the in-flight list. */
  refuse(send: Send, status: Status, maxMessageSize: number): void {
    const { held } = send;
    if (held !== null) {
      const isLate = this.#platform.now() >= held.deadlineAt;
      const isOver = isLate || held.signal?.aborted === true;
      if (held.order?.refused(held, status, isOver) === true) {
        this.#watchDeadline(held.deadlineAt);
        return;
      }
      held.phase = 'done';
      this.#pool.release(held.chunk);
      if (isOver && Number.isFinite(held.deadlineAt) && (status === Status.EAGAIN || status === Status.EBUSY)) {
        this.#settled(send);
        send.fail(wordError(isLate ? 'ETIMEDOUT' : 'ECANCELED', 'sendv', undefined, NOT_SENT));
        return;
      }
    }
    this.#settled(send);
    // Lost between two brokers: the message may have arrived.
    const detail = { outcome: status === Status.ECONNRESET ? ('unknown' as const) : ('refused' as const) };
    send.fail(statusError(status, 'sendv', status === Status.EMSGSIZE ? { ...detail, maxMessageSize } : detail));
  }

  /** There is room in a ring. */
  space(domid: number, port: number): void {
    this.#flows.space(domid, port);
  }

  /** A session came up. */
  attach(uplink: Uplink): void {
    this.#uplink = uplink;
    this.#readdress();
    this.#flows.revive();
  }

  /** The session is gone: sends in flight have an unknown outcome, waiting sends go on waiting. */
  detach(): void {
    const uplink = this.#uplink;
    if (uplink === null) return;
    this.#uplink = null;
    uplink.inFlight.drain((send) => {
      const { held } = send;
      if (held !== null) {
        held.phase = 'done';
        this.#pool.release(held.chunk);
        held.order?.lost();
      }
      this.#settled(send);
      send.fail(wordError('ECONNRESET', 'sendv', undefined, { outcome: 'unknown' }));
    });
    this.#flows.suspend();
    for (const [name, sends] of this.#unnamed) {
      // A send that is not ordered must not wait for another session.
      const kept = sends.filter((send) => send.isOrdered);
      this.#unnamed.set(name, kept);
      for (const send of sends) if (!kept.includes(send)) this.#giveUp(send, noSession(`sendv to ${name}`));
    }
  }

  /** A new revision: a name may mean another domain, so waiting sends resolve it again. */
  readdress(): void {
    this.#readdress();
  }

  /** Ends all waiting sends; nothing can be sent after this. */
  end(reason: ArgusError, waiting: ArgusError): void {
    this.#ended = reason;
    this.detach();
    this.#withdrawWhere(() => waiting);
    this.#cancelSweep?.();
  }

  /** Resolves when every send has its outcome. */
  idle(): Promise<void> {
    return this.#outstanding === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** For flows. */
  transmit(send: HeldSend, flow: Flow, flags: number): void {
    this.#write(send, flow.domid, flags);
  }

  #isFull(length: number): boolean {
    // A message larger than queueBytes is sent when nothing else is outstanding; otherwise it could never be sent.
    const isOverBytes = this.#outstanding > 0 && this.#outstandingBytes + length > this.#queueBytes;
    return isOverBytes || this.#outstanding >= MAX_OUTSTANDING_SENDS;
  }

  /** A send that may have to wait. Its frame is kept: in the open record if it is written at once. */
  #hold(request: SendvRequest, domid: number, bytes: number): Promise<number> {
    const { to, iov, deadline, from = 0, type = 0, signal = null } = request;
    if (domid < 0 && deadline === undefined && this.#uplink === null) return Promise.reject(noSession(describe(to)));
    const length = DATA_FRAME_HEADER_BYTES + bytes;
    const uplink = domid < 0 || this.#flows.isBlocked(domid, to.port) ? null : this.#uplink;
    const place = uplink === null ? this.#store(length) : this.#place(uplink, length);
    writeSendFrame(place.chunk, place.at, 0, Math.max(domid, 0), from, to.port, type, iov, length);
    const send = new HeldSend(bytes, place, {
      name: typeof to.domain === 'string' ? to.domain : null,
      port: to.port,
      deadlineAt: deadline === undefined ? Number.POSITIVE_INFINITY : this.#platform.now() + deadline,
      isOrdered: deadline !== undefined,
      signal,
    });
    this.#outstanding++;
    this.#outstandingBytes += length;
    if (signal !== null) this.#listen(send, signal);
    if (typeof to.domain === 'string' && domid < 0) this.#awaitName(to.domain, send);
    else this.#dispatch(send, domid);
    return send;
  }

  /** Room in the open record; the reference keeps the frame readable. */
  #place(uplink: Uplink, length: number): FramePlace {
    uplink.outbox.reserve(length, true);
    return { chunk: uplink.outbox.frameChunk, at: uplink.outbox.frameAt, isPlaced: true };
  }

  /** Room outside any record, until the send is written. */
  #store(length: number): FramePlace {
    const { chunk, at } = this.#arena.reserve(length);
    return { chunk, at, isPlaced: false };
  }

  #listen(send: HeldSend, signal: AbortSignal): void {
    const abort = (): void =>
      this.#withdrawWhere((each) => (each === send ? wordError('ECANCELED', 'sendv', undefined, NOT_SENT) : null));
    const unlisten = (): void => signal.removeEventListener('abort', abort);
    signal.addEventListener('abort', abort, { once: true });
    send.then(unlisten, unlisten);
  }

  /** The destination is known. */
  #dispatch(send: HeldSend, domid: number): void {
    if (send.isOrdered) {
      const flow = this.#flows.to(domid, send.port);
      flow.submit(send);
      this.#watchDeadline(send.deadlineAt);
    } else if (this.#uplink === null) this.#giveUp(send, noSession('sendv'));
    else if (this.#flows.isBlocked(domid, send.port)) this.#giveUp(send, overtaking('sendv'));
    else this.#write(send, domid, 0);
  }

  #awaitName(name: string, send: HeldSend): void {
    this.#watchDeadline(send.deadlineAt);
    const waiting = this.#unnamed.get(name);
    if (waiting !== undefined) {
      waiting.push(send);
      return;
    }
    this.#unnamed.set(name, [send]);
    this.#names.resolve(name, (status, domid) => {
      const sends = this.#unnamed.get(name) ?? [];
      this.#unnamed.delete(name);
      for (const each of sends) {
        if (status === Status.OK) this.#dispatch(each, domid);
        else this.#giveUp(each, statusError(status, `sendv to "${name}"`, { outcome: 'refused' }));
      }
    });
  }

  /** Moves the waiting sends that were addressed by name back behind their name. */
  #readdress(): void {
    const moved: { readonly name: string; readonly send: HeldSend }[] = [];
    this.#flows.withdraw((send) => {
      const { name } = send;
      if (name === null) return false;
      moved.push({ name, send });
      return true;
    });
    for (const { name, send } of moved) {
      send.order = null;
      this.#awaitName(name, send);
    }
  }

  #write(send: HeldSend, domid: number, flags: number): void {
    const uplink = this.#uplink;
    if (uplink === null) return;
    if (send.isPlaced) send.isPlaced = false;
    else {
      const { chunk, at } = this.#place(uplink, send.length);
      chunk.bytes.set(send.chunk.bytes.subarray(send.at, send.at + send.length), at);
      this.#pool.release(send.chunk);
      send.chunk = chunk;
      send.at = at;
    }
    const { chunk, at } = send;
    send.phase = 'in-flight';
    chunk.view.setUint8(at + DataField.flags, flags);
    chunk.view.setUint32(at + DataField.id, uplink.inFlight.nextId, true);
    chunk.view.setUint16(at + DataField.destination, domid, true);
    uplink.inFlight.push(send);
  }

  /** Ends a send that waits. */
  #giveUp(send: HeldSend, error: ArgusError): void {
    send.phase = 'done';
    this.#pool.release(send.chunk);
    this.#settled(send);
    send.fail(error);
  }

  #settled(send: Send): void {
    this.#outstanding--;
    this.#outstandingBytes -= DATA_FRAME_HEADER_BYTES + send.bytes;
    if (this.#outstanding === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #withdrawWhere(reasonFor: (send: HeldSend) => ArgusError | null): void {
    const ended: { readonly send: HeldSend; readonly error: ArgusError }[] = [];
    const decide = (send: HeldSend): boolean => {
      const error = reasonFor(send);
      if (error !== null) ended.push({ send, error });
      return error !== null;
    };
    this.#flows.withdraw(decide);
    for (const [name, sends] of this.#unnamed) {
      this.#unnamed.set(
        name,
        sends.filter((send) => !decide(send)),
      );
    }
    for (const { send, error } of ended) this.#giveUp(send, error);
  }

  /** One timer for all deadlines, set for the earliest. */
  #watchDeadline(deadlineAt: number): void {
    if (deadlineAt >= this.#sweepAt) return;
    this.#cancelSweep?.();
    this.#sweepAt = deadlineAt;
    const delayMs = Math.max(1, Math.ceil(deadlineAt - this.#platform.now()));
    this.#cancelSweep = this.#platform.schedule(delayMs, () => this.#sweep());
  }

  #sweep(): void {
    this.#cancelSweep = null;
    this.#sweepAt = Number.POSITIVE_INFINITY;
    const now = this.#platform.now();
    let next = Number.POSITIVE_INFINITY;
    this.#withdrawWhere((send) => {
      if (send.deadlineAt <= now) return wordError('ETIMEDOUT', 'sendv', undefined, NOT_SENT);
      next = Math.min(next, send.deadlineAt);
      return null;
    });
    // A broker that does not answer must not keep a caller longer than the caller said.
    this.#uplink?.inFlight.visit(({ held }) => {
      // A message of a flow keeps its place in the window until the broker's answer: that is its one outcome.
      if (held === null || held.isTimedOut || held instanceof FlowSend) return;
      if (held.deadlineAt > now) next = Math.min(next, held.deadlineAt);
      else {
        held.isTimedOut = true;
        held.fail(wordError('ETIMEDOUT', 'sendv', UNANSWERED, { outcome: 'unknown' }));
      }
    });
    if (Number.isFinite(next)) this.#watchDeadline(next);
  }
}

function destinationOf({ name, domid, port }: FlowSend): SendvRequest['to'] {
  return { domain: name ?? domid, port };
}

function overtaking(what: string): ArgusError {
  return wordError('EAGAIN', what, 'earlier sends with a deadline wait for room there', NOT_SENT);
}
