/** The sound from chrome-vm's audio endpoint to audio-vm's service: two processes and their counts. */

import type { DemoCarrier } from '../carriers/demo-carrier.ts';
import type { Done } from '../roles/messages.ts';
import type { Installation } from '../setup/installation.ts';
import type { RoleProcess } from '../setup/role-process.ts';
import { StreamMeter } from './stream-meter.ts';

/** A frame that the broker accepted arrives within this time, or it is lost. */
const HEARING_MS = 10_000;

export interface StreamOptions {
  readonly fast: boolean;
  readonly sound: boolean;
}

export class DemoStream {
  readonly meter = new StreamMeter();
  /** WAV file of the sound that audio-vm heard. */
  readonly file: string;
  readonly #chrome: RoleProcess;
  readonly #audio: RoleProcess;

  private constructor(chrome: RoleProcess, audio: RoleProcess, file: string) {
    this.#chrome = chrome;
    this.#audio = audio;
    this.file = file;
  }

  /** Starts the service first, because sound without a receiver is lost. */
  static async start(
    installation: Installation,
    carrier: DemoCarrier,
    pcm: Uint8Array,
    { fast, sound }: StreamOptions,
  ): Promise<DemoStream> {
    const record = installation.path('heard');
    const audio = installation.spawn('audio-vm', { carrier: carrier.carrierOf('audio-vm'), record, fast, sound });
    await audio.ready();
    const chrome = installation.spawn('chrome-vm', { carrier: carrier.carrierOf('chrome-vm'), fast });
    const stream = new DemoStream(chrome, audio, `${record}/chrome-vm.wav`);
    audio.onMessage((message) => message.kind === 'heard' && stream.meter.heard(message.stamps, message.bytes));
    chrome.onMessage((message) => message.kind === 'sent' && stream.meter.sent(message.stamps));
    chrome.feed(pcm);
    await chrome.ready();
    return stream;
  }

  /** Resolves when audio-vm has heard all frames that chrome-vm could send. */
  async over(): Promise<void> {
    const { frames = 0 } = await this.#chrome.done();
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.meter.heardFrames >= frames) resolve();
      };
      timer = setTimeout(resolve, HEARING_MS);
      this.#audio.onMessage(look);
      look();
    });
    clearTimeout(timer);
  }

  /** Ends both roles and returns their counts. */
  async end(): Promise<{ readonly sent: Done; readonly heard: Done }> {
    this.#chrome.finish();
    await this.#chrome.exited();
    this.#audio.finish();
    await this.#audio.exited();
    return { sent: await this.#chrome.done(), heard: await this.#audio.done() };
  }
}
