/** The mixer's settings on disk. */
import { readFile } from 'node:fs/promises';
import { replaceFile } from '../../../../broker/files/index.ts';
import { AudioError } from '../errors.ts';
import { SAVE_DELAY_MS } from '../limits.ts';
import { type MixerSetting, parseSettings } from './mixer-state.ts';

export class SettingsFile {
  readonly #path: string;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** Empty when there is no file yet. @throws AudioError ERR_AUDIO_STATE, ERR_AUDIO_VOLUME, ERR_AUDIO_ROUTE */
  async load(): Promise<Map<string, MixerSetting>> {
    try {
      return parseSettings(await readFile(this.#path, 'utf8'));
    } catch (error) {
      if (error instanceof AudioError) throw error;
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Map();
      throw new AudioError('ERR_AUDIO_STATE', `cannot read "${this.#path}"`, { cause: error });
    }
  }

  /** Soon; a slider that is dragged is one write. */
  save(settings: ReadonlyMap<string, MixerSetting>): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#writing = this.#writing.then(() => this.#write(settings));
    }, SAVE_DELAY_MS);
  }

  /** Waits until the saved settings are on disk. */
  async close(settings: ReadonlyMap<string, MixerSetting>): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#writing;
    await this.#write(settings);
  }

  async #write(settings: ReadonlyMap<string, MixerSetting>): Promise<void> {
    await replaceFile(this.#path, `${JSON.stringify(Object.fromEntries(settings), null, 2)}\n`, 0o600);
  }
}
