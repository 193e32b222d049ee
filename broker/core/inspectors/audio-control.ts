/**
 * The Qubes audio commands: exactly one 4-byte little-endian code a message (qubes-gui-daemon
 * pulse/qubes-vchan-sink.h). Qubes tolerates undefined codes. Here they are the permission `other`, so that a policy
 * can refuse them.
 */
import { type Inspector, MALFORMED } from './inspector.ts';

const CODE_BYTES = 4;
const SOURCE_START = 0x0001_0001;
const SOURCE_STOP = 0x0001_0000;
const SINK_CORK = 0x0002_0000;
const SINK_UNCORK = 0x0002_0001;

const permissions = ['source-start', 'source-stop', 'sink-cork', 'sink-uncork', 'other'] as const;

export const audioControl: Inspector = {
  permissions,
  inspect: (bytes, start, end) => {
    if (end - start !== CODE_BYTES) return MALFORMED;
    const high = (bytes[start + 2] ?? 0) | ((bytes[start + 3] ?? 0) << 8);
    const low = (bytes[start] ?? 0) | ((bytes[start + 1] ?? 0) << 8);
    switch (high * 0x1_0000 + low) {
      case SOURCE_START:
        return 0;
      case SOURCE_STOP:
        return 1;
      case SINK_CORK:
        return 2;
      case SINK_UNCORK:
        return 3;
      default:
        return 4;
    }
  },
};
