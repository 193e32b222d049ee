/** The sound card of a stock guest: VIRTIO 1.2 §5.14 over the AudioVM's service. */
export { AudioVmSide } from './audio-vm.ts';
export { type SoundCounts, SoundDevice, SoundQueue } from './device.ts';
export { CAPTURE_DELAY_MS, MAX_PERIOD_BYTES } from './limits.ts';
export { Resampler } from './resampler.ts';
export type { SoundSide } from './side.ts';
