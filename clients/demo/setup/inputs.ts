/** The demo's inputs and outputs: WAV files and the sound server. Each is checked before anything is created. */
import { spawnSync } from 'node:child_process';
import { appendFile, readFile } from 'node:fs/promises';
import { reasonOf } from '../../../broker/base/index.ts';
import { parseWav } from '../audio/wav.ts';
import { DemoError } from '../errors.ts';

/** @throws DemoError */
export async function readWav(file: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw new DemoError('ERR_DEMO_FILE', `cannot read "${file}": ${reasonOf(cause)}`, { cause });
  }
  return parseWav(bytes, file).pcm;
}

/** Called before anything is created, so that a bad path costs no time. @throws DemoError */
export async function requireWritable(file: string): Promise<void> {
  try {
    await appendFile(file, '');
  } catch (cause) {
    throw new DemoError('ERR_DEMO_FILE', `cannot write "${file}": ${reasonOf(cause)}`, { cause });
  }
}

/** Empty when nothing was heard: the hashes then differ. */
export async function heardPcm(file: string): Promise<Uint8Array> {
  try {
    return parseWav(await readFile(file), file).pcm;
  } catch (error) {
    if (!(error instanceof DemoError || (error instanceof Error && 'code' in error && error.code === 'ENOENT')))
      throw error;
    return new Uint8Array(0);
  }
}

const PATIENCE_MS = 3_000;

/** @throws DemoError ERR_DEMO_SOUND */
export function requireLoudspeaker(): void {
  if (spawnSync('pactl', ['info'], { stdio: 'ignore', timeout: PATIENCE_MS }).status === 0) return;
  throw new DemoError(
    'ERR_DEMO_SOUND',
    '--sound: no PulseAudio or PipeWire answers ("pactl info", of the package pulseaudio-utils); without it the demo plays into a file',
  );
}
