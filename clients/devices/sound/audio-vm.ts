/**
 * The other end of the sound card: the AudioVM's service, spoken to as the audio agent of a guest does. The broker decides
 * each message of sound as class `audio-playback` or `audio-capture`, and each code as `audio-control`.
 *
 * Whether the microphone is granted is read from the labels of the domain, as the broker announces them. That only decides
 * what the guest is told: whether a sample arrives is decided by the broker, for that very message.
 */
import { type AudioClock, AudioEndpoint, PlaybackInlet } from '../../agents/audio/index.ts';
import type { Vm } from '../../sdk/index.ts';
import type { SoundSide } from './side.ts';

export interface AudioVmOptions {
  readonly audioVm: string;
  /** The grantable label of domains that may hear. */
  readonly micLabel: string;
}

/** What the guest's card is told. */
export interface SoundListener {
  hear(pcm: Uint8Array): void;
  onMicrophone(): void;
}

export class AudioVmSide implements SoundSide {
  readonly #vm: Vm;
  readonly #micLabel: string;
  readonly #endpoint: AudioEndpoint;
  readonly #inlet: PlaybackInlet;
  readonly #say: (line: string) => void;
  #listener: SoundListener | null = null;
  #isGranted = false;
  #isPlaying = false;
  #isListening = false;
  #isAsking = false;

  private constructor(vm: Vm, { micLabel }: AudioVmOptions, endpoint: AudioEndpoint, say: (line: string) => void) {
    this.#vm = vm;
    this.#micLabel = micLabel;
    this.#endpoint = endpoint;
    this.#say = say;
    this.#inlet = new PlaybackInlet((frame) => endpoint.playBurst(frame));
    this.#isGranted = this.mayHear;
    vm.on('labels', this.#onLabels);
  }

  static async open(
    vm: Vm,
    options: AudioVmOptions,
    clock: AudioClock,
    say: (line: string) => void,
  ): Promise<AudioVmSide> {
    let hear = (_pcm: Uint8Array): void => {};
    const endpoint = await AudioEndpoint.start({
      vm,
      audioVm: options.audioVm,
      clock,
      onCapture: (frame) => hear(frame),
    });
    await endpoint.cork(true); // no sound yet
    const side = new AudioVmSide(vm, options, endpoint, say);
    hear = (pcm) => side.#listener?.hear(pcm);
    return side;
  }

  attach(listener: SoundListener): void {
    this.#listener = listener;
  }

  get mayHear(): boolean {
    return this.#vm.labels.includes(this.#micLabel);
  }

  play(pcm: Uint8Array): void {
    this.#inlet.push(pcm);
  }

  setPlaying(isPlaying: boolean): void {
    this.#isPlaying = isPlaying;
    if (isPlaying) void this.#endpoint.cork(false);
    // What the card has handed over is heard to its end.
    else void this.#inlet.drained().then(() => (this.#isPlaying ? undefined : this.#endpoint.cork(true)));
  }

  setListening(isListening: boolean): void {
    this.#isListening = isListening;
    void this.#endpoint.listen(isListening);
  }

  ask(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#say(`the guest asked for the microphone, which is not granted (argus grant, label ${this.#micLabel})`);
    void this.#endpoint
      .listen(true)
      .then(() => this.#endpoint.listen(this.#isListening))
      .finally(() => {
        this.#isAsking = false;
      });
  }

  /** What the AudioVM did not take, for the report at the end. */
  get losses(): { readonly late: number; readonly denied: number; readonly dropped: number } {
    const { denied, dropped } = this.#endpoint.counts;
    return { late: this.#inlet.dropped, denied, dropped };
  }

  async close(): Promise<void> {
    this.#vm.off('labels', this.#onLabels);
    this.#listener = null;
    await this.#endpoint.close();
  }

  readonly #onLabels = ({ isSelf }: { readonly isSelf: boolean }): void => {
    if (!isSelf || this.mayHear === this.#isGranted) return;
    this.#isGranted = this.mayHear;
    this.#say(this.#isGranted ? 'the microphone was granted' : 'the microphone was taken away');
    this.#listener?.onMicrophone();
  };
}
