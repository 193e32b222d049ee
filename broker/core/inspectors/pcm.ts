/**
 * Whole S16LE stereo frames (4 bytes each). Stricter than Qubes, whose daemon passes any byte count: one odd byte swaps
 * channels and bytes for the rest of a session.
 */
import { type Inspector, MALFORMED } from './inspector.ts';

const FRAME_BYTES = 4;

export const pcm: Inspector = {
  permissions: ['send'],
  inspect: (_bytes, start, end) => ((end - start) % FRAME_BYTES === 0 ? 0 : MALFORMED),
};
