/** Entry of clients/agents/audio: the VM's agent, the AudioVM's service, the mixer. */

export { AudioError, type AudioErrorCode } from './errors.ts';
export { AudioEndpoint, type AudioEndpointOptions } from './guest/endpoint.ts';
export { GuestPulse } from './guest/guest-pulse.ts';
export { serveQubesControl } from './guest/qubes-control.ts';
export { RecordingServer } from './guest/recording-server.ts';
export { MAX_VOLUME_PERCENT } from './limits.ts';
export { CaptureSink } from './lines/capture-sink.ts';
export { PlaybackInlet } from './lines/playback-inlet.ts';
export { playRaw } from './lines/raw-playback.ts';
export { Mixer } from './mixer/mixer.ts';
export { type MixerEntry, StateFlag } from './mixer/mixer-messages.ts';
export { type MixerControl, openMixer, serveMixer } from './mixer/mixer-socket.ts';
export { SettingsFile } from './mixer/settings-file.ts';
export { type AudioClock, NODE_CLOCK } from './pcm/audio-clock.ts';
export { FrameCutter } from './pcm/frame-cutter.ts';
export { checkSampleSpec, FRAME_BYTES } from './pcm/pcm.ts';
export { PcmBuffer } from './pcm/pcm-buffer.ts';
export { wavHeader } from './pcm/wav-header.ts';
export { PulseServer } from './pulse/server.ts';
export { readAudioVm, watchAudioVm } from './service/audio-vm-file.ts';
export { AudioService, type AudioServiceOptions } from './service/service.ts';
export {
  type CaptureStream,
  ClockedStream,
  type OnLost,
  type PlaybackEvents,
  type PlaybackStream,
  type SoundServer,
} from './service/sound-server.ts';
export type { ServiceStatus, VmAudioStatus } from './service/status.ts';
export { StatusKeys } from './service/status-keys.ts';
export { readStatus, serveStatus } from './service/status-socket.ts';
export { guestVchans } from './vchan/names.ts';
export { VchanBridge } from './vchan/vchan-bridge.ts';
export { VchanServer } from './vchan/vchan-server.ts';
