/** Does a sound server answer, for who wants to hear the demo? */
import { spawnSync } from 'node:child_process';
import { DemoError } from '../errors.ts';

const PATIENCE_MS = 3_000;

/** @throws DemoError ERR_DEMO_SOUND */
export function requireLoudspeaker(): void {
  if (spawnSync('pactl', ['info'], { stdio: 'ignore', timeout: PATIENCE_MS }).status === 0) return;
  throw new DemoError(
    'ERR_DEMO_SOUND',
    '--sound: no PulseAudio or PipeWire answers ("pactl info", of the package pulseaudio-utils); without it the demo plays into a file',
  );
}
