/** What the demo has to know of the audio protocol: whom to attack, and how long a frame is. */
export const AUDIO_VM = 'audio-vm';
/** Playback, as in Qubes (qubes-gui-daemon pulse/qubes-vchan-sink.h). */
export const PLAYBACK_PORT = 4_713;
export const PLAYBACK_FRAME_MS = 10;
