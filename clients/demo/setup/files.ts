/** The WAV files of the demo: what is played, and what was heard. */
import { appendFile, readFile } from 'node:fs/promises';
import { parseWav } from '../audio/wav.ts';
import { DemoError } from '../errors.ts';

/** @throws DemoError */
export async function readWav(file: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DemoError('ERR_DEMO_FILE', `cannot read "${file}": ${reason}`, { cause });
  }
  return parseWav(bytes, file).pcm;
}

/** Before anything is made, not after all is over. @throws DemoError */
export async function requireWritable(file: string): Promise<void> {
  try {
    await appendFile(file, '');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DemoError('ERR_DEMO_FILE', `cannot write "${file}": ${reason}`, { cause });
  }
}

/** Empty when nothing was heard: the hashes will say so. */
export async function heardPcm(file: string): Promise<Uint8Array> {
  try {
    return parseWav(await readFile(file), file).pcm;
  } catch (error) {
    if (!(error instanceof DemoError || (error instanceof Error && 'code' in error && error.code === 'ENOENT')))
      throw error;
    return new Uint8Array(0);
  }
}
