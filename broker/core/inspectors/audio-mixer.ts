/**
 * Messages of the audio mixer (clients/agents/audio/mixer/mixer-messages.ts): commands from the domain that mixes,
 * states from the AudioVM. Their length is exact and small, so that they cannot carry sound: a domain that sets the
 * volume of a VM cannot listen to it.
 */
import { type Inspector, MALFORMED } from './inspector.ts';

const WORD_BYTES = 4;
const COMMAND_BYTES = 8;
const STATE_BYTES = 12;
const MAX_NAME_BYTES = 63;
const MAX_ROUTE_BYTES = 128;

const permissions = ['read', 'set-volume', 'mute', 'set-route', 'state'] as const;

export const audioMixer: Inspector = {
  permissions,
  inspect: (bytes, start, end) => {
    const length = end - start;
    if (length < WORD_BYTES || bytes[start + 1] !== 0 || bytes[start + 2] !== 0 || bytes[start + 3] !== 0)
      return MALFORMED;
    switch (bytes[start]) {
      case 1:
        return length === WORD_BYTES ? 0 : MALFORMED;
      case 2:
        return length === COMMAND_BYTES ? 1 : MALFORMED;
      case 3:
        return length === COMMAND_BYTES && (bytes[start + 6] ?? 2) <= 1 && bytes[start + 7] === 0 ? 2 : MALFORMED;
      case 4: {
        if (length < COMMAND_BYTES) return MALFORMED;
        const name = (bytes[start + 6] ?? 0) | ((bytes[start + 7] ?? 0) << 8);
        return name <= MAX_ROUTE_BYTES && length === COMMAND_BYTES + name && isText(bytes, end - name, end)
          ? 3
          : MALFORMED;
      }
      case 5: {
        if (length < STATE_BYTES || bytes[start + 11] !== 0) return MALFORMED;
        const name = bytes[start + 9] ?? 0;
        const route = bytes[start + 10] ?? 0;
        if (name > MAX_NAME_BYTES || route > MAX_ROUTE_BYTES || length !== STATE_BYTES + name + route) return MALFORMED;
        return isText(bytes, start + STATE_BYTES, end) ? 4 : MALFORMED;
      }
      default:
        return MALFORMED;
    }
  },
};

/** Names are printable ASCII without blanks. Audio samples leave that range after a few bytes. */
function isText(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte <= 0x20 || byte >= 0x7f) return false;
  }
  return true;
}
