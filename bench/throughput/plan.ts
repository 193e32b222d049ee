/** How long and in which order: everything that is decided before the first message. */
import type { ArmName } from '../arms/arm.ts';

/** One sample audio frame of 10 ms at 44.1 kHz S16LE stereo has 1 764 bytes; the others are "small" and one full record. */
export const DEFAULT_SIZES = [64, 1764, 65_536] as const;
/** A median of fewer rounds is not one. */
export const MIN_ROUNDS = 3;
export const MAX_SIZE_BYTES = 1_000_000;

export interface Pace {
  readonly rounds: number;
  /** Before the first round, per arm and size, so that no arm is the one whose code is still being compiled. */
  readonly warmupMs: number;
  /** Unmeasured start of every throughput cell: sockets fill, the window opens. */
  readonly settleMs: number;
  readonly throughputMs: number;
  readonly latencyMs: number;
}

export const FULL_PACE: Pace = { rounds: 5, warmupMs: 1000, settleMs: 300, throughputMs: 2000, latencyMs: 1000 };
/** 45 cells of 0.65 s, 15 warm-ups and the start of 15 processes: 40 s on two cores. */
export const QUICK_PACE: Pace = { rounds: 3, warmupMs: 150, settleMs: 60, throughputMs: 400, latencyMs: 190 };

const WINDOW_BYTES = 8 * 1024 * 1024;
const MIN_WINDOW = 64;
const MAX_WINDOW = 16_384;
const NOTES_PER_WINDOW = 8;

export interface Window {
  /** Messages that may be between the sender's call and the receiver's callback. */
  readonly messages: number;
  /** The receiver reports after so many. */
  readonly quantum: number;
}

/** Enough to keep three processes busy, little enough that nothing measures how well a client's buffer grows. */
export function windowOf(size: number): Window {
  const messages = Math.min(MAX_WINDOW, Math.max(MIN_WINDOW, Math.floor(WINDOW_BYTES / size)));
  return { messages, quantum: Math.max(1, Math.floor(messages / NOTES_PER_WINDOW)) };
}

export interface Turn {
  readonly round: number;
  readonly size: number;
  readonly arm: ArmName;
}

/** Arms take turns within a size, so that what is compared is measured next to each other; every other round runs backwards. */
export function turns(arms: readonly ArmName[], sizes: readonly number[], rounds: number): Turn[] {
  return Array.from({ length: rounds }, (_, round) => {
    const order = round % 2 === 0 ? arms : arms.toReversed();
    return sizes.flatMap((size) => order.map((arm) => ({ round, size, arm })));
  }).flat();
}
