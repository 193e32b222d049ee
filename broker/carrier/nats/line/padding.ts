/**
 * Fills TLS records. A record holds 16 384 bytes, and a receiver reads one at a time. A message that is a little shorter
 * shares its record with the beginning of the next one, which the server then puts together in fresh memory: a copy and
 * garbage for each message. So the line of such a message gets spaces, of which NATS takes any number between two fields.
 */
import { TLS_RECORD_BYTES } from '../limits.ts';

/** Longer than the line of any message of ours, so that each full fragment is filled up. */
export const MAX_PADDING_BYTES = 128;

/** Spaces for a message that has `bytes` bytes, its line and its end included. */
export function paddingOf(bytes: number): number {
  const missing = TLS_RECORD_BYTES - bytes;
  return missing > 0 && missing <= MAX_PADDING_BYTES ? missing : 0;
}
