/** The door of clients/agents/audio: the VM's agent, the AudioVM's service, the mixer. */
export { AudioAgent, type AudioAgentOptions } from './agent.ts';
export { type AudioClock, NODE_CLOCK } from './audio-clock.ts';
export { readAudioVm, watchAudioVm } from './audio-vm-file.ts';
export { CaptureOutlet } from './capture-outlet.ts';
export { AudioError, type AudioErrorCode } from './errors.ts';
export { FrameCutter } from './frame-cutter.ts';
export { GuestPulse } from './guest-pulse.ts';
export { MAX_VOLUME_PERCENT } from './limits.ts';
export { Mixer } from './mixer.ts';
export { type MixerEntry, StateFlag } from './mixer-messages.ts';
export { type MixerControl, openMixer, serveMixer } from './mixer-socket.ts';
export { checkSampleSpec, FRAME_BYTES } from './pcm.ts';
export { PlaybackInlet } from './playback-inlet.ts';
export { PulseServer } from './pulse/server.ts';
export { serveQubesControl } from './qubes-control.ts';
export { playRaw } from './raw-playback.ts';
export { RecordingServer } from './recording-server.ts';
export { AudioService, type AudioServiceOptions } from './service.ts';
export { SettingsFile } from './settings-file.ts';
export {
  type CaptureStream,
  ClockedStream,
  type OnLost,
  type PlaybackEvents,
  type PlaybackStream,
  type SoundServer,
} from './sound-server.ts';
export type { ServiceStatus, VmAudioStatus } from './status.ts';
export { StatusKeys } from './status-keys.ts';
export { readStatus, serveStatus } from './status-socket.ts';
export { VchanBridge } from './vchan-bridge.ts';
export { wavHeader } from './wav-header.ts';
