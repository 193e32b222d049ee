/** Time for the audio clients, so that a test can stand in for it. */
export interface AudioClock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Runs `task` once. The returned function cancels it. */
  schedule(delayMs: number, task: () => void): () => void;
}

export const NODE_CLOCK: AudioClock = Object.freeze<AudioClock>({
  now: () => performance.now(),
  schedule(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
});
