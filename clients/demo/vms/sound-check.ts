/** What the host knows of the sound: audio-vm says on its console which playing has begun, and the hash with which it ended. */
import { soundHash } from './guest/sound.ts';
import type { Machine } from './machine.ts';

/** Of one playing: a second of sound. */
export const MESSAGES = 100;
export const SOUND_HASH = soundHash(MESSAGES);

const PLAYING = /^playing chrome-vm$/;
const WHOLE = /^played chrome-vm ([0-9a-f]{64})$/;

export class Listening {
  readonly #audio: Machine;

  constructor(audio: Machine) {
    this.#audio = audio;
  }

  /** Resolves in the middle of a sound. */
  async isPlaying(): Promise<void> {
    await this.#audio.line(PLAYING, this.#audio.matches(PLAYING).length + 1);
  }

  /** The hash of a sound that began and ended after now. (One may be under way, so it is that of the one after it.) */
  async nextHash(): Promise<string> {
    const [, hash = ''] = await this.#audio.line(WHOLE, this.#audio.matches(WHOLE).length + 2);
    return hash;
  }

  /** Hashes of sounds that arrived whole and were not what was sent. */
  get altered(): string[] {
    return this.#audio.matches(WHOLE).flatMap(([, hash = '']) => (hash === SOUND_HASH ? [] : [hash]));
  }
}
