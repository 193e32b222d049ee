/** Reads from audio-vm's console when a sound begins, and the hash of each sound that ended. */
import type { Machine } from '../../machines/index.ts';
import { soundHash } from './guest/sound.ts';

/** Messages of one sound, which lasts a second. */
export const MESSAGES = 100;
export const SOUND_HASH = soundHash(MESSAGES);

const PLAYING = /^playing chrome-vm$/;
const WHOLE = /^played chrome-vm ([0-9a-f]{64})$/;

export class SoundCheck {
  readonly #audio: Machine;

  constructor(audio: Machine) {
    this.#audio = audio;
  }

  /** Resolves in the middle of a sound. */
  async isPlaying(): Promise<void> {
    await this.#audio.line(PLAYING, this.#audio.matches(PLAYING).length + 1);
  }

  /** The hash of a sound that begins after this call. A sound may be playing now, so its hash is skipped. */
  async nextHash(): Promise<string> {
    const [, hash = ''] = await this.#audio.line(WHOLE, this.#audio.matches(WHOLE).length + 2);
    return hash;
  }

  /** Hashes of complete sounds that differ from the sound that was sent. */
  get altered(): string[] {
    return this.#audio.matches(WHOLE).flatMap(([, hash = '']) => (hash === SOUND_HASH ? [] : [hash]));
  }
}
