/**
 * Collects the sessions with new frames to send, and flushes each once at the end of the event loop's turn. So all
 * frames of one turn for a receiver share records, and a single frame waits only for the end of the turn.
 *
 * Each flush costs a record and a write, as much as thirty small messages. A domain with a backlog is served in slices
 * of a turn, so a flush after each slice would cost more than its messages. Frames that only come from a backlog wait
 * for more of them: for at most MAX_HELD_TURNS turns, until a record is full, or until there is no more backlog. All
 * other frames are flushed at the end of their turn, before its slice of the backlog, and take along the frames that
 * wait.
 */
import { MAX_HELD_TURNS } from '../process/index.ts';

export interface Flushable {
  flush(): void;
}

/** What the flusher asks of the turns. */
export interface Backlog {
  /** The present work has waited for its turn, and would wait again after it. */
  readonly isCatchingUp: boolean;
  readonly hasBacklog: boolean;
  /** `task` runs before the backlog is worked on. */
  beforeBacklog(task: () => void): void;
}

const NO_BACKLOG: Backlog = { isCatchingUp: false, hasBacklog: false, beforeBacklog: () => {} };

export class Flusher {
  readonly #atTurnsEnd: (task: () => void) => void;
  readonly #backlog: Backlog;
  #dirty: Flushable[] = [];
  #isUrgent = false;
  #isScheduled = false;
  #heldTurns = 0;
  readonly #run = (): void => {
    this.#isScheduled = false;
    if (this.#dirty.length === 0) return;
    if (this.#isUrgent || !this.#backlog.hasBacklog || this.#heldTurns >= MAX_HELD_TURNS) {
      this.#flush();
      return;
    }
    this.#heldTurns++;
    this.#schedule();
  };

  constructor(atTurnsEnd: (task: () => void) => void = setImmediate, backlog: Backlog = NO_BACKLOG) {
    this.#atTurnsEnd = atTurnsEnd;
    this.#backlog = backlog;
    backlog.beforeBacklog(() => {
      if (this.#isUrgent) this.#flush();
    });
  }

  /** `item` must not be added again before its `flush` was called. */
  add(item: Flushable): void {
    this.#dirty.push(item);
    this.#schedule();
  }

  /** An added item has one more frame. `isFull`: it has a whole record, so that waiting gains nothing. */
  queued(isFull: boolean): void {
    if (isFull || !this.#backlog.isCatchingUp) this.#isUrgent = true;
  }

  #flush(): void {
    this.#isUrgent = false;
    this.#heldTurns = 0;
    const batch = this.#dirty;
    this.#dirty = [];
    for (const item of batch) item.flush();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#atTurnsEnd(this.#run);
  }
}
