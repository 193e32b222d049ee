/**
 * Samples of the microphone for the guest: what was heard waits here until a buffer of the guest is due. Without a grant
 * nothing is heard, and a buffer comes back as silence with an error.
 */
import { PcmBuffer } from '../../agents/audio/index.ts';
import type { Chain, DeviceQueue } from '../virtqueue/index.ts';
import { fromStereo } from './channels.ts';
import { CAPTURE_DELAY_MS, MAX_CAPTURE_DELAY_MS } from './limits.ts';
import { encodeTransferStatus, SoundStatus, type StreamParameters, TRANSFER_STATUS_BYTES } from './message.ts';
import { AUDIO_VM_RATE, Resampler } from './resampler.ts';
import type { SoundSide } from './side.ts';
import type { PcmStream } from './stream.ts';
import type { StreamTiming } from './timing.ts';

const STEREO_FRAME_BYTES = 4;
const MAX_RATE = 48_000;
const BUFFERED_MS = 1_000;

export class Capture {
  readonly #stream: PcmStream;
  readonly #timing: StreamTiming;
  readonly #side: SoundSide;
  /** Counts bytes that came too early or too late for the guest. */
  readonly #dropped: (bytes: number) => void;
  readonly #captured = new PcmBuffer((MAX_RATE * STEREO_FRAME_BYTES * BUFFERED_MS) / 1_000);
  #rate = new Resampler(AUDIO_VM_RATE, AUDIO_VM_RATE);

  constructor(stream: PcmStream, timing: StreamTiming, side: SoundSide, dropped: (bytes: number) => void) {
    this.#stream = stream;
    this.#timing = timing;
    this.#side = side;
    this.#dropped = dropped;
  }

  setParameters({ rate }: StreamParameters): void {
    this.#rate = new Resampler(AUDIO_VM_RATE, rate);
  }

  /** 44 100 Hz S16LE stereo, whole sample frames. */
  hear(pcm: Uint8Array): void {
    if (this.#stream.phase !== 'running' || !this.#side.mayHear) this.#dropped(pcm.length);
    else this.#captured.push(this.#rate.push(pcm));
  }

  clear(): void {
    this.#captured.clear();
  }

  /** False: the time of the chain's samples has not come. */
  take(queue: DeviceQueue, chain: Chain): boolean {
    const { parameters, pace, keepsBuffers } = this.#stream;
    const bytes = chain.writableBytes - TRANSFER_STATUS_BYTES;
    if (!keepsBuffers || parameters === null) {
      queue.complete(chain, Buffer.concat([Buffer.alloc(bytes), encodeTransferStatus(SoundStatus.ok, 0)]));
      return true;
    }
    if (pace === null) return false;
    this.#timing.goOn(pace);
    const frames = Math.floor(bytes / parameters.frameBytes);
    if (frames > pace.due(this.#timing.now)) {
      this.#timing.later(pace, frames);
      return false;
    }
    pace.take(frames);
    const samples = fromStereo(this.#captured.takeFilled(frames * STEREO_FRAME_BYTES), parameters.channels);
    this.#trim(parameters.rate);
    const status = this.#side.mayHear ? SoundStatus.ok : SoundStatus.ioError;
    const rest = Buffer.alloc(bytes - samples.length);
    const latency = (this.#captured.length / STEREO_FRAME_BYTES) * parameters.frameBytes;
    queue.complete(chain, Buffer.concat([samples, rest, encodeTransferStatus(status, latency)]));
    return true;
  }

  /** What waits for longer than it should stays late for as long as the recording goes on. */
  #trim(rate: number): void {
    const bytesOf = (ms: number): number => Math.floor((ms * rate) / 1_000) * STEREO_FRAME_BYTES;
    if (this.#captured.length <= bytesOf(MAX_CAPTURE_DELAY_MS)) return;
    this.#dropped(this.#captured.take(this.#captured.length - bytesOf(CAPTURE_DELAY_MS)).length);
  }
}
