/**
 * An authenticated domain: its records are opened, their frames put before the core, and what the core queues for it is
 * sealed and given to the carrier.
 *
 * Nothing that a record causes at this domain is shown to it before the audit records it caused are durable (Gate); what
 * it may send to others goes out at once. A denied sender waits for the disk, its receivers do not.
 */
import type { Carrier } from '../carrier/index.ts';
import type { Session } from '../channel/index.ts';
import { ACCEPTED, type DomainState, type RingAnswer, type SendAnswer, UNDECIDED } from '../core/index.ts';
import { CARRIER_HIGH_WATER_BYTES, CONTROL_BYTES_PER_SESSION } from '../process/index.ts';
import { frameUnits, notifyUnits, type WorkShare } from '../turns/index.ts';
import {
  type BrokerFrame,
  type CloseWord,
  DataField,
  type DomainFrame,
  decodeDomainFrame,
  encodeBrokerFrame,
  FrameWalker,
  Op,
  Status,
} from '../wire/index.ts';
import { AckTiming } from './ack-timing.ts';
import type { PeerContext } from './context.ts';
import type { Flushable } from './flusher.ts';
import { Outbox } from './outbox.ts';
import { UndecidedIds } from './undecided-ids.ts';

/** Why a peer's bytes end its session; never shown to it in detail. */
export type PeerFault = 'BAD_FRAME' | 'BAD_SEND_ID' | 'BAD_CREDIT' | 'UNEXPECTED_FRAME';

export class Peer extends Outbox implements Flushable {
  readonly state: DomainState;
  /** Names the session in log and audit. */
  readonly id: string;
  readonly carrier: Carrier;
  readonly openedAt: number;
  readonly #context: PeerContext;
  readonly #session: Session;
  readonly #onReady: () => void;
  readonly #walker = new FrameWalker();
  readonly #introduced = new Set<number>();
  #introducedRevision = -1;
  #lastSendId = 0;
  /** Sends that another broker has yet to decide, ascending. */
  readonly #undecided = new UndecidedIds();
  /** Answers of the record being worked on, and whether they must wait for the log. */
  #answers: BrokerFrame[] = [];
  #mustBeDurable = false;
  readonly #acks: AckTiming;
  #isCongested = false;
  #isThrottled = false;
  #isEnded = false;
  #lastHeard: number;

  /** `onReady`: the peer, of which nothing was read because too much was queued for it, would take more. */
  constructor(context: PeerContext, carrier: Carrier, session: Session, state: DomainState, onReady: () => void) {
    super(context.pool);
    this.#context = context;
    this.#acks = new AckTiming(() => this.reopened(), context.clock.after);
    this.carrier = carrier;
    this.#session = session;
    this.#onReady = onReady;
    this.state = state;
    this.id = session.id;
    this.openedAt = context.clock.mono();
    this.#lastHeard = this.openedAt;
  }

  get suite(): string {
    return this.#session.suite;
  }

  /** Milliseconds since something of this peer last opened. */
  silentFor(now: number): number {
    return now - this.#lastHeard;
  }

  /** Nothing more is read from it until it has taken what is queued. */
  get isThrottled(): boolean {
    return this.#isThrottled;
  }

  /** The carrier takes nothing more for now. */
  get isCongested(): boolean {
    return this.#isCongested;
  }

  /** Frames of the last record are left: `receiveMore` goes on with them, before the next record. */
  get hasMore(): boolean {
    return this.#walker.hasMore;
  }

  // Receiving

  /**
   * Does what the frames of one record say, as far as `share` can pay for them; a fault ends the session. `plaintext` is
   * lent for the call: what is left of it is copied.
   */
  receive(plaintext: Uint8Array, share: WorkShare): PeerFault | null {
    this.#lastHeard = this.#context.clock.mono();
    this.#walker.begin(plaintext);
    const fault = this.receiveMore(share);
    if (this.hasMore) this.#walker.keep();
    return fault;
  }

  /** Goes on with the frames that are left of the last record. */
  receiveMore(share: WorkShare): PeerFault | null {
    const lastSendId = this.#lastSendId;
    const fault = this.#walk(share);
    this.#answer();
    if (this.#lastSendId !== lastSendId) this.#acks.sent(this.#decidedThrough(), this.#lastHeard);
    this.#throttle();
    // Afterwards nobody holds on to the plaintext, whose memory the carrier reads into again.
    this.#context.deferredCopies.copyAll();
    return fault;
  }

  #walk(share: WorkShare): PeerFault | null {
    const { argo } = this.#context;
    const walker = this.#walker;
    // Added up here and paid in one go: this loop is the hottest of all.
    const { room } = share;
    let units = 0;
    let fault: PeerFault | null = null;
    do {
      const step = walker.next();
      if (step === 'fault') fault = 'BAD_FRAME';
      if (step !== 'frame') break;
      const { bytes, view, at, length } = walker;
      units += frameUnits(walker.op);
      if (walker.op === Op.sendv) {
        const id = view.getUint32(at + DataField.id, true);
        // Cumulative acknowledgement rests on this: each send id is the one before plus 1.
        if (id !== (this.#lastSendId + 1) >>> 0) {
          fault = 'BAD_SEND_ID';
          break;
        }
        this.#lastSendId = id;
        const outcome = argo.sendv(this.state, bytes, view, at, length);
        if (outcome === UNDECIDED) this.#undecided.push(id);
        else if (outcome !== ACCEPTED) this.#refuse(id, outcome);
      } else {
        const frame = decodeDomainFrame(bytes, at, at + length);
        if (frame?.op === Op.notify) units += notifyUnits(frame.queries?.length ?? 0);
        fault = frame === null ? 'BAD_FRAME' : this.#control(frame);
      }
    } while (fault === null && units < room);
    share.spend(units);
    return fault;
  }

  /** An acknowledgement speaks for all before it, so it stops short of the first send that another broker has yet to decide. */
  #decidedThrough(): number {
    const { first } = this.#undecided;
    return first === undefined ? this.#lastSendId : (first - 1) >>> 0;
  }

  decided(id: number, status: Status, maxMessageSize: number): void {
    const place = this.#undecided.decide(id);
    if (place === 'unknown' || this.#isEnded) return;
    if (status !== Status.OK) this.event({ op: Op.refused, id, status, maxMessageSize });
    if (place === 'first') this.#acks.decided(this.#decidedThrough());
  }

  #refuse(id: number, { status, recorded, maxMessageSize }: SendAnswer): void {
    if (recorded) this.#mustBeDurable = true;
    this.#acks.refused();
    this.#answers.push({ op: Op.refused, id, status, maxMessageSize });
  }

  #control(frame: DomainFrame): PeerFault | null {
    const { argo } = this.#context;
    switch (frame.op) {
      case Op.registerRing: {
        const answer = argo.registerRing(this.state, frame);
        // The ring's registration is recorded, so the owner learns of it when that is durable.
        if (answer.status === Status.OK) this.#mustBeDurable = true;
        this.#reply(frame.id, answer);
        return null;
      }
      case Op.unregisterRing:
        this.#reply(frame.id, argo.unregisterRing(this.state, frame.port, frame.partner, frame.pad));
        return null;
      case Op.notify: {
        const { op, id } = { op: Op.notified, id: frame.id };
        const result = argo.notify(this.state, frame.queries, (status, later) => {
          if (!this.#isEnded) this.event({ op, id, status, answers: later });
        });
        if (result === null) return null;
        if (result.answer.recorded) this.#mustBeDurable = true;
        this.#answers.push({ op, id, status: result.answer.status, answers: result.answers });
        return null;
      }
      case Op.credit:
        return argo.credit(this.state, frame.ring, frame.bytes) ? null : 'BAD_CREDIT';
      case Op.resolve:
        this.#reply(frame.id, argo.resolve(this.state, frame.name));
        return null;
      case Op.ping:
        this.#answers.push({ op: Op.brokerPong, id: frame.id });
        return null;
      case Op.pong:
        return null;
      case Op.ready:
        return 'UNEXPECTED_FRAME';
    }
  }

  #reply(id: number, answer: RingAnswer): void {
    if (answer.recorded) this.#mustBeDurable = true;
    this.#answers.push({ op: Op.reply, id, status: answer.status, value: answer.value });
  }

  #answer(): void {
    const answers = this.#answers;
    if (answers.length === 0) return;
    this.#answers = [];
    if (this.#mustBeDurable) {
      this.#mustBeDurable = false;
      // Before the gate: what was decided earlier does not wait for it.
      this.#acknowledge();
      this.holdUntilDurable();
    }
    for (const answer of answers) this.event(answer);
  }

  /** Queues the acknowledgement that is owed, if there is one, behind the refusals that it must not overtake. */
  #acknowledge(): void {
    const through = this.#acks.take();
    if (through !== null) this.event({ op: Op.ack, through });
  }

  /** Also without an answer of its own: what others cause it to be told fills its queue just as well. */
  #throttle(): void {
    if (this.controlBytes > CONTROL_BYTES_PER_SESSION) this.#isThrottled = true;
  }

  /** All that is queued from here on waits for what the log has been told so far. */
  holdUntilDurable(then?: () => void): void {
    const gate = this.hold();
    this.#context.durable.after(() => {
      gate.isOpen = true;
      if (this.#isEnded) return;
      this.reopened();
      then?.();
    }, this.state.domain);
  }

  // Sending

  introduce(domid: number): void {
    const { argo } = this.#context;
    const { revision } = argo.policy;
    if (this.#introducedRevision !== revision) {
      this.#introduced.clear();
      this.#introducedRevision = revision;
    }
    if (this.#introduced.has(domid)) return;
    const source = argo.domainById(domid)?.domain;
    if (source === undefined) return;
    this.#introduced.add(domid);
    this.event({ op: Op.introduce, domid, name: source.name, labels: source.labels });
  }

  /** A new revision: itself, and whom it has been told of, with the labels that they have now. */
  introduceAgain(): void {
    for (const domid of new Set([this.state.domain.domid, ...this.#introduced])) this.introduce(domid);
  }

  protected override onBorrowed(): void {
    this.#context.deferredCopies.add(this);
  }

  protected override onDirty(): void {
    if (!this.#isEnded) this.#context.flusher.add(this);
  }

  flush(): void {
    if (this.#isEnded || this.#isCongested) return;
    const buffers: Uint8Array[] = [];
    let bytes = 0;
    if (!this.isEmpty) this.#acknowledge();
    else if (this.#acks.isDue) this.#seal(loneAck(this.#acks.take() ?? 0), buffers);
    while (bytes < CARRIER_HIGH_WATER_BYTES) {
      const chunk = this.take();
      if (chunk === null) break;
      this.#seal(chunk.bytes.subarray(0, chunk.used), buffers);
      bytes += chunk.used;
      if (chunk.delivery > 0) this.#acks.delivered();
      this.sealed(chunk);
    }
    if (buffers.length === 0) return;
    this.#isCongested = !this.carrier.write(buffers);
    if (!this.#isCongested && !this.isEmpty) this.reopened();
    if (this.#isThrottled && this.controlBytes < CONTROL_BYTES_PER_SESSION / 2) {
      this.#isThrottled = false;
      this.#onReady();
    }
  }

  #seal(plaintext: Uint8Array, buffers: Uint8Array[]): void {
    const { header, ciphertext, tag } = this.#session.seal(plaintext);
    buffers.push(header, ciphertext, tag);
  }

  drained(): void {
    this.#isCongested = false;
    this.flush();
  }

  /** Seals a last word. Idempotent; afterwards nothing more is sent, and what was queued is forgotten. */
  end(word: CloseWord): void {
    if (this.#isEnded) return;
    this.#acknowledge();
    if (!this.#isCongested) this.flush();
    this.#acks.cancel();
    this.#isEnded = true;
    const { header, ciphertext, tag } = this.#session.sealClose(word);
    this.carrier.write([header, ciphertext, tag]);
    this.discard();
  }

  /** The carrier is gone: nothing can be said any more. */
  lost(): void {
    this.#acks.cancel();
    this.#isEnded = true;
    this.discard();
  }
}

const LONE_ACK = encodeBrokerFrame({ op: Op.ack, through: 0 });
const LONE_ACK_VIEW = new DataView(LONE_ACK.buffer, LONE_ACK.byteOffset, LONE_ACK.byteLength);

/** An acknowledgement that is all of its record, in memory that every call writes over: it needs no chunk. */
function loneAck(through: number): Uint8Array {
  LONE_ACK_VIEW.setUint32(DataField.id, through, true);
  return LONE_ACK;
}
