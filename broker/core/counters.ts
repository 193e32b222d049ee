/** Plain numbers that the hot path adds to; metrics read them when somebody asks. */
export interface Counters {
  /** Messages accepted into rings. */
  messages: number;
  /** Their payload. */
  bytes: number;
  /** Operations not done, by status code. */
  readonly refused: Record<number, number>;
}

export function newCounters(): Counters {
  return { messages: 0, bytes: 0, refused: {} };
}
