/**
 * The sound card of one guest (VIRTIO 1.2 §5.14): one playback and one capture stream, S16 at 44.1 or 48 kHz, a jack for
 * the loudspeaker and one for the microphone.
 *
 * A buffer of the guest stays in the guest's queue until its time has come. Each step reads the samples that are due from
 * the first chain and puts the chain back; the chain is completed when its last sample is due. So the guest hears the
 * clock of the sound in the completions, and the card holds no chain between two wake-ups.
 *
 * START of the capture stream is the question for the microphone. Without a grant the answer is IO_ERR. A grant that ends
 * while the stream runs ends the samples, drops those that wait, and pulls the plug of the jack; the next one plugs it in.
 */
import { type AudioClock, PcmBuffer } from '../../agents/audio/index.ts';
import type { VirtioDevice, Wiring } from '../vhost-user/index.ts';
import type { Chain, DeviceQueue } from '../virtqueue/index.ts';
import { fromStereo, toStereo } from './channels.ts';
import { answerControl, type ControlPort } from './control.ts';
import { CAPTURE_DELAY_MS, DRY_AFTER_MS, MAX_CAPTURE_DELAY_MS, MAX_PERIOD_BYTES, SOUND_STEP_MS } from './limits.ts';
import {
  EVENT_BYTES,
  encodeEvent,
  encodeTransferStatus,
  SoundEvent,
  SoundStatus,
  STREAM_HEADER_BYTES,
  type StreamParameters,
  TRANSFER_STATUS_BYTES,
} from './message.ts';
import { Resampler } from './resampler.ts';
import { SamplePace } from './sample-pace.ts';
import type { SoundSide } from './side.ts';
import { PcmStream } from './stream.ts';

export const SoundQueue = { control: 0, event: 1, playback: 2, capture: 3 } as const;
export const PLAYBACK_STREAM = 0;
export const CAPTURE_STREAM = 1;
/** Rate and sample frame of the AudioVM. */
const AUDIO_VM_RATE = 44_100;
const STEREO_FRAME_BYTES = 4;
const MAX_RATE = 48_000;
const BUFFERED_MS = 1_000;

export interface SoundCounts {
  /** Times that a stream of the guest ran dry. */
  xruns: number;
  /** Recordings that were refused because the microphone is not granted. */
  refused: number;
  /** Requests and buffers of the guest that make no sense. */
  malformed: number;
  /** Bytes of recorded sound that came too early or too late for the guest. */
  captureDropped: number;
}

export class SoundDevice implements VirtioDevice, ControlPort {
  readonly queueCount = 4;
  readonly maxReadableBytes = STREAM_HEADER_BYTES + MAX_PERIOD_BYTES;
  readonly features = 0n;
  /** Two jacks, two streams, four channel maps, no other controls. */
  readonly config = Buffer.from(Uint32Array.of(2, 2, 4, 0).buffer);
  readonly counts: SoundCounts = { xruns: 0, refused: 0, malformed: 0, captureDropped: 0 };
  readonly streams: readonly [PcmStream, PcmStream] = [new PcmStream(), new PcmStream()];
  readonly #side: SoundSide;
  readonly #clock: AudioClock;
  readonly #captured = new PcmBuffer((MAX_RATE * STEREO_FRAME_BYTES * BUFFERED_MS) / 1_000);
  readonly #cancels = new Map<number, () => void>();
  /** Events for the guest, by what they are about: a later event about it replaces the earlier one. */
  readonly #events = new Map<string, Buffer>();
  #playbackRate = new Resampler(AUDIO_VM_RATE, AUDIO_VM_RATE);
  #captureRate = new Resampler(AUDIO_VM_RATE, AUDIO_VM_RATE);
  #wiring: Wiring | null = null;

  constructor(side: SoundSide, clock: AudioClock) {
    this.#side = side;
    this.#clock = clock;
  }

  // What the world calls

  /** Recorded sound for the guest: 44 100 Hz S16LE stereo, whole sample frames. */
  hear(pcm: Uint8Array): void {
    if (this.streams[CAPTURE_STREAM].phase !== 'running' || !this.#side.mayHear) {
      this.counts.captureDropped += pcm.length;
      return;
    }
    this.#captured.push(this.#captureRate.push(pcm));
  }

  /** The microphone was granted or taken away. */
  onMicrophone(): void {
    if (!this.#side.mayHear) this.#captured.clear();
    const code = this.#side.mayHear ? SoundEvent.jackConnected : SoundEvent.jackDisconnected;
    this.#tell(`jack ${CAPTURE_STREAM}`, encodeEvent(code, CAPTURE_STREAM));
  }

  // What the back-end calls

  attach(wiring: Wiring): void {
    this.#wiring = wiring;
  }

  reset(): void {
    const [playback, capture] = this.streams;
    if (playback.phase === 'running') this.#side.setPlaying(false);
    if (capture.phase === 'running') this.#side.setListening(false);
    for (const stream of this.streams) stream.reset();
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
    this.#events.clear();
    this.#captured.clear();
  }

  service(index: number, queue: DeviceQueue, budget: number): number {
    if (index === SoundQueue.control) return this.#control(queue, budget);
    if (index === SoundQueue.event) return this.#report(queue, budget);
    return this.#transfer(index === SoundQueue.playback ? PLAYBACK_STREAM : CAPTURE_STREAM, queue, budget);
  }

  // The control queue

  #control(queue: DeviceQueue, budget: number): number {
    for (let done = 0; done < budget; done++) {
      const chain = queue.pop();
      if (chain === null) return done;
      const request = queue.read(chain);
      if (request === null) return done;
      const answer = answerControl(this, request, chain.writableBytes);
      if (answer === 'later') {
        queue.unpop();
        return done;
      }
      if (answer.readUInt32LE(0) === SoundStatus.badMessage) this.counts.malformed++;
      queue.complete(chain, answer.subarray(0, chain.writableBytes));
    }
    return budget;
  }

  get isMicrophoneGranted(): boolean {
    return this.#side.mayHear;
  }

  setParameters(index: number, parameters: StreamParameters): void {
    const stream = this.streams[index];
    if (stream === undefined) return;
    stream.parameters = parameters;
    if (index === PLAYBACK_STREAM) this.#playbackRate = new Resampler(parameters.rate, AUDIO_VM_RATE);
    else this.#captureRate = new Resampler(AUDIO_VM_RATE, parameters.rate);
  }

  /** START; IO_ERR when it records and may not. */
  start(index: number): SoundStatus {
    const stream = this.streams[index];
    const { parameters } = stream ?? {};
    if (stream === undefined || parameters == null) return SoundStatus.badMessage;
    if (index === CAPTURE_STREAM && !this.#side.mayHear) {
      this.counts.refused++;
      this.#side.ask();
      return SoundStatus.ioError;
    }
    stream.phase = 'running';
    stream.pace = new SamplePace(parameters.rate, this.#clock.now(), index === CAPTURE_STREAM ? CAPTURE_DELAY_MS : 0);
    this.#captured.clear();
    if (index === CAPTURE_STREAM) this.#side.setListening(true);
    else this.#side.setPlaying(true);
    this.#wiring?.wake(queueOf(index));
    return SoundStatus.ok;
  }

  stop(index: number): void {
    const stream = this.streams[index];
    if (stream?.phase !== 'running') return;
    stream.halt();
    this.#cancels.get(index)?.();
    if (index === CAPTURE_STREAM) this.#side.setListening(false);
    else this.#side.setPlaying(false);
  }

  /** True when all buffers of the stream were given back; else the request has to wait for that. */
  release(index: number): boolean {
    const stream = this.streams[index];
    if (stream === undefined || this.#wiring?.queue(queueOf(index)) == null) return true;
    stream.isReleasing = true;
    stream.offset = 0;
    this.#wiring.wake(queueOf(index));
    return false;
  }

  // Samples

  #transfer(index: number, queue: DeviceQueue, budget: number): number {
    const stream = this.streams[index];
    if (stream === undefined) return 0;
    for (let done = 0; done < budget; done++) {
      const chain = queue.pop();
      if (chain === null) {
        if (stream.phase === 'running') this.#onEmpty(stream, index);
        if (stream.isReleasing) this.#wiring?.wake(SoundQueue.control);
        stream.isReleasing = false;
        return done;
      }
      const header = queue.read(chain);
      if (header === null) return done;
      const isTaken =
        header.length < STREAM_HEADER_BYTES || header.readUInt32LE(0) !== index || !hasRoom(chain, index)
          ? this.#refuse(queue, chain)
          : index === PLAYBACK_STREAM
            ? this.#play(stream, queue, chain, header.subarray(STREAM_HEADER_BYTES))
            : this.#record(stream, queue, chain);
      if (!isTaken) {
        queue.unpop();
        return done;
      }
    }
    return budget;
  }

  /** False: the chain's time has not come. */
  #play(stream: PcmStream, queue: DeviceQueue, chain: Chain, samples: Buffer): boolean {
    const { parameters, pace } = stream;
    if (stream.keepsBuffers && parameters !== null) {
      if (pace === null) return false;
      this.#wet(stream, pace);
      const left = Math.max(0, Math.floor((samples.length - stream.offset) / parameters.frameBytes));
      const frames = Math.min(left, pace.due(this.#clock.now()));
      const end = stream.offset + frames * parameters.frameBytes;
      if (frames > 0) {
        const part = toStereo(samples.subarray(stream.offset, end), parameters.channels);
        this.#side.play(this.#playbackRate.push(part));
        pace.take(frames);
      }
      if (frames < left) {
        stream.offset = end;
        this.#later(PLAYBACK_STREAM, pace, Math.min(left - frames, stepFrames(parameters.rate)));
        return false;
      }
    }
    stream.offset = 0;
    queue.complete(chain, encodeTransferStatus(SoundStatus.ok, 0));
    return true;
  }

  /** False: the samples of the chain's time have not come. */
  #record(stream: PcmStream, queue: DeviceQueue, chain: Chain): boolean {
    const { parameters, pace } = stream;
    const bytes = chain.writableBytes - TRANSFER_STATUS_BYTES;
    if (!stream.keepsBuffers || parameters === null) {
      queue.complete(chain, Buffer.concat([Buffer.alloc(bytes), encodeTransferStatus(SoundStatus.ok, 0)]));
      return true;
    }
    if (pace === null) return false;
    this.#wet(stream, pace);
    const frames = Math.floor(bytes / parameters.frameBytes);
    if (frames > pace.due(this.#clock.now())) {
      this.#later(CAPTURE_STREAM, pace, frames);
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
    this.counts.captureDropped += this.#captured.take(this.#captured.length - bytesOf(CAPTURE_DELAY_MS)).length;
  }

  /** A buffer that makes no sense: it has no room for its status, or is for another stream. */
  #refuse(queue: DeviceQueue, chain: Chain): true {
    this.counts.malformed++;
    const bytes = chain.writableBytes - TRANSFER_STATUS_BYTES;
    const status = encodeTransferStatus(SoundStatus.badMessage, 0);
    queue.complete(chain, bytes < 0 || bytes > MAX_PERIOD_BYTES ? null : Buffer.concat([Buffer.alloc(bytes), status]));
    return true;
  }

  /** The guest has no buffer for the moment. */
  #onEmpty(stream: PcmStream, index: number): void {
    const { pace, parameters } = stream;
    if (pace === null || parameters === null || stream.isDry) return;
    const allowed = Math.floor((DRY_AFTER_MS * parameters.rate) / 1_000);
    const isDry = pace.due(this.#clock.now()) >= allowed;
    if (!isDry) {
      this.#later(index, pace, allowed);
      return;
    }
    stream.isDry = true;
    this.counts.xruns++;
    if (parameters.wantsXruns) this.#tell(`xrun ${index}`, encodeEvent(SoundEvent.xrun, index));
  }

  /** A dry stream has a buffer again: it goes on from now. */
  #wet(stream: PcmStream, pace: SamplePace): void {
    if (stream.isDry) pace.restart(this.#clock.now());
    stream.isDry = false;
  }

  #later(index: number, pace: SamplePace, frames: number): void {
    this.#cancels.get(index)?.();
    const wake = (): void => this.#wiring?.wake(queueOf(index));
    this.#cancels.set(index, this.#clock.schedule(pace.until(frames, this.#clock.now()), wake));
  }

  // Events

  #tell(subject: string, event: Buffer): void {
    this.#events.set(subject, event);
    this.#wiring?.wake(SoundQueue.event);
  }

  #report(queue: DeviceQueue, budget: number): number {
    let done = 0;
    for (const [subject, event] of this.#events) {
      if (done >= budget) break;
      const chain = queue.pop();
      if (chain === null) break;
      done++;
      if (chain.writableBytes < EVENT_BYTES) {
        this.counts.malformed++;
        queue.complete(chain);
        continue;
      }
      queue.complete(chain, event);
      this.#events.delete(subject);
    }
    return done;
  }
}

function queueOf(index: number): number {
  return index === PLAYBACK_STREAM ? SoundQueue.playback : SoundQueue.capture;
}

function hasRoom(chain: Chain, index: number): boolean {
  const bytes = chain.writableBytes - TRANSFER_STATUS_BYTES;
  if (index === PLAYBACK_STREAM) return bytes === 0;
  return chain.readableBytes === STREAM_HEADER_BYTES && bytes >= 0 && bytes <= MAX_PERIOD_BYTES;
}

function stepFrames(rate: number): number {
  return Math.floor((SOUND_STEP_MS * rate) / 1_000);
}
