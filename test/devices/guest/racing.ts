/** What the process of racing-front-end.ts is told, and what it says at its end. */

/** The bytes of another guest's memory, again and again. */
export const NEIGHBOUR_MARK = 'memory of another guest ';

export interface RacingSetup {
  readonly path: string;
  readonly queues: number;
  readonly isPacked: boolean;
  readonly seed: number;
  /** What buffers often begin with, so that the device goes on to look at the rest. */
  readonly beginnings: readonly (readonly number[])[];
}

export interface RacingResult {
  /** Descriptors, indexes and buffers that were changed. */
  readonly changes: number;
  /** Times that the guest was reset. */
  readonly resets: number;
  /** False: the device has written to the memory of another guest. */
  readonly isNeighbourIntact: boolean;
}
