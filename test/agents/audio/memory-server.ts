/** The sound server's twin in memory: what was opened, written and closed can be looked at. */
import type { CaptureStream, OnLost, PlaybackStream, SoundServer } from '../../../clients/agents/audio/index.ts';

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

export class MemoryServer implements SoundServer {
  readonly writeAheadMs = 40;
  readonly playbacks: MemoryPlayback[] = [];
  readonly captures: MemoryCapture[] = [];

  openPlayback(vm: string, device: string | null, onLost: OnLost): PlaybackStream {
    const stream: MemoryPlayback = { vm, device, written: [], isClosed: false, lose: onLost };
    this.playbacks.push(stream);
    return {
      write: (bytes) => void stream.written.push(bytes),
      close: () => {
        stream.isClosed = true;
      },
    };
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
