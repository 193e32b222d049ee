/** What the roles share: the service they use, and their messages to the demo's own process. */

export const AUDIO_VM = 'audio-vm';
/** Playback, as in Qubes (qubes-gui-daemon pulse/qubes-vchan-sink.h). */
export const PLAYBACK_PORT = 4_713;
export const PLAYBACK_FRAME_MS = 10;

export interface AttackResult {
  readonly name: string;
  readonly refused: boolean;
  /** The answer that the attacker got. */
  readonly how: string;
}

/** Times of the frames since the last such message: when chrome-vm sent each one, or when it arrived at audio-vm. */
export interface Stamps {
  readonly kind: 'sent' | 'heard';
  /** Microseconds, as `sharedMicros`. */
  readonly stamps: readonly number[];
  /** Of all frames so far. */
  readonly bytes: number;
}

export interface Done {
  readonly kind: 'done';
  /** Frames of the stream as this end counted them. */
  readonly frames?: number;
  /** Frames that the audio endpoint could not send. */
  readonly lost?: number;
  readonly attacks?: readonly AttackResult[];
}

export type FromRole = { readonly kind: 'ready' } | Stamps | Done;

/** Interval of the messages `sent` and `heard`. */
export const STAMPS_MS = 100;

export function tell(message: FromRole): void {
  process.send?.(message);
}

/** Resolves when the stream has ended at both ends. A role exits when the demo's process is gone. */
export function finished(): Promise<void> {
  const leave = (): never => process.exit(1);
  process.once('disconnect', leave);
  return new Promise((resolve) => {
    process.once('message', () => {
      process.off('disconnect', leave);
      resolve();
    });
  });
}

/** The role's task: a JSON object in the first argument, written by installation.ts. */
export function readTask<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T;
}

/** Microseconds of the clock that all processes of one host share, modulo 2^32. */
export function sharedMicros(): number {
  return Number((process.hrtime.bigint() / 1_000n) & 0xffff_ffffn);
}
