/**
 * An authenticated domain: passes the frames of its opened records to the core, and seals the frames that the core
 * queues for it.
 *
 * The domain gets the answers to a record only after the audit records that it caused are durable (Gate). Messages that
 * it may send to others go out at once. A denied sender waits for the disk; its receivers do not.
 */
import type { AeadSuite } from '../../keys/index.ts';
import type { Carrier } from '../carrier/index.ts';
import type { Session } from '../channel/index.ts';
import { ACCEPTED, type DomainState, type RingAnswer, type Route, type SendAnswer, UNDECIDED } from '../core/index.ts';
import { CARRIER_HIGH_WATER_BYTES, CONTROL_BYTES_PER_SESSION } from '../process/index.ts';
import {
  byteUnits,
  DELIVERY_UNITS,
  frameUnits,
  notifyUnits,
  RECEIPT_UNITS,
  sendUnits,
  type WorkShare,
} from '../turns/index.ts';
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
import type { Chunk } from './chunk-pool.ts';
import type { PeerContext } from './context.ts';
import type { Flushable } from './flusher.ts';
import { Outbox } from './outbox.ts';
import { UndecidedIds } from './undecided-ids.ts';

/** The reason why a peer's bytes end its session. The peer never learns it in detail. */
export type PeerFault = 'BAD_FRAME' | 'BAD_SEND_ID' | 'BAD_CREDIT' | 'UNEXPECTED_FRAME';

/** Checks a new credential of the peer, and takes it over. */
type CredentialChange = (peer: Peer, statement: string) => Promise<Status>;

export class Peer extends Outbox implements Flushable {
  readonly state: DomainState;
  /** Identifies the session in both logs. */
  readonly id: string;
  readonly carrier: Carrier;
  readonly openedAt: number;
  readonly #context: PeerContext;
  readonly #session: Session;
  readonly #onReady: () => void;
  readonly #onCongested: () => void;
  readonly #onCredential: CredentialChange;
  /** A credential frame is being checked. */
  #isChanging = false;
  readonly #walker = new FrameWalker();
  readonly #introduced = new Set<number>();
  #introducedRevision = -1;
  #lastSendId = 0;
  /** Sends that a remote broker has not decided yet, ascending. */
  readonly #undecided = new UndecidedIds();
  /** Answers to the record that is being processed, and whether they must wait for the log. */
  #answers: BrokerFrame[] = [];
  #mustBeDurable = false;
  readonly #acks: AckTiming;
  #isCongested = false;
  #isThrottled = false;
  #isEnded = false;
  /** Of `state.deliveries`. */
  #deliveriesSeen = 0;
  /** A gate for strict messages was queued in this turn. */
  #isHolding = false;
  #lastHeard: number;

  /**
   * `onReady` is called when a throttled peer has taken enough of its queue to be read again, `onCongested` when the
   * carrier keeps sealed bytes that the peer does not take.
   */
  constructor(
    context: PeerContext,
    carrier: Carrier,
    session: Session,
    state: DomainState,
    onReady: () => void,
    onCongested: () => void,
    onCredential: CredentialChange,
  ) {
    super(context.pool);
    this.#context = context;
    this.#acks = new AckTiming(() => this.reopened(), context.clock.after);
    this.carrier = carrier;
    this.#session = session;
    this.#onReady = onReady;
    this.#onCongested = onCongested;
    this.#onCredential = onCredential;
    this.state = state;
    this.id = session.id;
    this.openedAt = context.clock.mono();
    this.#lastHeard = this.openedAt;
  }

  get suite(): AeadSuite {
    return this.#session.suite;
  }

  /** Milliseconds since the last valid record of this peer. */
  silentFor(now: number): number {
    return now - this.#lastHeard;
  }

  /** True: the peer is not read until it has taken most of its queue. */
  get isThrottled(): boolean {
    return this.#isThrottled;
  }

  /** True: the carrier cannot take more bytes now. */
  get isCongested(): boolean {
    return this.#isCongested;
  }

  /** Frames of the last record are left. `receiveMore` processes them before the next record. */
  get hasMore(): boolean {
    return this.#walker.hasMore;
  }

  // Receiving

  /**
   * Processes the frames of one record, as far as `share` can pay for them. A fault ends the session. `plaintext` is
   * valid only during the call: unprocessed frames are copied.
   */
  receive(plaintext: Uint8Array, share: WorkShare): PeerFault | null {
    this.#lastHeard = this.#context.clock.mono();
    this.#walker.begin(plaintext);
    const fault = this.receiveMore(share);
    if (this.hasMore) this.#walker.keep();
    else this.#walker.freeKept();
    return fault;
  }

  /** Processes the frames that are left of the last record. */
  receiveMore(share: WorkShare): PeerFault | null {
    const lastSendId = this.#lastSendId;
    const fault = this.#walk(share);
    this.#answer();
    if (this.#lastSendId !== lastSendId) this.#acks.sent(this.#decidedThrough(), this.#lastHeard);
    this.#throttle();
    // After this no outbox refers to the plaintext, so the carrier can reuse its memory.
    this.#context.deferredCopies.copyAll();
    return fault;
  }

  #walk(share: WorkShare): PeerFault | null {
    const { argo } = this.#context;
    const walker = this.#walker;
    // The units are added up here and paid at once: this is the hottest loop of the broker.
    const { room, idleRoom } = share;
    let units = 0;
    let earned = this.#receipts() * RECEIPT_UNITS;
    const { counters } = argo;
    // A message for another ring than the one before it begins a run of its own, which costs more.
    let lastRoute: Route | null = null;
    let fault: PeerFault | null = null;
    do {
      const step = walker.next();
      if (step === 'fault') fault = 'BAD_FRAME';
      if (step !== 'frame') break;
      const { bytes, view, at, length } = walker;
      if (walker.op === Op.sendv) {
        const id = view.getUint32(at + DataField.id, true);
        // Cumulative acknowledgement requires that each send id is the previous one plus 1.
        if (id !== (this.#lastSendId + 1) >>> 0) {
          fault = 'BAD_SEND_ID';
          break;
        }
        this.#lastSendId = id;
        const { recorded, useful } = counters;
        const outcome = argo.sendv(this.state, bytes, view, at, length);
        const isUseful = counters.useful !== useful;
        // A message that another broker decides extends a run as well.
        const route = isUseful || outcome === UNDECIDED ? this.state.lastRoute : null;
        if (isUseful) earned += DELIVERY_UNITS;
        units += sendUnits(route !== null && route === lastRoute, counters.recorded !== recorded);
        lastRoute = route;
        if (outcome === UNDECIDED) {
          earned += DELIVERY_UNITS;
          this.#undecided.push(id);
        } else if (outcome !== ACCEPTED) {
          units += byteUnits(length);
          this.#refuse(id, outcome);
        }
      } else {
        units += frameUnits(walker.op);
        const frame = decodeDomainFrame(bytes, at, at + length);
        if (frame?.op === Op.notify) units += notifyUnits(frame.queries?.length ?? 0);
        fault = frame === null ? 'BAD_FRAME' : this.#control(frame);
      }
    } while (fault === null && units < room && units - earned < idleRoom);
    share.spendIdle(units);
    share.earn(earned);
    return fault;
  }

  /** Messages for this domain since the last time: it gives credit for each. */
  #receipts(): number {
    const { deliveries } = this.state;
    const receipts = deliveries - this.#deliveriesSeen;
    this.#deliveriesSeen = deliveries;
    return receipts;
  }

  /** An acknowledgement covers all sends before it, so it must end before the first undecided send. */
  #decidedThrough(): number {
    const { first } = this.#undecided;
    return first === undefined ? this.#lastSendId : (first - 1) >>> 0;
  }

  decided(first: number, count: number, status: Status, maxMessageSize: number): void {
    let canAcknowledge = false;
    for (let i = 0; i < count; i++) {
      const id = (first + i) >>> 0;
      const place = this.#undecided.decide(id);
      if (place === 'unknown' || this.#isEnded) continue;
      if (status !== Status.OK) this.event({ op: Op.refused, id, status, maxMessageSize });
      if (place === 'first') canAcknowledge = true;
    }
    if (canAcknowledge) this.#acks.decided(this.#decidedThrough());
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
        // The registration has an audit record, so the owner gets the answer when the record is durable.
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
      case Op.credential:
        this.#changeCredential(frame.id, frame.statement);
        return null;
      case Op.ready:
        return 'UNEXPECTED_FRAME';
    }
  }

  /** One at a time: the check runs in the thread pool, and each costs as much as a hello. */
  #changeCredential(id: number, statement: string): void {
    if (this.#isChanging) {
      this.#answers.push({ op: Op.reply, id, status: Status.EBUSY, value: 0 });
      return;
    }
    this.#isChanging = true;
    const answer = (status: Status): void => {
      this.#isChanging = false;
      if (this.#isEnded) return;
      // The change has an audit record, as the opening of a session has one.
      this.holdUntilDurable();
      this.event({ op: Op.reply, id, status, value: 0 });
    };
    this.#onCredential(this, statement).then(answer, (error: unknown) => {
      this.#context.log.error({ err: error, session: this.id }, 'a new credential could not be checked');
      answer(Status.EIO);
    });
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
      // Before the gate, so that earlier decisions do not wait for it.
      this.#acknowledge();
      this.holdUntilDurable();
    }
    for (const answer of answers) this.event(answer);
  }

  /** Queues the owed acknowledgement, if any, after the refusals that it must not overtake. */
  #acknowledge(): void {
    const through = this.#acks.take();
    if (through !== null) this.event({ op: Op.ack, through });
  }

  /** Checked after each record, because other domains fill this queue too, with events. */
  #throttle(): void {
    if (this.controlBytes > CONTROL_BYTES_PER_SESSION) this.#isThrottled = true;
  }

  /** All frames queued from here on wait until the audit records so far are durable. */
  holdUntilDurable(then?: () => void): void {
    const gate = this.hold();
    this.#context.durable.after(() => {
      gate.isOpen = true;
      if (this.#isEnded) return;
      this.reopened();
      then?.();
    }, this.state.domain);
  }

  /** All strict messages of one turn share a gate: their records are queued before the microtask runs. */
  holdForRecords(): void {
    if (this.#isHolding) return;
    this.#isHolding = true;
    const gate = this.hold();
    queueMicrotask(() => {
      this.#isHolding = false;
      this.#context.durable.afterQueued(() => {
        gate.isOpen = true;
        if (!this.#isEnded) this.reopened();
      });
    });
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

  /** For a new revision: sends the present labels of this domain and of all domains introduced before. */
  introduceAgain(): void {
    for (const domid of new Set([this.state.domain.domid, ...this.#introduced])) this.introduce(domid);
  }

  protected override onBorrowed(): void {
    this.#context.deferredCopies.add(this);
  }

  protected override onDirty(): void {
    if (!this.#isEnded) this.#context.flusher.add(this);
  }

  protected override onQueued(isFull: boolean): void {
    this.#context.flusher.queued(isFull);
  }

  flush(): void {
    if (this.#isEnded || this.#isCongested) return;
    const records: Uint8Array[] = [];
    const chunks: Chunk[] = [];
    // A revocation cannot reach sealed bytes, so what the carrier still has counts too.
    let bytes = this.carrier.unsentBytes ?? 0;
    if (!this.isEmpty) this.#acknowledge();
    else if (this.#acks.isDue) records.push(this.#session.seal(loneAck(this.#acks.take() ?? 0)));
    while (bytes < CARRIER_HIGH_WATER_BYTES) {
      const chunk = this.take();
      if (chunk === null) break;
      records.push(this.#session.sealInPlace(chunk.memory, 0, chunk.used));
      chunks.push(chunk);
      bytes += chunk.used;
      if (chunk.delivery > 0) this.#acks.delivered();
    }
    if (records.length === 0) return;
    // One function for all records of a flush, and none for each.
    this.#isCongested = !this.carrier.write(records, () => {
      for (const chunk of chunks) this.written(chunk);
    });
    if (this.#isCongested) this.#onCongested();
    else if (!this.isEmpty) this.reopened();
    if (this.#isThrottled && this.controlBytes < CONTROL_BYTES_PER_SESSION / 2) {
      this.#isThrottled = false;
      this.#onReady();
    }
  }

  drained(): void {
    this.#isCongested = false;
    this.flush();
  }

  /** Sends a close record as the last one, and drops the rest of the queue. Idempotent. */
  end(word: CloseWord): void {
    if (this.#isEnded) return;
    this.#acknowledge();
    if (!this.#isCongested) this.flush();
    this.#acks.cancel();
    this.#isEnded = true;
    this.carrier.write([this.#session.sealClose(word)]);
    this.discard();
  }

  /** The carrier is gone, so no close record can be sent. */
  lost(): void {
    this.#acks.cancel();
    this.#isEnded = true;
    this.discard();
  }
}

const LONE_ACK = encodeBrokerFrame({ op: Op.ack, through: 0 });
const LONE_ACK_VIEW = new DataView(LONE_ACK.buffer, LONE_ACK.byteOffset, LONE_ACK.byteLength);

/** The plaintext of a record with only an acknowledgement. It needs no chunk: every call reuses the same memory. */
function loneAck(through: number): Uint8Array {
  LONE_ACK_VIEW.setUint32(DataField.id, through, true);
  return LONE_ACK;
}
