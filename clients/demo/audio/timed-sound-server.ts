/** A sound server that records the arrival time of each frame. A real sound server may play the frames as well; nothing waits for it. */
import type { CaptureStream, OnLost, PlaybackEvents, PlaybackStream, SoundServer } from '../../agents/audio/index.ts';

export class TimedSoundServer implements SoundServer {
  readonly #server: SoundServer;
  readonly #loudspeaker: SoundServer | null;
  readonly #now: () => number;
  #stamps: number[] = [];
  frames = 0;
  bytes = 0;

  constructor(server: SoundServer, loudspeaker: SoundServer | null, now: () => number) {
    this.#server = server;
    this.#loudspeaker = loudspeaker;
    this.#now = now;
  }

  /** Arrival times since the last call. */
  takeStamps(): number[] {
    const taken = this.#stamps;
    this.#stamps = [];
    return taken;
  }

  openPlayback(vm: string, device: string | null, events: PlaybackEvents): PlaybackStream {
    const stream = this.#server.openPlayback(vm, device, events);
    // The recording goes on when the loudspeaker is lost.
    const aloud = this.#loudspeaker?.openPlayback(vm, device, { onWanted: () => {}, onLost: () => {} });
    return {
      isLive: stream.isLive,
      get stepMs() {
        return stream.stepMs;
      },
      get wanted() {
        return stream.wanted;
      },
      get ahead() {
        return stream.ahead;
      },
      get isEmpty() {
        return stream.isEmpty;
      },
      write: (bytes) => {
        this.#stamps.push(this.#now());
        this.frames++;
        this.bytes += bytes.length;
        stream.write(bytes);
        aloud?.write(bytes.slice());
      },
      flush: () => {
        stream.flush();
        aloud?.flush();
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
