/**
 * Shares out the broker's turns: deficit round robin over domains (Shreedhar and Varghese 1995), with the two lists of
 * fq_codel (RFC 8290 §4.2) so that a domain with little to do never queues behind those with much.
 *
 *   ready -> idle and with credit: worked on at once ----------------> done
 *              | its credit, or that of this turn, is used up            ^
 *              v                                                         |
 *            fresh: has not waited in this round  --+--> a slice in a turn of its own
 *            backlogged: has, round robin         --+        | more: to the tail of `backlogged`
 *
 * One turn of the event loop does at most QUANTUM_UNITS of work at once, and then SLICE_UNITS for the waiting shares.
 * Of idle work, which delivers nothing (allowance.ts), a share does at most SLICE_UNITS at once. Each may be exceeded by
 * one piece of work (a hello, or a record of the largest message, cannot be divided). Then the event loop reads sockets
 * again. So a domain without a backlog waits for one turn, however many other domains are busy, and what it has to
 * write goes out before the slice. Of n domains with a backlog each gets an nth of the slices.
 *
 * A share gets new credit once per round. A round ends when all shares that waited at its beginning were served. While
 * others wait, a share gets no more credit than they do, so a domain gains nothing by stopping just before its credit
 * is used up. There is no socket here: `schedule` is setImmediate, or a test's own function.
 *
 * A share whose allowance for idle work is spent rests before it is listed again (allowance.ts). It waits for the clock
 * then, and not for others.
 */
import { type Clock, Fifo } from '../base/index.ts';
import { Allowance } from './allowance.ts';
import { Job, type Worker } from './job.ts';
import { BURST_UNITS, DOMAIN_IDLE, type IdleLimit, QUANTUM_UNITS, REST_MS, SLICE_UNITS } from './limits.ts';
import { type Meter, type ShareJob, WorkShare } from './share.ts';

export class Turns {
  /** Number of turns since start that did work which had waited. */
  backloggedTurns = 0;
  #beforeBacklog: () => void = () => {};
  readonly #schedule: (task: () => void) => void;
  readonly #clock: Pick<Clock, 'mono' | 'after'>;
  readonly #meter: Meter = { part: 0, spent: 0, limit: QUANTUM_UNITS };
  /** By name. There are at most as many as the inventory has had. */
  readonly #shares = new Map<string, WorkShare>();
  readonly #fresh = new Fifo<WorkShare>();
  readonly #backlogged = new Fifo<WorkShare>();
  #round = 0;
  /** Shares of `#backlogged` that have not been served in this round. */
  #leftInRound = 0;
  #isScheduled = false;
  #isCatchingUp = false;
  /** One function object for all turns. */
  readonly #run = (): void => this.#turn();

  /** `schedule`: runs a task once the event loop has read its sockets again. */
  constructor(schedule: (task: () => void) => void, clock: Pick<Clock, 'mono' | 'after'>) {
    this.#schedule = schedule;
    this.#clock = clock;
  }

  /** Returns the one share for all sessions of a name. */
  share(name: string, idle = DOMAIN_IDLE): WorkShare {
    let share = this.#shares.get(name);
    if (share === undefined) {
      const allowance = new Allowance(BURST_UNITS, idle.part, this.#clock.mono);
      share = new WorkShare(name, this.#meter, allowance, idle.pieceWeight);
      this.#shares.set(name, share);
    }
    return share;
  }

  /** A job whose share has this name. */
  job(share: string, worker: Worker, idle?: IdleLimit): Job {
    return new Job(this, this.share(share, idle), worker);
  }

  /** `task` runs before the waiting shares are served: what others have to say goes out first. */
  beforeBacklog(task: () => void): void {
    this.#beforeBacklog = task;
  }

  /** True while a share is served that had its part of a turn before and needed more. */
  get isCatchingUp(): boolean {
    return this.#isCatchingUp;
  }

  /** True while a share waits for another turn. */
  get hasBacklog(): boolean {
    return this.#waiting > 0;
  }

  shares(): Iterable<WorkShare> {
    return this.#shares.values();
  }

  /** Only `Job` calls this. */
  ready(job: ShareJob): void {
    const { share } = job;
    this.#arm();
    // A share with negative credit pays it back a slice at a time, like the waiting shares.
    if (
      share.place !== 'idle' ||
      share.credit < 0 ||
      this.#meter.spent >= this.#meter.limit ||
      share.allowance.left <= 0
    ) {
      this.#wait(job);
      return;
    }
    if (share.round !== this.#round) this.#credit(share, this.#waiting === 0 ? QUANTUM_UNITS : this.#earned(share));
    if (share.isSpent || job.run()) this.#wait(job);
  }

  /** Number of waiting shares. */
  get #waiting(): number {
    return this.#fresh.length + this.#backlogged.length;
  }

  /** A share earns a slice in each round, as the waiting shares do. A share that used less can save up to a quantum. */
  #earned(share: WorkShare): number {
    return Math.min((this.#round - share.round) * SLICE_UNITS, QUANTUM_UNITS);
  }

  #wait(job: ShareJob): void {
    const { share } = job;
    job.waits();
    share.waiting.push(job);
    share.waited();
    if (share.place === 'idle') this.#list(share);
  }

  #list(share: WorkShare): void {
    if (share.allowance.left <= 0) {
      const restMs = share.allowance.fill();
      if (restMs > 0) {
        this.#rest(share, restMs);
        return;
      }
    }
    share.place = 'listed';
    const isBacklogged = share.credit < 0 || (share.credit === 0 && share.round === this.#round) || share.idleRoom <= 0;
    if (isBacklogged) this.#backlogged.push(share);
    else this.#fresh.push(share);
  }

  /** The share has nothing left for idle work. It is listed again when something came back. */
  #rest(share: WorkShare, restMs: number): void {
    share.place = 'resting';
    this.#clock.after(Math.max(REST_MS, Math.ceil(restMs)), () => {
      share.place = 'idle';
      if (share.waiting.length === 0) return;
      this.#list(share);
      this.#arm();
    });
  }

  /** Serves the waiting shares, at the end of an event loop's turn. */
  #turn(): void {
    this.#isScheduled = false;
    if (this.#waiting > 0) this.#beforeBacklog();
    const isAlone = this.#meter.spent === 0 && this.#waiting === 1;
    this.#beginPart(SLICE_UNITS);
    if (this.#waiting > 0) this.backloggedTurns++;
    // Each at most once, so that shares which owe more than a slice do not extend the turn.
    for (let left = this.#waiting; left > 0; left--) {
      if (this.#meter.spent >= SLICE_UNITS) break;
      const share = this.#next();
      if (share === undefined) break;
      // A debt is owed to the other shares. If there are none, it is cancelled.
      if (isAlone) share.credit = Math.max(share.credit, 0);
      if (share.credit <= 0 || share.round !== this.#round) this.#credit(share, SLICE_UNITS);
      this.#serve(share);
    }
    this.#isCatchingUp = false;
    if (this.#leftInRound === 0) this.#beginRound();
    this.#beginPart(QUANTUM_UNITS);
    if (this.#waiting > 0) this.#arm();
  }

  #beginPart(limit: number): void {
    this.#meter.part++;
    this.#meter.spent = 0;
    this.#meter.limit = limit;
  }

  #next(): WorkShare | undefined {
    const fresh = this.#fresh.shift();
    this.#isCatchingUp = fresh === undefined;
    if (fresh !== undefined) return fresh;
    if (this.#leftInRound === 0) this.#beginRound();
    this.#leftInRound--;
    return this.#backlogged.shift();
  }

  #beginRound(): void {
    this.#round++;
    this.#leftInRound = this.#backlogged.length;
  }

  #credit(share: WorkShare, units: number): void {
    share.credit = Math.min(share.credit + units, QUANTUM_UNITS);
    share.round = this.#round;
  }

  #serve(share: WorkShare): void {
    share.place = 'served';
    while (!share.isSpent) {
      const job = share.waiting.shift();
      if (job === undefined) break;
      if (job.isCancelled) continue;
      if (job.run()) this.#wait(job);
    }
    if (share.waiting.length === 0) share.place = 'idle';
    else this.#list(share);
  }

  #arm(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#schedule(this.#run);
  }
}
