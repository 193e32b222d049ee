/** This domain's connection to its broker: Argo's four operations and the events. It outlives single sessions. */
import type { WelcomeFrame } from '../../broker/channel/index.ts';
import { DataField, Op, PORT_ALL, REGISTER_FAIL_EXIST, Status } from '../../broker/wire/index.ts';
import type { DomainRef } from './domain-ref.ts';
import { Backoff } from './engine/backoff.ts';
import { BrokerQuestions } from './engine/broker-questions.ts';
import type { ClientSession, Notice, SessionHandlers } from './engine/client-session.ts';
import { isFinal } from './engine/close-reasons.ts';
import { RelayedSend, type RelayUser, type SessionRelay } from './engine/relay.ts';
import { Rings } from './engine/rings.ts';
import type { Send } from './engine/sending/send.ts';
import type { SendBufferPool } from './engine/sending/send-buffer.ts';
import { Sends } from './engine/sending/sends.ts';
import { ArgusError, statusError, wordError } from './errors.ts';
import { Emitter, type EventListener } from './events.ts';
import { BACKOFF_RESET_AFTER_MS } from './limits.ts';
import type { Message } from './message.ts';
import type { ResolvedOptions } from './options.ts';
import type { Platform } from './platform.ts';
import { Ring, type RingOwner } from './ring.ts';
import { notifyQueries, type RingQuery, type RingState, ringStates } from './ring-query.ts';
import type { SendvRequest } from './sendv-request.ts';
import { type FlowRequest, openFlow } from './streams/flow-request.ts';
import type { OpenFlow } from './streams/open-flow.ts';
import { type AskRequest, answerRequests, type RequestHandler, Requests } from './streams/requests.ts';
import type { VmEvents } from './vm-events.ts';

export type VmState = 'connecting' | 'connected' | 'reconnecting' | 'closing' | 'closed';

export interface RegisterRingRequest {
  /** Argo port, u32, that others send to. */
  readonly port: number;
  /** The allowed sender: one domain by name or domid, or `'any'` for every domain that policy allows. */
  readonly partner: DomainRef;
  /** Bytes: 48 … 16 777 152, a multiple of 16; a message occupies 16 plus its payload rounded up to 16. */
  readonly length: number;
  /** Refuse (EEXIST) also where the very same ring exists already (default false). */
  readonly failExist?: boolean;
  /**
   * Reading ends when the session of the partner has ended and its messages are read (default false). The ring itself
   * stays until it is closed. Only for one partner.
   */
  readonly endsWithPartner?: boolean;
}

/** Opens a carrier and establishes a session on it; rejects with an ArgusError. */
export type Dial = (vm: SessionHandlers, signal: AbortSignal) => Promise<ClientSession>;

export class Vm implements AsyncDisposable {
  readonly #platform: Platform;
  readonly #options: ResolvedOptions;
  readonly #dial: Dial;
  readonly #questions = new BrokerQuestions(() => this.#session);
  readonly #sends: Sends;
  readonly #rings = new Rings();
  readonly #events: Emitter<VmEvents>;
  readonly #backoff: Backoff;
  readonly #stop = new AbortController();
  readonly #ringOwner: RingOwner;
  #state: VmState = 'connecting';
  #session: ClientSession | null = null;
  #welcome: WelcomeFrame | null = null;
  #revision = 0;
  #labels: readonly string[] = Object.freeze([]);
  #upAt = 0;
  #cancelRetry: (() => void) | null = null;
  #relayUser: RelayUser | null = null;
  readonly #requests = new WeakMap<Ring, Requests>();
  #closing: Promise<void> | null = null;

  /** Called by `connect` only. */
  constructor(options: ResolvedOptions, platform: Platform, pool: SendBufferPool, dial: Dial) {
    this.#options = options;
    this.#platform = platform;
    this.#dial = dial;
    this.#backoff = new Backoff(platform.random);
    this.#events = new Emitter(onListenerError);
    this.#sends = new Sends(this.#questions.names, platform, pool, options.queueBytes);
    this.#ringOwner = {
      credit: (ring, bytes) => {
        const handle = this.#rings.handleOf(ring);
        if (handle === undefined) return false;
        this.#session?.tell({ op: Op.credit, ring: handle, bytes });
        return true;
      },
      owes: (ring) => this.#rings.owes(ring),
      unregister: (ring) => this.unregisterRing(ring),
      schedule: platform.schedule,
      now: platform.now,
    };
  }

  /** This domain's name, as the broker authenticated it. */
  get name(): string {
    return this.#welcome?.name ?? '';
  }

  get domid(): number {
    return this.#welcome?.domid ?? -1;
  }

  /** The domid of a domain, which the broker knows. @throws ArgusError ENOENT for an unknown name */
  async domidOf(name: string): Promise<number> {
    return this.#questions.domidOf(name, 'domidOf');
  }

  get brokerName(): string {
    return this.#welcome?.broker ?? '';
  }

  /** Revision of the policy in force, as last announced. */
  get revision(): number {
    return this.#revision;
  }

  /** This domain's security labels, as last announced. A grant adds one; its end removes it. */
  get labels(): readonly string[] {
    return this.#labels;
  }

  get state(): VmState {
    return this.#state;
  }

  /** Number of sends without an outcome. */
  get outstandingSends(): number {
    return this.#sends.outstanding;
  }

  /** Called by `connect` only: what it finds out about this domain's credential. */
  tell<Name extends 'renewed' | 'expiring'>(name: Name, event: VmEvents[Name]): void {
    this.#events.emit(name, event);
  }

  on<Name extends keyof VmEvents>(name: Name, listener: EventListener<VmEvents[Name]>): this {
    this.#events.on(name, listener);
    return this;
  }

  off<Name extends keyof VmEvents>(name: Name, listener: EventListener<VmEvents[Name]>): this {
    this.#events.off(name, listener);
    return this;
  }

  /**
   * Sends one message. The payload is copied before the call returns.
   *
   * @returns payload bytes, once they are in the receiver's ring
   * @throws ArgusError EACCES, ECONNREFUSED, EAGAIN, EBUSY, EMSGSIZE (`maxMessageSize`), EPERM, EINVAL, EIO, ENOMEM;
   * ETIMEDOUT (deadline), ENOBUFS, ECANCELED (signal, close), ECONNRESET (`outcome` says whether it may have arrived)
   */
  sendv(request: SendvRequest): Promise<number> {
    return this.#sends.sendv(request);
  }

  /**
   * Opens a flow: a stream of messages to one ring, in their order, without a promise for each. Resolves when the broker
   * knows the destination; whether policy allows the messages is decided for each of them.
   *
   * @throws ArgusError EINVAL, EACCES (no such domain, or none that policy lets you see), ECONNRESET
   */
  flow(request: FlowRequest): Promise<OpenFlow> {
    return openFlow(request, {
      questions: this.#questions,
      sends: this.#sends,
      queueBytes: this.#options.queueBytes,
      platform: this.#platform,
      onListenerError,
    });
  }

  /**
   * Sends a request and waits for its reply: one message each way. The other side answers with `answer`, or by sending to
   * the request's `port` with the request's `type`.
   *
   * @returns the reply, whose payload is yours
   * @throws ArgusError as `sendv` for the request; ETIMEDOUT: no reply before the deadline; EEXIST: something else reads `from`
   */
  request(request: AskRequest): Promise<Message> {
    const { from } = request;
    let requests = this.#requests.get(from);
    if (requests === undefined || requests.isOver) {
      requests = new Requests(from, (sent) => this.sendv(sent), this.#platform);
      this.#requests.set(from, requests);
    }
    return requests.ask(request);
  }

  /**
   * Answers the requests that come to a ring, until the ring ends. Requests without a port for replies are not answered.
   *
   * @throws ArgusError as `Ring.consume`; and whatever `reply` throws
   */
  answer(ring: Ring, reply: RequestHandler): Promise<void> {
    return answerRequests(ring, reply, (sent) => this.sendv(sent));
  }

  /**
   * Registers a ring. If a ring with the same port, partner and length exists, it is returned with its messages, unless
   * `failExist` is set. A ring with another length is EEXIST.
   *
   * @throws ArgusError EACCES, EEXIST, EINVAL, ENOMEM, ENOSPC, ESRCH, ECONNRESET
   */
  async registerRing(request: RegisterRingRequest): Promise<Ring> {
    const { port, partner, length, failExist = false, endsWithPartner = false } = request;
    if (port >>> 0 !== port || length >>> 0 !== length)
      throw wordError('EINVAL', 'registerRing', 'port and length are integers of 0 … 2^32-1');
    if (endsWithPartner && partner === 'any')
      throw wordError('EINVAL', 'registerRing', 'a ring for every domain has no partner to end with');
    const domid = await this.#questions.domidOf(partner, 'registerRing');
    const ring = new Ring(port, partner, length, this.#ringOwner);
    if (endsWithPartner) ring.endWithPartner(null);
    return this.#register(ring, domid, failExist ? REGISTER_FAIL_EXIST : 0, 0);
  }

  /**
   * Unregisters a ring. Its messages stay readable; then its iteration ends.
   *
   * @throws ArgusError ENOENT, ECONNRESET
   */
  async unregisterRing(ring: Ring): Promise<void> {
    if (!ring.isOpen) return;
    ring.settle();
    const domid = await this.#questions.domidOf(ring.partner, 'unregisterRing');
    await this.#questions.ask<void>(
      'unregisterRing',
      { op: Op.unregisterRing, id: 0, port: ring.port, partner: domid, pad: 0 },
      () => {
        this.#rings.remove(ring);
        ring.end(null);
      },
    );
  }

  /**
   * Asks for the state of other domains' rings (at most 256). With null, the broker only signals the senders that wait for
   * this domain.
   *
   * @returns one state per query, in their order
   * @throws ArgusError EACCES, EINVAL, ECONNRESET
   */
  async notify(queries: readonly RingQuery[] | null = null): Promise<readonly RingState[]> {
    const asked =
      queries === null ? null : await notifyQueries(queries, (domain) => this.#questions.domidOf(domain, 'notify'));
    return this.#questions.ask('notify', { op: Op.notify, id: 0, queries: asked }, ringStates);
  }

  /** Waits for outstanding sends (at most `drainTimeoutMs`) and closes the session. A second call waits for the first. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** For the agent: lends the session to other programs of this domain. @internal */
  relay(user: RelayUser): SessionRelay {
    this.#relayUser = user;
    const welcome = (): WelcomeFrame | null =>
      this.#session === null || this.#welcome === null ? null : { ...this.#welcome, revision: this.#revision };
    const rings = this.#rings;
    return {
      get welcome() {
        return welcome();
      },
      get sources() {
        return rings.sources;
      },
      hasRing: (handle) => rings.byHandle(handle) !== undefined,
      request: (frame, onAnswer, onLost) => this.#session?.request(frame, onAnswer, onLost) ?? false,
      tell: (frame) => this.#session?.tell(frame),
      send: (frame, payloadBytes, onOutcome) => this.#sends.relay(frame, new RelayedSend(payloadBytes, onOutcome)),
    };
  }

  /** For `connect`: the first session. @internal */
  async start(): Promise<void> {
    try {
      await this.#dial(this.#handlers, this.#options.signal ?? this.#stop.signal);
    } catch (error) {
      this.#end(
        error instanceof ArgusError ? error : new ArgusError('ERR_CLIENT_LOST', String(error), { cause: error }),
      );
      throw error;
    }
  }

  readonly #handlers: SessionHandlers = {
    onUp: (session, welcome) => this.#onUp(session, welcome),
    onDeliver: (bytes, view, at, length, isLent) => {
      const result = this.#rings.deliver(bytes, view, at, length, isLent);
      const isRelayed =
        result === 'no-ring' &&
        this.#relayUser?.onDeliver(view.getUint32(at + DataField.id, true), bytes, at, length) === true;
      if (result === 'no-ring' && !isRelayed)
        this.#events.emit(
          'error',
          new ArgusError(
            'ERR_CLIENT_PROTOCOL',
            'the broker delivered a message into a ring that this side does not have',
          ),
        );
      return result === 'no-source' ? 'nonsense' : result === 'kept' ? 'kept' : 'lent';
    },
    onRecordEnd: () => this.#rings.endRecord(),
    onLeaving: () => {
      if (this.#rings.isOwing) this.#rings.ride(this.#platform.now());
    },
    onAccepted: (send: Send) => this.#sends.accept(send),
    onRefused: (send, status, maxMessageSize) => this.#sends.refuse(send, status, maxMessageSize),
    onNotice: (notice) => this.#onNotice(notice),
    onDown: (reason) => this.#onDown(reason),
  };

  #onUp(session: ClientSession, welcome: WelcomeFrame): void {
    const isFirst = this.#state === 'connecting';
    this.#session = session;
    this.#welcome = welcome;
    this.#revision = welcome.revision;
    this.#upAt = this.#platform.now();
    this.#labels = Object.freeze([]); // the broker announces them after the welcome
    this.#questions.names.askAgain();
    if (isFirst) {
      this.#state = 'connected';
      this.#sends.attach(session);
      this.#relayUser?.onUp();
      return;
    }
    void this.#comeBack(session);
  }

  /** Registers the rings first, so that replies to the next sends find them. */
  async #comeBack(session: ClientSession): Promise<void> {
    await Promise.all([...this.#rings].map((ring) => this.#registerAgain(ring)));
    if (this.#session !== session) return;
    if (this.#state === 'reconnecting') this.#state = 'connected';
    this.#sends.attach(session);
    this.#relayUser?.onUp();
    this.#events.emit('reconnected', { domid: this.domid, revision: this.#revision });
  }

  async #registerAgain(ring: Ring): Promise<void> {
    try {
      const domid = await this.#questions.domidOf(ring.partner, 'registerRing');
      if (ring.isOpen) await this.#register(ring, domid, 0, ring.restart());
    } catch (error) {
      if (!(error instanceof ArgusError)) throw error;
      if (error.code === 'ECONNRESET') return; // the next session tries again
      this.#rings.remove(ring);
      ring.end(error);
      this.#events.emit('ring-closed', { ring, reason: error });
    }
  }

  #register(ring: Ring, partner: number, flags: number, unread: number): Promise<Ring> {
    const { port, length } = ring;
    return this.#questions.ask(
      'registerRing',
      { op: Op.registerRing, id: 0, port, partner, pad: 0, length, flags, unread },
      (answer) => {
        if (answer.op !== Op.reply) return ring;
        // The broker kept the existing ring. Its unread messages are charged to it, so the same reader must go on.
        const existing = this.#rings.byHandle(answer.value);
        if (existing !== undefined) return existing;
        if (this.#relayUser?.hasRing(answer.value) === true)
          throw wordError('EEXIST', 'registerRing', 'another program of this machine has the ring');
        // At once, because the next frame of this record may be a delivery.
        this.#rings.add(ring, answer.value, partner);
        ring.settle();
        return ring;
      },
    );
  }

  #onNotice(notice: Notice): void {
    this.#relayUser?.onNotice(notice);
    switch (notice.op) {
      case Op.introduce:
        if (this.#rings.introduce(notice.domid, notice.name, notice.labels)) this.#onLabels(notice);
        return;
      case Op.space:
        this.#sends.space(notice.domid, notice.port);
        this.#events.emit('space', { domid: notice.domid, port: notice.port });
        return;
      case Op.peerGone:
      case Op.revoked: {
        const { domid, messages, bytes } = notice;
        const port = notice.port === PORT_ALL ? null : notice.port;
        if (notice.op === Op.peerGone && port === null) this.#rings.partnerGone(domid);
        this.#events.emit(notice.op === Op.revoked ? 'revoked' : 'peer-gone', { domid, port, messages, bytes });
        return;
      }
      case Op.ringClosed: {
        const ring = this.#rings.byHandle(notice.ring);
        if (ring === undefined) return; // unregistered at the same time
        const reason = statusError(notice.status, `the broker closed the ring at port ${ring.port}`);
        this.#rings.remove(ring);
        ring.end(reason);
        this.#events.emit('ring-closed', { ring, reason });
        return;
      }
      case Op.revision:
        this.#revision = notice.revision;
        this.#questions.names.forget();
        this.#sends.readdress();
        this.#events.emit('revision', { revision: notice.revision });
        return;
    }
  }

  #onLabels({ domid, name, labels }: { domid: number; name: string; labels: readonly string[] }): void {
    const isSelf = domid === this.domid;
    if (isSelf) this.#labels = Object.freeze([...labels]);
    this.#events.emit('labels', { domid, name, labels: Object.freeze([...labels]), isSelf });
  }

  #onDown(reason: ArgusError): void {
    const inFlight = this.#session?.inFlight.count ?? 0;
    this.#session = null;
    this.#rings.forgetSession();
    this.#sends.detach();
    this.#relayUser?.onDown();
    if (this.#state === 'closed') return;
    const isLast = !this.#options.reconnect || isFinal(reason) || this.#state === 'closing';
    this.#state = isLast ? this.#state : 'reconnecting';
    this.#events.emit('disconnected', { reason, inFlight, isFinal: isLast });
    if (isLast) {
      this.#end(reason);
      return;
    }
    if (this.#platform.now() - this.#upAt >= BACKOFF_RESET_AFTER_MS) this.#backoff.reset();
    this.#redialLater();
  }

  #redialLater(): void {
    this.#cancelRetry = this.#platform.schedule(this.#backoff.next(), () => {
      this.#cancelRetry = null;
      this.#dial(this.#handlers, this.#stop.signal).catch((error: unknown) => {
        if (this.#state !== 'reconnecting' || this.#session !== null) return;
        this.#events.emit(
          'error',
          error instanceof ArgusError ? error : new ArgusError('ERR_CLIENT_LOST', String(error), { cause: error }),
        );
        if (this.#state === 'reconnecting') this.#redialLater();
      });
    });
  }

  async #close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closing';
    this.#cancelRetry?.();
    if (this.#session !== null) await this.#drained();
    this.#end(new ArgusError('ERR_CLIENT_CLOSED', 'the VM was closed by this side'));
  }

  async #drained(): Promise<void> {
    let cancel: () => void = () => {};
    const timeout = new Promise<void>((resolve) => {
      cancel = this.#platform.schedule(this.#options.drainTimeoutMs, resolve);
    });
    await Promise.race([this.#sends.idle(), timeout]);
    cancel();
  }

  /** The last state: nothing comes back from here. */
  #end(reason: ArgusError): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#stop.abort(reason);
    this.#cancelRetry?.();
    for (const ring of this.#rings) ring.settle();
    const session = this.#session;
    session?.close(reason);
    this.#sends.end(reason, wordError('ECANCELED', 'sendv', undefined, { outcome: 'not-sent' }));
    this.#questions.names.failAll(Status.ECONNRESET);
    const failure = reason.code === 'ERR_CLIENT_CLOSED' ? null : reason;
    for (const ring of this.#rings) {
      this.#rings.remove(ring);
      ring.end(failure);
    }
  }
}

/** Thrown outside the session's call stack: a bug in a listener must not end the session. */
function onListenerError(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
