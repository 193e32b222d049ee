/**
 * All that will happen, in the order in which it will: timers, bytes that arrive, writes that reach the disk, ends of
 * turns. Nothing else makes time pass, and one event runs at a time, so a seed decides everything.
 */

interface ScheduledEvent {
  readonly dueMs: number;
  /** Events of one instant run in the order in which they were scheduled. */
  readonly order: number;
  readonly label: string;
  readonly task: () => void;
}

export class Scheduler {
  /** Milliseconds since the simulation began. */
  nowMs = 0;
  /** Events that have run. It numbers the moments of a run more finely than time does. */
  turn = 0;
  /** Told of each event before it runs. */
  onEvent: (label: string) => void = () => {};
  #order = 0;
  /** A binary heap, the next event first. */
  readonly #heap: ScheduledEvent[] = [];
  readonly #cancelled = new Set<ScheduledEvent>();

  /** Runs `task` once, `delayMs` from now; returns the function that cancels it. */
  after(delayMs: number, label: string, task: () => void): () => void {
    const event = { dueMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, label, task };
    this.#push(event);
    return () => void this.#cancelled.add(event);
  }

  /** When the next event is due; null when there is none. */
  get nextMs(): number | null {
    while (this.#heap[0] !== undefined && this.#cancelled.delete(this.#heap[0])) this.#pop();
    return this.#heap[0]?.dueMs ?? null;
  }

  /**
   * Runs the next event if it is due by `untilMs`, and all that follows from it without time. False: there was none, and
   * time has passed until then.
   */
  async step(untilMs: number): Promise<boolean> {
    const next = this.nextMs;
    if (next === null || next > untilMs) {
      this.nowMs = Math.max(this.nowMs, untilMs);
      return false;
    }
    const event = this.#pop();
    this.nowMs = Math.max(this.nowMs, event.dueMs);
    this.turn++;
    this.onEvent(event.label);
    event.task();
    await settled();
    return true;
  }

  #push(event: ScheduledEvent): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): ScheduledEvent {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined) throw new Error('scheduler: nothing is due');
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      const isRight = left !== undefined && right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (child === undefined || !isBefore(child, last)) break;
      heap[at] = child;
      at = 2 * at + (isRight ? 2 : 1);
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

/** All promises that can settle without an event have settled: microtasks run before the check phase of the loop does. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
