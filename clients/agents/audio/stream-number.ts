/**
 * The message type of all that an audio endpoint sends: which start of the endpoint it is from (24 random bits), and which
 * of its sessions (8 bits, counted). So a service can tell an earlier session from a later one, also when it has never
 * heard the earlier one: frames that waited for a session while the AudioVM started again come after the first words of
 * the new session.
 */

const SESSION_BITS = 8;
const LAST_SESSION = 2 ** SESSION_BITS - 1;
export const MAX_START = 2 ** 24 - 1;

/** `start` is in 1 … MAX_START, so that no number is 0: 0 means "no number". */
export function firstStream(start: number): number {
  return start * 2 ** SESSION_BITS;
}

/** Null after the last session of a start: the endpoint draws another start. */
export function nextStream(stream: number): number | null {
  return (stream & LAST_SESSION) === LAST_SESSION ? null : stream + 1;
}

export function startOf(stream: number): number {
  return stream >>> SESSION_BITS;
}
