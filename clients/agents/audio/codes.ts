/**
 * Ports and control codes of the Qubes audio protocol (qubes-gui-daemon pulse/qubes-vchan-sink.h). A code is four bytes,
 * little-endian; from a VM to the AudioVM only.
 */

/** The sound that a VM plays. */
export const PLAYBACK_PORT = 4_713;
/** The sound that a VM hears. The codes go in the other direction. */
export const CAPTURE_PORT = 4_714;
/** The mixer: the AudioVM gets commands, the mixer gets states. Qubes has no such port. */
export const MIXER_PORT = 4_715;

export const CODE_BYTES = 4;

export const Code = {
  sourceStop: 0x0001_0000,
  sourceStart: 0x0001_0001,
  /**
   * Qubes' PipeWire module sends `hello` first on each connection, and versions of it sent `olderHello`. No document
   * defines them and the daemon ignores them: both states follow, and those count.
   */
  olderHello: 0x0001_0003,
  hello: 0x0001_0004,
  sinkCork: 0x0002_0000,
  sinkUncork: 0x0002_0001,
} as const;

export function encodeCode(code: number): Uint8Array {
  const bytes = new Uint8Array(CODE_BYTES);
  new DataView(bytes.buffer).setUint32(0, code, true);
  return bytes;
}

/** What Qubes' PipeWire module says when its capture vchan is connected: the greeting, then both states. */
export function encodeGreeting(isListening: boolean, isCorked: boolean): Uint8Array {
  const source = isListening ? Code.sourceStart : Code.sourceStop;
  const sink = isCorked ? Code.sinkCork : Code.sinkUncork;
  return Buffer.concat([Code.hello, source, sink].map(encodeCode));
}

/** Null when it is not exactly one code. */
export function decodeCode(bytes: Uint8Array): number | null {
  if (bytes.length !== CODE_BYTES) return null;
  return new DataView(bytes.buffer, bytes.byteOffset, CODE_BYTES).getUint32(0, true);
}
