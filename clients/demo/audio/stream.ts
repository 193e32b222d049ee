/** The sound from chrome-vm's agent to audio-vm's service: two processes, and what both have counted. */

import type { Way } from '../carriers/demo-carrier.ts';
import type { Done } from '../roles/messages.ts';
import type { Scene } from '../setup/installation.ts';
import type { Actor } from '../setup/role-process.ts';
import { StreamMeter } from './stream-meter.ts';

/** What was accepted by the broker is heard within this, or was lost. */
const HEARING_MS = 10_000;

export interface StreamOptions {
  readonly fast: boolean;
  readonly sound: boolean;
}

export class Stream {
  readonly meter = new StreamMeter();
  /** What was heard is in it. */
  readonly file: string;
  readonly #chrome: Actor;
  readonly #audio: Actor;

  private constructor(chrome: Actor, audio: Actor, file: string) {
    this.#chrome = chrome;
    this.#audio = audio;
    this.file = file;
  }

  /** The service first, for who plays to nobody plays in vain. */
  static async start(scene: Scene, way: Way, pcm: Uint8Array, { fast, sound }: StreamOptions): Promise<Stream> {
    const record = scene.path('heard');
    const audio = scene.spawn('audio-vm', { carrier: way.carrierOf('audio-vm'), record, fast, sound });
    await audio.ready();
    const chrome = scene.spawn('chrome-vm', { carrier: way.carrierOf('chrome-vm'), fast });
    const stream = new Stream(chrome, audio, `${record}/chrome-vm.wav`);
    audio.onMessage((message) => message.kind === 'heard' && stream.meter.heard(message.stamps, message.bytes));
    chrome.onMessage((message) => message.kind === 'sent' && stream.meter.sent(message.stamps));
    chrome.feed(pcm);
    await chrome.ready();
    return stream;
  }

  /** Resolves when everything that the agent could send has been heard. */
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

  /** Lets both go; what they have counted. */
  async end(): Promise<{ readonly sent: Done; readonly heard: Done }> {
    this.#chrome.dismiss();
    await this.#chrome.exited();
    this.#audio.dismiss();
    await this.#audio.exited();
    return { sent: await this.#chrome.done(), heard: await this.#audio.done() };
  }
}
