/** The door of clients/audio: the VM's agent, the AudioVM's service, the mixer. */
export { AudioAgent, type AudioAgentOptions } from './agent.ts';
export { NODE_CLOCK } from './audio-clock.ts';
export { CaptureOutlet } from './capture-outlet.ts';
export { AudioError, type AudioErrorCode } from './errors.ts';
export { GuestPulse } from './guest-pulse.ts';
export { Mixer } from './mixer.ts';
export { type MixerEntry, StateFlag } from './mixer-messages.ts';
export { checkSampleSpec, FRAME_BYTES } from './pcm.ts';
export { PlaybackInlet } from './playback-inlet.ts';
export { PulseServer } from './pulse-server.ts';
export { serveQubesControl } from './qubes-control.ts';
export { AudioService, type AudioServiceOptions } from './service.ts';
export { SettingsFile } from './settings-file.ts';
export type { CaptureStream, OnLost, PlaybackStream, SoundServer } from './sound-server.ts';
export type { ServiceStatus, VmAudioStatus } from './status.ts';
export { StatusKeys } from './status-keys.ts';
export { readStatus, serveStatus } from './status-socket.ts';
export { VchanBridge } from './vchan-bridge.ts';
