/** What the demo's processes tell the one that started them, and the one word that they are told. */
export interface AttackResult {
  readonly name: string;
  readonly refused: boolean;
  /** What the attacker was answered. */
  readonly how: string;
}

/** Frames since the last such message: when each was sent by chrome-vm, or had arrived at audio-vm. */
export interface Stamps {
  readonly kind: 'sent' | 'heard';
  /** Microseconds, as `sharedMicros`. */
  readonly stamps: readonly number[];
  /** Of all frames so far. */
  readonly bytes: number;
}

export interface Done {
  readonly kind: 'done';
  /** Of the stream, as this end has counted them. */
  readonly frames?: number;
  /** Frames that the agent could not send. */
  readonly lost?: number;
  readonly attacks?: readonly AttackResult[];
}

export type FromRole = { readonly kind: 'ready' } | Stamps | Done;

/** How often `sent` and `heard` are told. */
export const STAMPS_MS = 100;

export function tell(message: FromRole): void {
  process.send?.(message);
}

/** Resolves when the stream is over at both ends. A role whose demo is gone goes, too. */
export function curtain(): Promise<void> {
  const leave = (): never => process.exit(1);
  process.once('disconnect', leave);
  return new Promise((resolve) => {
    process.once('message', () => {
      process.off('disconnect', leave);
      resolve();
    });
  });
}

/** The role's task: a JSON object in the first argument, written by scene.ts. */
export function readTask<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T;
}

/** Microseconds of the clock that all processes of one host share, modulo 2^32. */
export function sharedMicros(): number {
  return Number((process.hrtime.bigint() / 1_000n) & 0xffff_ffffn);
}
