/** A sound server with a stopwatch: notes when each frame arrives at it. Beside it a loudspeaker may sound, which nothing waits for. */
import type { CaptureStream, OnLost, PlaybackStream, SoundServer } from '../../agents/audio/index.ts';

export class TimedServer implements SoundServer {
  readonly writeAheadMs: number;
  readonly #server: SoundServer;
  readonly #loudspeaker: SoundServer | null;
  readonly #now: () => number;
  #stamps: number[] = [];
  frames = 0;
  bytes = 0;

  constructor(server: SoundServer, loudspeaker: SoundServer | null, now: () => number) {
    this.writeAheadMs = server.writeAheadMs;
    this.#server = server;
    this.#loudspeaker = loudspeaker;
    this.#now = now;
  }

  /** Since it was asked the last time. */
  takeStamps(): number[] {
    const taken = this.#stamps;
    this.#stamps = [];
    return taken;
  }

  openPlayback(vm: string, device: string | null, onLost: OnLost): PlaybackStream {
    const stream = this.#server.openPlayback(vm, device, onLost);
    // Without it the recording goes on.
    const aloud = this.#loudspeaker?.openPlayback(vm, device, () => {});
    return {
      write: (bytes) => {
        this.#stamps.push(this.#now());
        this.frames++;
        this.bytes += bytes.length;
        stream.write(bytes);
        aloud?.write(bytes);
      },
      close: () => {
        stream.close();
        aloud?.close();
      },
    };
  }

  openCapture(vm: string, onBytes: (bytes: Uint8Array) => void, onLost: OnLost): CaptureStream {
    return this.#server.openCapture(vm, onBytes, onLost);
  }
}
