/** What the service needs of a sound server: streams named after VMs. Twins: PulseAudio's own clients, WAV files, and memory in
 * tests. */

export interface PlaybackStream {
  /** Whole sample frames; taken over by the stream. */
  write(bytes: Uint8Array): void;
  /** Plays what was written to its end, then goes. */
  close(): void;
}

export interface CaptureStream {
  close(): void;
}

/** How a stream ends that was not closed: the sound server went away, or there is none. Called once. */
export type OnLost = () => void;

export interface SoundServer {
  /** How far ahead of the clock a stream is written, ms: as much as it can hold and still be counted. */
  readonly writeAheadMs: number;
  /** `device` null: the default sink. */
  openPlayback(vm: string, device: string | null, onLost: OnLost): PlaybackStream;
  openCapture(vm: string, onBytes: (bytes: Uint8Array) => void, onLost: OnLost): CaptureStream;
}
