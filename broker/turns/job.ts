/** One session's work, as the turns see it. */
import type { ShareJob, WorkShare } from './share.ts';

/** A session, with what it has received and not worked on yet. */
export interface Worker {
  /**
   * Works until nothing is left that can be worked on now, or until its job's share is spent. True when only the budget
   * stopped it. It pays the share for each piece.
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
  /** Who pays: changes when a stranger has proved who it is. */
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

  /** There is something to work on. Works at once when its share allows it, else in a later turn. */
  ready(): void {
    if (this.#state === 'idle') this.#queue.ready(this);
  }

  /** Nothing is worked on any more. */
  cancel(): void {
    this.#state = 'cancelled';
  }

  /** For `Turns` alone. */
  waits(): void {
    this.#state = 'waiting';
  }

  /** For `Turns` alone: true when there is more. */
  run(): boolean {
    this.#state = 'working';
    const hasMore = this.#worker.work();
    if (this.isCancelled) return false;
    this.#state = 'idle';
    return hasMore;
  }
}
