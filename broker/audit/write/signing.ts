/** Decides when to sign: with the first commit after enough records, or after enough time if there is a record. */
import type { Clock } from '../../base/index.ts';
import { CHECKPOINT_INTERVAL_MS } from '../limits.ts';
import type { Checkpointer } from './checkpointer.ts';
import type { SegmentLog } from './segment-log.ts';

export class Signing {
  readonly #segments: SegmentLog;
  /** Null: the log is not signed. */
  readonly #checkpointer: Checkpointer | null;
  readonly #clock: Clock;
  #cancel: (() => void) | null = null;
  /** The interval has ended: sign with the next commit, or immediately if none is running. */
  #isDue = false;
  #isStopped = false;
  /** Called when the interval has ended. */
  onDue: () => void = () => undefined;
  /** Called after each attempt to sign. */
  onSigned: () => void = () => undefined;

  constructor(segments: SegmentLog, checkpointer: Checkpointer | null, clock: Clock) {
    this.#segments = segments;
    this.#checkpointer = checkpointer;
    this.#clock = clock;
  }

  get signed(): number | null {
    return this.#checkpointer?.signed ?? null;
  }

  get isDue(): boolean {
    return this.#isDue;
  }

  /** Called after each commit. If it returns false, the records of this commit are signed after the interval. */
  shouldSign(): boolean {
    if (this.#checkpointer === null) return false;
    if (this.#isDue || this.#checkpointer.isDue(this.#segments.head.seq)) return true;
    if (this.#cancel === null && !this.#isStopped) this.#arm();
    return false;
  }

  /**
   * Signs the records on disk. If a checkpoint cannot be written, only time is lost: the next one covers the same
   * records, and status shows the lag.
   */
  async sign(): Promise<void> {
    this.#disarm();
    this.#isDue = false;
    const signable = this.#segments.signable;
    if (signable !== null) await this.#checkpointer?.write(signable).catch(() => undefined);
    this.onSigned();
  }

  /** Signs as soon as no commit is running. */
  demand(): void {
    if (this.#checkpointer === null || this.#isStopped) return;
    this.#isDue = true;
    this.onDue();
  }

  /** Stops the interval. */
  stop(): void {
    this.#isStopped = true;
    this.#disarm();
  }

  #arm(): void {
    this.#cancel = this.#clock.after(CHECKPOINT_INTERVAL_MS, () => {
      this.#cancel = null;
      this.#isDue = true;
      this.onDue();
    });
  }

  #disarm(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}
