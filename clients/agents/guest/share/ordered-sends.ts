/**
 * Ordered sends of several programs to one ring, a queue for each ring.
 *
 * After an EAGAIN the broker refuses later ordered sends of the same session until one says `resume`, so that none
 * overtakes. It cannot tell the programs of a session apart: the `resume` of one program would let pass what another one
 * has under way behind its own refused message. Hence one program at a time has sends under way to a ring. The others
 * wait their turn, and each program is held back by its own refusals alone.
 *
 *   queue: owner P, 3 under way, waiting [Q m1][Q m2][P m9]   Q's turn comes when P's 3 have their outcomes
 */
import { Fifo } from '../../../../broker/base/index.ts';
import { DataField, SendFlag, Status } from '../../../../broker/wire/index.ts';

const TWO_32 = 0x1_0000_0000;

/** A send that may have to wait for its turn. `frame` is whole, and its own copy. */
export interface OrderedSend<Program> {
  readonly program: Program;
  readonly frame: Uint8Array;
  readonly onOutcome: (status: Status, maxMessageSize: number) => void;
}

/** Writes the frame to the session. False: there is none, and no outcome follows. */
export type Transmit<Program> = (
  send: OrderedSend<Program>,
  onOutcome: (status: Status, maxMessageSize: number) => void,
) => boolean;

interface Queue<Program> {
  /** Whose sends are under way, or were last. */
  owner: Program | null;
  underWay: number;
  readonly waiting: Fifo<OrderedSend<Program>>;
  /** Programs whose last ordered send was refused for want of room, and which have not resumed. */
  readonly heldBack: Set<Program>;
}

export class OrderedSends<Program> {
  readonly #transmit: Transmit<Program>;
  /** By domid * 2^32 + port: below 2^48, so exact. */
  readonly #queues = new Map<number, Queue<Program>>();

  constructor(transmit: Transmit<Program>) {
    this.#transmit = transmit;
  }

  /** Rings to which ordered sends are under way, wait or are held back. */
  get size(): number {
    return this.#queues.size;
  }

  submit(send: OrderedSend<Program>): void {
    const { program, frame } = send;
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    const key = view.getUint16(DataField.destination, true) * TWO_32 + view.getUint32(DataField.destinationPort, true);
    const queue = this.#queueOf(key);
    const flags = view.getUint8(DataField.flags);
    if ((flags & SendFlag.resume) !== 0) queue.heldBack.delete(program);
    if (queue.heldBack.has(program)) send.onOutcome(Status.EAGAIN, 0);
    else if (queue.waiting.length > 0 || (queue.underWay > 0 && queue.owner !== program)) queue.waiting.push(send);
    else this.#send(key, queue, send);
  }

  /** The program has gone: what waits of it is not sent. The outcomes of what is under way are still called. */
  forget(program: Program): void {
    for (const [key, queue] of this.#queues) {
      queue.waiting.retain((send) => send.program !== program);
      queue.heldBack.delete(program);
      this.#next(key, queue);
    }
  }

  /** The session has ended, and all programs with it. */
  clear(): void {
    this.#queues.clear();
  }

  #queueOf(key: number): Queue<Program> {
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = { owner: null, underWay: 0, waiting: new Fifo(), heldBack: new Set() };
      this.#queues.set(key, queue);
    }
    return queue;
  }

  #send(key: number, queue: Queue<Program>, send: OrderedSend<Program>): void {
    // The broker may still hold back for the program before: the first send of a turn lifts that.
    if (queue.owner !== send.program) {
      queue.owner = send.program;
      setFlag(send.frame, SendFlag.resume);
    }
    queue.underWay++;
    const isSent = this.#transmit(send, (status, maxMessageSize) => {
      queue.underWay--;
      if (status === Status.EAGAIN || status === Status.EBUSY) queue.heldBack.add(send.program);
      send.onOutcome(status, maxMessageSize);
      this.#next(key, queue);
    });
    if (!isSent) queue.underWay--;
  }

  #next(key: number, queue: Queue<Program>): void {
    for (let head = queue.waiting.at(0); head !== undefined; head = queue.waiting.at(0)) {
      const isHeldBack = queue.heldBack.has(head.program) && !hasFlag(head.frame, SendFlag.resume);
      if (!isHeldBack && queue.underWay > 0 && queue.owner !== head.program) return;
      queue.waiting.shift();
      if (isHeldBack) head.onOutcome(Status.EAGAIN, 0);
      else this.#send(key, queue, head);
    }
    if (queue.underWay === 0 && queue.heldBack.size === 0) this.#queues.delete(key);
  }
}

function hasFlag(frame: Uint8Array, flag: number): boolean {
  return ((frame[DataField.flags] ?? 0) & flag) !== 0;
}

function setFlag(frame: Uint8Array, flag: number): void {
  frame[DataField.flags] = (frame[DataField.flags] ?? 0) | flag;
}
