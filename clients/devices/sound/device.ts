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
import { type AudioClock, NODE_CLOCK } from '../../agents/audio/index.ts';
import type { VirtioDevice, Wiring } from '../vhost-user/index.ts';
import type { Chain, DeviceQueue } from '../virtqueue/index.ts';
import { Capture } from './capture.ts';
import { answerControl, type ControlPort } from './control.ts';
import { SoundEvents } from './events.ts';
import { CAPTURE_DELAY_MS, MAX_PERIOD_BYTES } from './limits.ts';
import {
  encodeEvent,
  encodeTransferStatus,
  SoundEvent,
  SoundStatus,
  STREAM_HEADER_BYTES,
  type StreamParameters,
  TRANSFER_STATUS_BYTES,
} from './message.ts';
import { Playback } from './playback.ts';
import { SamplePace } from './sample-pace.ts';
import type { SoundSide } from './side.ts';
import { PcmStream } from './stream.ts';
import { StreamTiming } from './timing.ts';

export const SoundQueue = { control: 0, event: 1, playback: 2, capture: 3 } as const;
export const PLAYBACK_STREAM = 0;
export const CAPTURE_STREAM = 1;
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
  readonly #timings: readonly [StreamTiming, StreamTiming];
  readonly #playback: Playback;
  readonly #capture: Capture;
  readonly #events = new SoundEvents(() => {
    this.counts.malformed++;
  });
  #wiring: Wiring | null = null;

  constructor(side: SoundSide, clock: AudioClock = NODE_CLOCK) {
    this.#side = side;
    this.#clock = clock;
    const timing = (index: 0 | 1): StreamTiming =>
      new StreamTiming(this.streams[index], clock, () => this.#wiring?.wake(queueOf(index)));
    const [playback, capture] = [timing(PLAYBACK_STREAM), timing(CAPTURE_STREAM)];
    this.#timings = [playback, capture];
    this.#playback = new Playback(this.streams[PLAYBACK_STREAM], playback, side);
    this.#capture = new Capture(this.streams[CAPTURE_STREAM], capture, side, (bytes) => {
      this.counts.captureDropped += bytes;
    });
  }

  // What the world calls

  /** Recorded sound for the guest: 44 100 Hz S16LE stereo, whole sample frames. */
  hear(pcm: Uint8Array): void {
    this.#capture.hear(pcm);
  }

  /** The microphone was granted or taken away. */
  onMicrophone(): void {
    if (!this.#side.mayHear) this.#capture.clear();
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
    for (const timing of this.#timings) timing.cancel();
    this.#events.clear();
    this.#capture.clear();
  }

  service(index: number, queue: DeviceQueue, budget: number): number {
    if (index === SoundQueue.control) return this.#control(queue, budget);
    if (index === SoundQueue.event) return this.#events.deliver(queue, budget);
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
    if (index === PLAYBACK_STREAM) this.#playback.setParameters(parameters);
    else this.#capture.setParameters(parameters);
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
    if (index === CAPTURE_STREAM) {
      this.#capture.clear();
      this.#side.setListening(true);
    } else this.#side.setPlaying(true);
    this.#wiring?.wake(queueOf(index));
    return SoundStatus.ok;
  }

  stop(index: number): void {
    const stream = this.streams[index];
    if (stream?.phase !== 'running') return;
    stream.halt();
    this.#timings[index]?.cancel();
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
            ? this.#playback.take(queue, chain, header.subarray(STREAM_HEADER_BYTES))
            : this.#capture.take(queue, chain);
      if (!isTaken) {
        queue.unpop();
        return done;
      }
    }
    return budget;
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
    if (this.#timings[index]?.isDryNow() !== true) return;
    this.counts.xruns++;
    if (stream.parameters?.wantsXruns === true) this.#tell(`xrun ${index}`, encodeEvent(SoundEvent.xrun, index));
  }

  // Events

  #tell(subject: string, event: Buffer): void {
    this.#events.add(subject, event);
    this.#wiring?.wake(SoundQueue.event);
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
