/**
 * Pace: how a long piece of work lets others run.
 *
 * A reload happens inside the broker while messages flow. Loops call the pace once a turn and await what it returns, if
 * anything. The pure code knows neither clock nor event loop; the edge that starts the load brings both.
 */
export type Pace = () => Promise<void> | null;

/** For whoever has nothing else to do. */
export const unhurried: Pace = () => null;

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
