/**
 * Long work in small steps.
 *
 * A reload happens inside the broker while messages flow. The pure code is written as generators: each `yield` is a place
 * where the work may rest. The caller decides: `finish` runs all steps at once, `finishPaced` lets the event loop turn in
 * between. The pure code knows neither clock nor event loop; the edge that starts the load brings both.
 */
export type Work<T> = Generator<void, T, void>;

/** Called between two steps. The returned promise, if any, is awaited before the next step. */
export type Pace = () => Promise<void> | null;

/** The pace of a caller that has nothing else to do. */
export const unhurried: Pace = () => null;

/** Runs all steps in one go. */
export function finish<T>(work: Work<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** Runs all steps, and rests when the pace asks for it. */
export async function finishPaced<T>(work: Work<T>, pace: Pace): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    const rest = pace();
    if (rest !== null) await rest;
  }
}

/** Rests by `rest` whenever `sliceMs` milliseconds of `now` have passed since the last rest. */
export function createPace(now: () => number, sliceMs: number, rest: () => Promise<void>): Pace {
  let sliceEnd = now() + sliceMs;
  let turns = 0;
  return () => {
    // Reading a clock costs as much as parsing a short row; every 16th turn is often enough.
    if ((++turns & 15) !== 0 || now() < sliceEnd) return null;
    return rest().then(() => {
      sliceEnd = now() + sliceMs;
    });
  };
}
