/** audio-vm plays what chrome-vm sends, again and again; a test disturbs them and waits for the next sound to arrive whole. */
import * as assert from 'uvu/assert';
import { soundHash } from './guest/sound.ts';
import { House } from './house.ts';
import type { Machine } from './machine.ts';

const MESSAGES = 300;
const HASH = soundHash(MESSAGES);
const WHOLE = /^played chrome-vm ([0-9a-f]{64}) /;
const PLAYING = /^playing chrome-vm$/;

export class SoundScene {
  readonly house: House;
  readonly audio: Machine;
  chrome: Machine;

  private constructor(house: House, audio: Machine, chrome: Machine) {
    this.house = house;
    this.audio = audio;
    this.chrome = chrome;
  }

  static async open(): Promise<SoundScene> {
    const house = await House.build();
    try {
      const audio = await house.boot('audio-vm', `node /guest.mjs sink ${MESSAGES}`);
      const chrome = await SoundScene.#bootChrome(house);
      const scene = new SoundScene(house, audio, chrome);
      await scene.isWholeAgain('undisturbed');
      return scene;
    } catch (error) {
      await house.close();
      throw error;
    }
  }

  static #bootChrome(house: House, restore?: string): Promise<Machine> {
    const options = restore === undefined ? {} : { restore };
    return house.boot('chrome-vm', `node /guest.mjs source ${MESSAGES} 1000000`, options);
  }

  async bootChrome(restore?: string): Promise<void> {
    this.chrome = await SoundScene.#bootChrome(this.house, restore);
  }

  /** Resolves in the middle of a sound. */
  async isPlaying(): Promise<void> {
    await this.audio.line(PLAYING, this.#count(PLAYING) + 1);
  }

  /** A sound that began and ended after now arrives byte for byte. (One may be under way, so it is the one after it.) */
  async isWholeAgain(after: string): Promise<void> {
    const [, hash] = await this.audio.line(WHOLE, this.#count(WHOLE) + 2);
    assert.is(hash, HASH, after);
    process.stdout.write(`${after}: whole at ${Math.round(performance.now() / 1000)} s\n`);
  }

  async close(): Promise<void> {
    const altered = this.audio.console.split('\n').filter((line) => WHOLE.test(line) && !line.includes(HASH));
    await this.house.close();
    assert.equal(altered, [], 'what arrived whole was never altered');
  }

  #count(pattern: RegExp): number {
    return this.audio.console.split('\n').filter((line) => pattern.test(line)).length;
  }
}
