/** The sound server's twin in memory: what was opened, written and closed can be looked at. */
import {
  type AudioClock,
  type CaptureStream,
  ClockedStream,
  NODE_CLOCK,
  type OnLost,
  type PlaybackEvents,
  type PlaybackStream,
  type SoundServer,
} from '../../../clients/agents/audio/index.ts';

export interface MemoryPlayback {
  readonly vm: string;
  readonly device: string | null;
  readonly written: Uint8Array[];
  isClosed: boolean;
  readonly lose: OnLost;
}

export interface MemoryCapture {
  readonly vm: string;
  readonly speak: (bytes: Uint8Array) => void;
  isClosed: boolean;
  readonly lose: OnLost;
}

/** What the server takes ahead of time. */
const AHEAD_MS = 40;

export class MemoryServer implements SoundServer {
  readonly #clock: AudioClock;
  readonly playbacks: MemoryPlayback[] = [];
  readonly captures: MemoryCapture[] = [];

  constructor(clock: AudioClock = NODE_CLOCK) {
    this.#clock = clock;
  }

  openPlayback(vm: string, device: string | null, events: PlaybackEvents): PlaybackStream {
    const stream: MemoryPlayback = { vm, device, written: [], isClosed: false, lose: events.onLost };
    this.playbacks.push(stream);
    const close = (): void => {
      stream.isClosed = true;
    };
    return new ClockedStream(
      this.#clock,
      AHEAD_MS,
      { write: (bytes) => void stream.written.push(bytes), close },
      events,
    );
  }

  openCapture(vm: string, onBytes: (bytes: Uint8Array) => void, onLost: OnLost): CaptureStream {
    const stream: MemoryCapture = { vm, speak: onBytes, isClosed: false, lose: onLost };
    this.captures.push(stream);
    return {
      close: () => {
        stream.isClosed = true;
      },
    };
  }

  /** Streams that are open now. */
  get open(): number {
    return [...this.playbacks, ...this.captures].filter(({ isClosed }) => !isClosed).length;
  }

  /** Everything one VM has been heard to play, one stream after the other. */
  heard(vm: string): Buffer {
    return Buffer.concat(this.playbacks.filter((each) => each.vm === vm).flatMap(({ written }) => written));
  }
}
