/**
 * Which VM is the AudioVM, as a file says it, in the place of Qubes' key `/qubes-audio-domain-xid`: one name, followed
 * as it changes. An absent or empty file is none, and so is what cannot be a name.
 */

import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { AUDIO_VM_LOOK_MS } from '../limits.ts';

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

export async function readAudioVm(path: string): Promise<string | null> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const name = text.trim();
  return NAME.test(name) ? name : null;
}

/**
 * Polls the file and does not watch it, because a change may replace the file. The returned function ends the polling.
 */
export function watchAudioVm(path: string, onName: (name: string | null) => void): () => void {
  const look = (): void => void readAudioVm(path).then(onName);
  watchFile(path, { interval: AUDIO_VM_LOOK_MS, persistent: false }, look);
  return () => unwatchFile(path, look);
}
