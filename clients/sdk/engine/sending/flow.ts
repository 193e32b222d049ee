/**
 * The sends with a deadline to one ring, kept in order while the ring is full.
 *
 *   open      sends go out as they come
 *   blocked   one got EAGAIN: the broker refuses all later ordered ones too; wait until those in flight are back and
 *             there is news of space (or the retry timer)
 *   draining  a window of the waiting ones is sent again, the first with `resume`; the rest and all new ones wait
 *
 *      open --EAGAIN--> blocked --space, retry--> draining --all accepted, none waits--> open
 *                          ^-----------EAGAIN--------'  '--all accepted--> next window, twice as large
 *
 * Invariant: #queue holds, oldest first, every send without outcome; in `blocked` those in flight come before those
 * that wait, so a refused send takes its old place as soon as it is marked as waiting again.
 */

import { Fifo } from '../../../../broker/base/index.ts';
import { SendFlag, Status } from '../../../../broker/wire/index.ts';
import { EAGAIN_RETRY_MS, EBUSY_RETRY_MS, FIRST_RESUME_WINDOW, MAX_RESUME_WINDOW } from '../../limits.ts';
import type { HeldSend, SendOrder } from './send.ts';

export interface FlowActions {
  /** Writes the frame with the next send id. */
  transmit(send: HeldSend, flow: Flow, flags: number): void;
  /** The session is up. */
  readonly isUp: boolean;
  schedule(delayMs: number, task: () => void): () => void;
}

export class Flow implements SendOrder {
  readonly domid: number;
  readonly port: number;
  readonly #actions: FlowActions;
  readonly #queue = new Fifo<HeldSend>();
  #state: 'open' | 'blocked' | 'draining' = 'open';
  #inFlight = 0;
  /** News of space since the last resend; it may come before the last of the refused ones is back. */
  #hasSpace = false;
  /** The broker may be holding back our ordered sends: the next one lifts that. A new flow cannot know. */
  #needsResume = true;
  /** The send that carried `resume` last. */
  #resuming: HeldSend | null = null;
  #window = FIRST_RESUME_WINDOW;
  #acceptedOfWindow = 0;
  #cancelRetry: (() => void) | null = null;

  constructor(domid: number, port: number, actions: FlowActions) {
    this.domid = domid;
    this.port = port;
    this.#actions = actions;
  }

  get isIdle(): boolean {
    return this.#queue.length === 0;
  }

  /** Sends wait: a new one would overtake them. */
  get isBlocked(): boolean {
    return this.#state !== 'open';
  }

  /** Takes over a send in phase `waiting`; transmits it unless others wait. */
  submit(send: HeldSend): void {
    send.order = this;
    if (this.#state === 'open' && !this.#actions.isUp) this.#state = 'blocked';
    send.isQueued = true;
    this.#queue.push(send);
    if (this.#state === 'open') this.#transmit(send);
  }

  accepted(): void {
    this.#inFlight--;
    this.#acceptedOfWindow++;
    this.#dropDone();
    if (this.#state !== 'open' && this.#inFlight === 0) this.#continue();
  }

  refused(send: HeldSend, status: Status, isOver: boolean): boolean {
    this.#inFlight--;
    const isFull = status === Status.EAGAIN || status === Status.EBUSY;
    const isKept = isFull && !isOver;
    send.phase = isKept ? 'waiting' : 'done';
    // Refused before the broker lifted the block: the sends behind it are refused as well, and no `space` event follows.
    if (!isFull && send === this.#resuming) this.#hasSpace = true;
    if (isFull) this.#block(status === Status.EAGAIN ? EAGAIN_RETRY_MS : EBUSY_RETRY_MS);
    this.#dropDone();
    if (this.#state !== 'open' && this.#inFlight === 0) this.#continue();
    return isKept;
  }

  /** The session ended with this one in flight; `suspend` follows. */
  lost(): void {
    this.#inFlight--;
    this.#dropDone();
  }

  /** There is room in the ring. */
  space(): void {
    this.#hasSpace = true;
    if (this.#state === 'blocked' && this.#inFlight === 0) this.#resume();
  }

  /** The session is gone: waiting sends wait for the next session. */
  suspend(): void {
    this.#stopRetry();
    this.#hasSpace = false;
    this.#needsResume = true;
    this.#state = this.#queue.length === 0 ? 'open' : 'blocked';
  }

  /** The session is back, or sends that waited found their outcome elsewhere. */
  revive(): void {
    this.#dropDone();
    if (this.#state !== 'open' && this.#inFlight === 0) this.#resume();
  }

  /** Removes the sends that `decide` takes: a deadline passed, the caller gave up, or a name may mean another domain. */
  withdraw(decide: (send: HeldSend) => boolean): void {
    this.#queue.retain((send) => {
      if (send.phase !== 'waiting' || !decide(send)) return true;
      send.isQueued = false;
      return false;
    });
    this.#dropDone();
    if (this.#queue.length === 0) this.#open();
  }

  dispose(): void {
    this.#stopRetry();
  }

  #block(retryMs: number): void {
    if (this.#state === 'draining') this.#window = Math.max(1, this.#acceptedOfWindow);
    this.#state = 'blocked';
    this.#needsResume = true;
    this.#stopRetry();
    this.#cancelRetry = this.#actions.schedule(retryMs, () => {
      this.#cancelRetry = null;
      this.#hasSpace = true; // not known; an attempt tells
      if (this.#inFlight === 0) this.#continue();
    });
  }

  /** Called when nothing of this flow is in flight: chooses the next step. */
  #continue(): void {
    if (this.#queue.length === 0) this.#open();
    else if (this.#state === 'draining') {
      this.#window = Math.min(MAX_RESUME_WINDOW, this.#window * 2);
      this.#sendWindow();
    } else if (this.#hasSpace) this.#resume();
  }

  #resume(): void {
    if (!this.#actions.isUp) return;
    this.#stopRetry();
    this.#hasSpace = false;
    this.#state = 'draining';
    this.#sendWindow();
  }

  #sendWindow(): void {
    this.#acceptedOfWindow = 0;
    let sent = 0;
    for (let i = 0; i < this.#queue.length && sent < this.#window; i++) {
      const send = this.#queue.at(i);
      if (send?.phase !== 'waiting') continue;
      this.#transmit(send);
      sent++;
    }
    if (sent === 0) this.#open();
  }

  #transmit(send: HeldSend): void {
    const flags = this.#needsResume ? SendFlag.ordered | SendFlag.resume : SendFlag.ordered;
    if (this.#needsResume) this.#resuming = send;
    this.#needsResume = false;
    this.#inFlight++;
    send.phase = 'in-flight';
    this.#actions.transmit(send, this, flags);
  }

  #open(): void {
    this.#stopRetry();
    this.#state = 'open';
    this.#hasSpace = false;
    this.#window = FIRST_RESUME_WINDOW;
  }

  #stopRetry(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
  }

  #dropDone(): void {
    for (let first = this.#queue.at(0); first?.phase === 'done'; first = this.#queue.at(0)) {
      first.isQueued = false;
      this.#queue.shift();
    }
  }
}
