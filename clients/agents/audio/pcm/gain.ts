/** Volume of one VM, in percent of full scale on PulseAudio's cubic curve, applied to both channels alike. */
import { AudioError } from '../errors.ts';
import { MAX_VOLUME_PERCENT } from '../limits.ts';

const MAX_SAMPLE = 32_767;
const MIN_SAMPLE = -32_768;

/** @throws AudioError ERR_AUDIO_VOLUME */
export function checkVolume(percent: number): number {
  if (Number.isInteger(percent) && percent >= 0 && percent <= MAX_VOLUME_PERCENT) return percent;
  throw new AudioError('ERR_AUDIO_VOLUME', `volume ${percent}: expected a whole number of 0 … ${MAX_VOLUME_PERCENT} %`);
}

/** Linear factor of a volume: pa_sw_volume_to_linear, so that 50 % here sounds like 50 % in any mixer. */
export function gainOf(percent: number, isMuted: boolean): number {
  return isMuted ? 0 : (percent / 100) ** 3;
}

/** Scales whole sample frames in place. A value that would wrap around is clipped. */
export function applyGain(bytes: Uint8Array, gain: number): void {
  if (gain === 1) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    const scaled = Math.round(view.getInt16(at, true) * gain);
    view.setInt16(at, Math.max(MIN_SAMPLE, Math.min(MAX_SAMPLE, scaled)), true);
  }
}
