/** Time as the log needs it: an argument, so that tests own it. node-clock.ts has the real one. */
export interface Clock {
  /** Milliseconds since 1970; may step. */
  now(): number;
  /** Milliseconds since some fixed moment; never goes back. */
  mono(): number;
  /** Runs `callback` once after `ms`; returns the function that calls it off. */
  after(ms: number, callback: () => void): () => void;
}
