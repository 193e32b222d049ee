/** What the guest of the sound card plays: stereo, S16, 44.1 kHz, as the AudioVM has it, in periods of 20 ms. */
export const PERIOD_MS = 20;
/** One sample of both channels. */
export const FRAME_BYTES = 4;
const FRAMES_PER_SECOND = 44_100;
export const PERIOD_BYTES = (FRAME_BYTES * FRAMES_PER_SECOND * PERIOD_MS) / 1_000;
