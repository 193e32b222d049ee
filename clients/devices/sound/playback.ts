/** Samples of the guest for the loudspeaker: each part of a buffer when it is due, the buffer back after its last sample. */
import type { Chain, DeviceQueue } from '../virtqueue/index.ts';
import { toStereo } from './channels.ts';
import { SOUND_STEP_MS } from './limits.ts';
import { encodeTransferStatus, SoundStatus, type StreamParameters } from './message.ts';
import { AUDIO_VM_RATE, Resampler } from './resampler.ts';
import type { SoundSide } from './side.ts';
import type { PcmStream } from './stream.ts';
import type { StreamTiming } from './timing.ts';

export class Playback {
  readonly #stream: PcmStream;
  readonly #timing: StreamTiming;
  readonly #side: SoundSide;
  #rate = new Resampler(AUDIO_VM_RATE, AUDIO_VM_RATE);

  constructor(stream: PcmStream, timing: StreamTiming, side: SoundSide) {
    this.#stream = stream;
    this.#timing = timing;
    this.#side = side;
  }

  setParameters({ rate }: StreamParameters): void {
    this.#rate = new Resampler(rate, AUDIO_VM_RATE);
  }

  /** False: the chain's time has not come. */
  take(queue: DeviceQueue, chain: Chain, samples: Buffer): boolean {
    const stream = this.#stream;
    const { parameters, pace } = stream;
    if (stream.keepsBuffers && parameters !== null) {
      if (pace === null) return false;
      this.#timing.goOn(pace);
      const left = Math.max(0, Math.floor((samples.length - stream.offset) / parameters.frameBytes));
      const frames = Math.min(left, pace.due(this.#timing.now));
      const end = stream.offset + frames * parameters.frameBytes;
      if (frames > 0) {
        const part = toStereo(samples.subarray(stream.offset, end), parameters.channels);
        this.#side.play(this.#rate.push(part));
        pace.take(frames);
      }
      if (frames < left) {
        stream.offset = end;
        const step = Math.floor((SOUND_STEP_MS * parameters.rate) / 1_000);
        this.#timing.later(pace, Math.min(left - frames, step));
        return false;
      }
    }
    stream.offset = 0;
    queue.complete(chain, encodeTransferStatus(SoundStatus.ok, 0));
    return true;
  }
}
