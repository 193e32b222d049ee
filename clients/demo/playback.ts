/** What both ends of the demo's stream agree on. */
export const AUDIO_VM = 'audio-vm';
/** Playback, as in Qubes (qubes-gui-daemon pulse/qubes-vchan-sink.h). */
export const PLAYBACK_PORT = 4_713;
export const PLAYBACK_FRAME_MS = 10;
/** 10 ms of 44.1 kHz S16LE stereo: 441 frames of 4 bytes. */
export const PLAYBACK_FRAME_BYTES = 1_764;
export const SEND_DEADLINE_MS = 5_000;
export const PLAYBACK_RING_BYTES = 262_144;
