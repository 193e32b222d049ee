/**
 * The bridge: two brokers that have a session connect their domains with each other.
 *
 *   at the sender's home                             at the destination's home
 *   sendv: policy, no ring here -> forward  ----->   a proxy stands for the sender: attached, with the session to
 *   undecided: the sender's ack waits                its home as sink; sendv as for any domain: policy, ring,
 *                                                    size, quota, space
 *   ack or refused to the sender            <-----   ack through id, refused id, once the audit records are durable
 *   space, peer-gone, revoked to the sender <-----   events for the proxy
 *
 * Each side trusts the other only about the domains whose home is the other: a frame that speaks for any other domain
 * ends the session and is recorded. A message crosses once: a message that came over a bridge is never forwarded.
 */
import type { Domain } from '../../policy/index.ts';
import { invariant } from '../base/index.ts';
import {
  ACCEPTED,
  type Argo,
  type DomainState,
  type FrameSink,
  type RemoteBroker,
  type Route,
  type Sender,
  UNDECIDED,
} from '../core/index.ts';
import {
  byteUnits,
  DELIVERY_UNITS,
  decidedUnits,
  frameUnits,
  HELLO_UNITS,
  notifyUnits,
  sendUnits,
  type WorkShare,
} from '../turns/index.ts';
import {
  type BrokerFrame,
  DataField,
  decodeBrokerFrame,
  decodeDomainFrame,
  encodeBrokerFrame,
  encodeDomainFrame,
  FrameWalker,
  type NotifyAnswer,
  type NotifyQuery,
  Op,
  PORT_ALL,
  SendFlag,
  Status,
} from '../wire/index.ts';
import { Answers } from './answers.ts';
import type { CosigningOp } from './cosigning.ts';
import { decodeFederationFrame, encodeFederationFrame, type FederationFrame, FederationOp } from './frames.ts';
import { MAX_GATES_PER_SESSION } from './limits.ts';
import { isForProxy, RemoteDomainSink } from './proxy.ts';
import { Questions } from './remote-questions.ts';
import { Undecided } from './undecided.ts';

/** The reason why the other broker's frames end the session. */
export type BridgeFault = 'BAD_FRAME' | 'BAD_SEND_ID' | 'BAD_ANSWER' | 'FOREIGN_HOME';

export interface BridgeHost {
  /** Copies the frame, and sends the copy to the other broker later. */
  queue(frame: Uint8Array): void;
  /** The same for the frame from `start` to `end`, but it may copy the bytes later: when `copyLent` is called. */
  lend(bytes: Uint8Array, start: number, end: number): void;
  copyLent(): void;
  /** Runs `effect` when all records so far are durable. */
  whenDurable(effect: () => void, source: DomainState): void;
  now(): number;
  /** @param features what the other broker understands, besides what every broker does */
  onReport(body: Uint8Array, features: number): void;
  /** A piece of the other broker's revocation list, which has `total` bytes. Returns false when it cannot be one. */
  onListPiece(total: number, piece: Uint8Array): boolean;
  /** A frame about cosigning. Returns false when the other broker must not send it. The body is valid only during the call. */
  onCosigning(op: CosigningOp, id: number, body: Uint8Array): boolean;
}

/** Copies that are due when a record is processed: see DeferredCopies in broker/peer. */
export interface RecordCopies {
  add(copy: { copyNow(): void }): void;
  copyAll(): void;
}

export class Bridge implements RemoteBroker {
  readonly peer: string;
  readonly #core: () => Argo;
  readonly #copies: RecordCopies;
  #host: BridgeHost | null = null;
  readonly #walker = new FrameWalker();
  #undecided = new Undecided();
  readonly #questions = new Questions();
  #lastSendId = 0;
  /** The time at which the first frame of the present record was forwarded; null before it. */
  #forwardedAt: number | null = null;
  /** Of the last forwarded frame. */
  #lastSender: Sender | null = null;
  #lastDestination = 0;
  /** Domains of the other broker that are attached here. */
  readonly #proxies = new Set<DomainState>();
  /** Local senders and the remote domains they sent to. The senders are notified when the session ends. */
  readonly #interests = new Map<Sender, Set<number>>();
  /**
   * Rings that refused an ordered send with EBUSY here. Later ordered sends must not overtake it: `domid:port` per
   * session.
   */
  #gates = new Map<FrameSink, Set<string>>();
  readonly #answers = new Answers((frame) => this.#host?.queue(frame));

  /** `core` is a function, because the core is made after this bridge. */
  constructor(peer: string, core: () => Argo, copies: RecordCopies) {
    this.peer = peer;
    this.#core = core;
    this.#copies = copies;
  }

  get #argo(): Argo {
    return this.#core();
  }

  /** Bytes of answers that wait for the audit log. */
  get heldBytes(): number {
    return this.#answers.heldBytes;
  }

  get isUp(): boolean {
    return this.#host !== null;
  }

  /** The time at which the oldest undecided send or open question was sent; null when there is none. */
  get oldestUndecided(): number | null {
    const [send, question] = [this.#undecided.oldest, this.#questions.oldest];
    return send === null || question === null ? (send ?? question) : Math.min(send, question);
  }

  /** A session has begun: announces the attached local domains to the other broker. */
  up(host: BridgeHost): void {
    this.#host = host;
    this.#undecided = new Undecided();
    this.#lastSendId = 0;
    for (const state of this.#argo.domains()) {
      if (state.remote === null && state.sink !== null) this.tell(state);
    }
  }

  /** The session ended: pending remote decisions are failed and the remote domains are detached. */
  down(): void {
    if (this.#host === null) return;
    this.#host = null;
    this.#answers.clear();
    this.#gates = new Map();
    // This broker cannot know whether the message arrived.
    for (const { sink, id, count } of this.#undecided.drain()) sink.decided?.(id, count, Status.ECONNRESET, 0);
    this.#argo.memoryReleased();
    for (const { answered } of this.#questions.drain()) answered(Status.OK, []);
    for (const proxy of this.#proxies) this.#argo.detach(proxy);
    this.#proxies.clear();
    for (const [sender, domids] of this.#interests) {
      for (const domid of domids) sender.sink?.event({ op: Op.peerGone, domid, port: PORT_ALL, messages: 0, bytes: 0 });
    }
    this.#interests.clear();
    this.#lastSender = null;
  }

  /** The session of a local domain has begun or ended. */
  tell(state: DomainState): void {
    if (state.sink === null) {
      this.#interests.delete(state);
      this.#lastSender = null;
    }
    const op = state.sink === null ? FederationOp.down : FederationOp.up;
    this.#host?.queue(encodeFederationFrame(op, state.domain.domid));
  }

  // RemoteBroker

  forward(sender: Sender, frames: Uint8Array, view: DataView, at: number, length: number): Status | typeof UNDECIDED {
    const { sink } = sender;
    if (this.#host === null || sink === null) return Status.ECONNREFUSED;
    const flags = view.getUint8(at + DataField.flags);
    const gate = this.#gates.size === 0 ? undefined : this.#gates.get(sink);
    if (gate !== undefined) {
      const key = ringKey(view, at);
      if ((flags & SendFlag.resume) !== 0) gate.delete(key);
      else if ((flags & SendFlag.ordered) !== 0 && isHeldBack(gate, key)) return Status.EBUSY;
    }
    const account = this.#core().accounts.ofSessions(sender.domain.name);
    const id = this.#undecided.isFull(account, length)
      ? null
      : this.#undecided.push(sink, account, view.getUint32(at + DataField.id, true), length, this.#timeOfRecord());
    if (id === null) {
      if ((flags & SendFlag.ordered) !== 0) this.#gates.set(sink, (gate ?? new Set<string>()).add(ringKey(view, at)));
      return Status.EBUSY;
    }
    // Changed where it lies: only the copy for the other broker is made after this.
    view.setUint32(at + DataField.id, id, true);
    view.setUint16(at + DataField.source, sender.domain.domid, true);
    this.#host.lend(frames, at, at + length);
    this.#noteInterest(sender, view.getUint16(at + DataField.destination, true));
    return UNDECIDED;
  }

  /** All frames of a record are forwarded at one time, which ends when their copies are made. */
  #timeOfRecord(): number {
    if (this.#forwardedAt === null) {
      this.#forwardedAt = this.#host?.now() ?? 0;
      this.#copies.add(this);
    }
    return this.#forwardedAt;
  }

  /** The record is processed, and its memory will be used again. */
  copyNow(): void {
    this.#forwardedAt = null;
    this.#host?.copyLent();
  }

  #noteInterest(sender: Sender, domid: number): void {
    if (sender === this.#lastSender && domid === this.#lastDestination) return;
    this.#lastSender = sender;
    this.#lastDestination = domid;
    let interests = this.#interests.get(sender);
    if (interests === undefined) {
      interests = new Set();
      this.#interests.set(sender, interests);
    }
    interests.add(domid);
  }

  ask(
    caller: Sender,
    queries: readonly NotifyQuery[],
    answered: (status: Status, answers: readonly NotifyAnswer[]) => void,
  ): void {
    // As when sending: the remote domains are unreachable.
    if (this.#host === null) {
      answered(Status.OK, []);
      return;
    }
    const id = this.#questions.push({ caller, count: queries.length, since: this.#host.now(), answered });
    if (id === null) {
      answered(Status.EBUSY, []);
      return;
    }
    const frame = encodeDomainFrame({ op: Op.notify, id, queries });
    this.#host.queue(encodeFederationFrame(FederationOp.asked, caller.domain.domid, frame));
    for (const { domid } of queries) this.#noteInterest(caller, domid);
  }

  leave(domain: Domain): void {
    const state = this.#argo.domain(domain.name);
    if (state !== undefined) this.#proxies.delete(state);
  }

  // Receiving

  /**
   * Processes the frames of one record, as far as `share` can pay for them. `plaintext` is valid only during the call:
   * the rest is copied.
   */
  receive(plaintext: Uint8Array, share: WorkShare): BridgeFault | null {
    this.#walker.begin(plaintext);
    const fault = this.receiveMore(share);
    if (this.hasMore) this.#walker.keep();
    else this.#walker.freeKept();
    return fault;
  }

  /** Frames of the last record are left. `receiveMore` processes them before the next record. */
  get hasMore(): boolean {
    return this.#walker.hasMore;
  }

  receiveMore(share: WorkShare): BridgeFault | null {
    const walker = this.#walker;
    const answers: Uint8Array[] = [];
    let recordedBy: DomainState | null = null;
    let sends = 0;
    const { counters } = this.#argo;
    let lastRoute: Route | null = null;
    let fault: BridgeFault | null = null;
    do {
      const step = walker.next();
      if (step === 'fault') fault = 'BAD_FRAME';
      if (step !== 'frame') break;
      const { bytes, view, at, length } = walker;
      if (walker.op === Op.sendv) {
        const sender = this.#senderOf(view, at);
        if (typeof sender === 'string') {
          fault = sender;
          break;
        }
        sends++;
        const { recorded, useful } = counters;
        const outcome = this.#argo.sendv(sender, bytes, view, at, length);
        const isUseful = counters.useful !== useful;
        const route = isUseful ? sender.lastRoute : null;
        share.spendIdle(sendUnits(route !== null && route === lastRoute, counters.recorded !== recorded));
        if (isUseful) share.earn(DELIVERY_UNITS);
        lastRoute = route;
        if (outcome !== ACCEPTED) share.spendIdle(byteUnits(length));
        // A message crosses once, so the core never leaves it undecided here.
        if (outcome !== ACCEPTED && outcome !== UNDECIDED) {
          const { status, recorded, maxMessageSize } = outcome;
          if (recorded) recordedBy = sender;
          answers.push(encodeBrokerFrame({ op: Op.refused, id: this.#lastSendId, status, maxMessageSize }));
        }
        continue;
      }
      share.spendIdle(frameUnits(walker.op));
      const link = decodeFederationFrame(bytes, at, at + length);
      // A signature to check and one to make, as in a handshake.
      if (link?.op === FederationOp.shown || link?.op === FederationOp.witness) share.spendPiece(HELLO_UNITS);
      if (link?.op === FederationOp.asked) {
        const answer = this.#asked(link, share);
        if (typeof answer === 'string') fault = answer;
        else {
          answers.push(answer.frame);
          if (answer.recordedBy !== null) recordedBy = answer.recordedBy;
        }
      } else
        fault = link === null ? this.#answered(decodeBrokerFrame(bytes, at, at + length), share) : this.#control(link);
    } while (fault === null && !share.isSpent);
    this.#copies.copyAll();
    if (sends > 0) answers.push(encodeBrokerFrame({ op: Op.ack, through: this.#lastSendId }));
    const source = recordedBy;
    const whenDurable = source === null ? null : (effect: () => void) => this.#host?.whenDurable(effect, source);
    if (answers.length > 0) this.#answers.push(answers, whenDurable);
    return fault;
  }

  /**
   * The proxy of a sendv frame's source. The other broker must be the home of that domain, and have a session of it.
   */
  #senderOf(view: DataView, at: number): DomainState | BridgeFault {
    const id = view.getUint32(at + DataField.id, true);
    if (id !== (this.#lastSendId + 1) >>> 0) return 'BAD_SEND_ID';
    this.#lastSendId = id;
    const state = this.#argo.domainById(view.getUint16(at + DataField.source, true));
    return state?.remote === this && this.#proxies.has(state) ? state : 'FOREIGN_HOME';
  }

  /** A domain of the other broker asks about local rings. It is answered like a local domain, through its home. */
  #asked(
    { domid, body }: FederationFrame,
    share: WorkShare,
  ): BridgeFault | { readonly frame: Uint8Array; readonly recordedBy: DomainState | null } {
    const caller = this.#argo.domainById(domid);
    if (caller?.remote !== this || !this.#proxies.has(caller)) return 'FOREIGN_HOME';
    const asked = decodeDomainFrame(body, 0, body.length);
    if (asked?.op !== Op.notify || asked.queries === null) return 'BAD_FRAME';
    share.spendIdle(notifyUnits(asked.queries.length));
    const result = this.#argo.notify(caller, asked.queries);
    invariant(result !== null, 'a query of another broker is answered here');
    const { answer, answers } = result;
    const told = encodeBrokerFrame({ op: Op.notified, id: asked.id, status: answer.status, answers });
    return { frame: encodeFederationFrame(FederationOp.told, 0, told), recordedBy: answer.recorded ? caller : null };
  }

  #told(frame: BrokerFrame | null): BridgeFault | null {
    if (frame?.op !== Op.notified) return 'BAD_FRAME';
    const question = this.#questions.take(frame.id);
    if (question === null || (frame.status === Status.OK && frame.answers.length !== question.count))
      return 'BAD_ANSWER';
    question.answered(frame.status, frame.answers);
    return null;
  }

  #control(link: FederationFrame): BridgeFault | null {
    switch (link.op) {
      case FederationOp.up:
        return this.#attach(this.#argo.domainById(link.domid));
      case FederationOp.down:
        return this.#detach(this.#argo.domainById(link.domid));
      case FederationOp.event:
        return this.#event(link.domid, decodeBrokerFrame(link.body, 0, link.body.length));
      case FederationOp.report:
        this.#host?.onReport(link.body, link.domid);
        return null;
      case FederationOp.list:
        return this.#host?.onListPiece(link.domid, link.body) === false ? 'BAD_FRAME' : null;
      case FederationOp.witness:
      case FederationOp.shown:
      case FederationOp.cosigned:
        return this.#host?.onCosigning(link.op, link.domid, link.body) === false ? 'BAD_FRAME' : null;
      case FederationOp.told:
        return this.#told(decodeBrokerFrame(link.body, 0, link.body.length));
      default:
        return 'BAD_FRAME';
    }
  }

  #attach(state: DomainState | undefined): BridgeFault | null {
    if (state?.remote !== this) return 'FOREIGN_HOME';
    if (this.#proxies.has(state)) this.#argo.detach(state);
    this.#proxies.add(state);
    this.#argo.attach(state, new RemoteDomainSink(state, (frame) => this.#host?.queue(frame)), {
      session: `via ${this.peer}`,
    });
    return null;
  }

  /**
   * Detaches only proxies of the other broker itself, so the present home of the domain does not matter: it may have
   * moved.
   */
  #detach(state: DomainState | undefined): null {
    if (state !== undefined && this.#proxies.delete(state)) this.#argo.detach(state);
    return null;
  }

  /** An event for a local domain, about a domain of the other broker. */
  #event(domid: number, frame: BrokerFrame | null): BridgeFault | null {
    const hearer = this.#argo.domainById(domid);
    if (frame === null || !isForProxy(frame)) return 'BAD_FRAME';
    if (this.#argo.domainById(frame.domid)?.remote !== this || hearer?.remote !== null) return 'FOREIGN_HOME';
    hearer.sink?.event(frame);
    return null;
  }

  #answered(frame: BrokerFrame | null, share: WorkShare): BridgeFault | null {
    if (frame?.op === Op.refused) {
      const send = this.#undecided.refuse(frame.id);
      if (send === null) return 'BAD_ANSWER';
      this.#argo.memoryReleased();
      send.sink.decided?.(send.id, send.count, frame.status, frame.maxMessageSize);
      return null;
    }
    if (frame?.op !== Op.ack) return 'BAD_FRAME';
    const accepted = this.#undecided.acceptThrough(frame.through);
    if (accepted === null) return 'BAD_ANSWER';
    const sends = accepted.reduce((sum, { count }) => sum + count, 0);
    share.spend(decidedUnits(sends));
    share.earn(sends * DELIVERY_UNITS);
    if (sends > 0) this.#argo.memoryReleased();
    for (const { sink, id, count } of accepted) sink.decided?.(id, count, Status.OK, 0);
    return null;
  }
}

/** True: ordered sends to this ring are refused until the sender has sent the refused message again. */
function isHeldBack(gate: ReadonlySet<string>, key: string): boolean {
  return gate.has(key) || gate.size >= MAX_GATES_PER_SESSION;
}

/** The ring that a sendv frame is for. */
function ringKey(view: DataView, at: number): string {
  return `${view.getUint16(at + DataField.destination, true)}:${view.getUint32(at + DataField.destinationPort, true)}`;
}
