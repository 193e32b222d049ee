/** Plain numbers that the hot path adds to. Metrics read them on request. */
export interface Counters {
  /** Messages accepted into rings. */
  messages: number;
  /** Payload bytes of those messages. */
  bytes: number;
  /** Those of them that pay for the sender's work: for a receiver that reads, and without an audit record each. */
  useful: number;
  /** Those of them that have an audit record each. */
  recorded: number;
  /** Refused operations by status code. */
  readonly refused: Record<number, number>;
}

export function newCounters(): Counters {
  return { messages: 0, bytes: 0, useful: 0, recorded: 0, refused: {} };
}
