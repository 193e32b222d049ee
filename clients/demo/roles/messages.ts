/** What the demo's processes tell the one that started them. */
export interface AttackResult {
  readonly name: string;
  readonly refused: boolean;
  /** What the attacker was answered. */
  readonly how: string;
}

export interface Progress {
  readonly kind: 'progress';
  readonly frames: number;
  readonly bytes: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
}

export interface Done {
  readonly kind: 'done';
  readonly frames?: number;
  readonly p50Micros?: number;
  readonly p99Micros?: number;
  readonly attacks?: readonly AttackResult[];
}

export type FromRole = { readonly kind: 'ready' } | Progress | Done;

export function tell(message: FromRole): void {
  process.send?.(message);
}

/** The role's task: a JSON object in the first argument, written by scene.ts. */
export function readTask<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T;
}

/** Microseconds of the clock that all processes of one host share, modulo 2^32: it fits a message type. */
export function sharedMicros(): number {
  return Number((process.hrtime.bigint() / 1_000n) & 0xffff_ffffn);
}
