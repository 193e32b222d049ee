/**
 * The three keys of Qubes' QubesDB as files, for scripts that know them: `audio-input-request/VM` (asked),
 * `audio-input-config/VM` (granted) and `audio-input/VM` (actual), each "0" or "1"; absent while the VM is not there.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VmAudioStatus } from './status.ts';

const KEYS = ['audio-input-request', 'audio-input-config', 'audio-input'] as const;

export class StatusKeys {
  readonly #directory: string;
  /** Writes take turns, so that the newest is what stays. */
  #last: Promise<void> = Promise.resolve();

  constructor(directory: string) {
    this.#directory = directory;
  }

  async prepare(): Promise<void> {
    for (const key of KEYS) await mkdir(join(this.#directory, key), { recursive: true });
  }

  /** Names are the broker's, `[a-z0-9-]` only. */
  show({ vm, asked, granted, actual }: VmAudioStatus): void {
    const values = [asked, granted, actual];
    this.#last = this.#last.then(async () => {
      for (const [index, key] of KEYS.entries())
        await writeFile(join(this.#directory, key, vm), values[index] ? '1' : '0');
    });
    this.#last.catch(() => {}); // prepare() has shown that it can be written; a disk that is full later must not end the sound
  }

  async clear(): Promise<void> {
    await this.#last.catch(() => {});
    for (const key of KEYS) await rm(join(this.#directory, key), { recursive: true, force: true });
  }
}
