/**
 * A person's settings for each VM. They belong to the VM's name: they outlive sessions, streams and the sound server.
 */
import { AudioError } from '../errors.ts';
import { MAX_ROUTE_BYTES } from '../limits.ts';
import { checkVolume } from '../pcm/gain.ts';

export interface MixerSetting {
  /** Percent, 0 … 150. */
  readonly volume: number;
  readonly isMuted: boolean;
  /** A sink's name; null = the default one. */
  readonly route: string | null;
}

export const DEFAULT_SETTING: MixerSetting = Object.freeze({ volume: 100, isMuted: false, route: null });

/** @throws AudioError ERR_AUDIO_ROUTE */
export function checkRoute(route: string | null): string | null {
  if (route === null || (route.length <= MAX_ROUTE_BYTES && /^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/.test(route))) return route;
  throw new AudioError(
    'ERR_AUDIO_ROUTE',
    `route ${JSON.stringify(route)}: expected the name of a sink, as "pactl list short sinks" shows it`,
  );
}

/** Checks the saved settings: an invalid setting of a name is an error, not a default. */
export function parseSettings(text: string): Map<string, MixerSetting> {
  const settings = new Map<string, MixerSetting>();
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new AudioError('ERR_AUDIO_STATE', 'the saved mixer state is not JSON', { cause });
  }
  for (const [vm, setting] of Object.entries(parsed as Record<string, Partial<MixerSetting>>)) {
    const { volume = 100, isMuted = false, route = null } = setting ?? {};
    settings.set(vm, { volume: checkVolume(volume), isMuted: isMuted === true, route: checkRoute(route) });
  }
  return settings;
}
