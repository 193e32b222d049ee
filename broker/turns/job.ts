/** One session's work, as seen by the scheduler (turns.ts). */
import type { ShareJob, WorkShare } from './share.ts';

/** A session with received bytes that are not processed yet. */
export interface Worker {
  /**
   * Works until there is no more work that can be done now, or until its job's share is spent. It pays the share for
   * each piece of work. Returns true when only the share stopped it.
   */
  work(): boolean;
}

/** Where a job waits for its turn. */
interface Queue {
  ready(job: ShareJob): void;
}

export class Job implements ShareJob {
  readonly #queue: Queue;
  readonly #worker: Worker;
  /** The share that pays. It changes when a stranger has authenticated. */
  share: WorkShare;
  #state: 'idle' | 'waiting' | 'working' | 'cancelled' = 'idle';

  constructor(queue: Queue, share: WorkShare, worker: Worker) {
    this.#queue = queue;
    this.share = share;
    this.#worker = worker;
  }

  get isCancelled(): boolean {
    return this.#state === 'cancelled';
  }

  /** There is work. It is done at once if the share allows that, else in a later turn. */
  ready(): void {
    if (this.#state === 'idle') this.#queue.ready(this);
  }

  /** The job does no more work. */
  cancel(): void {
    this.#state = 'cancelled';
  }

  /** Only `Turns` calls this. */
  waits(): void {
    this.#state = 'waiting';
  }

  /** Only `Turns` calls this. Returns true when there is more work. */
  run(): boolean {
    this.#state = 'working';
    const hasMore = this.#worker.work();
    if (this.isCancelled) return false;
    this.#state = 'idle';
    return hasMore;
  }
}
