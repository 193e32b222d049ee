/**
 * Messages of a sound card (VIRTIO 1.2 §5.14), little-endian: what the driver asks through the control queue, what the card
 * answers, and what it reports through the event queue. A decoder returns null for bytes that make no sense.
 */

/** What the driver may ask. */
export const SoundRequest = {
  jackInfo: 1,
  jackRemap: 2,
  pcmInfo: 0x0100,
  pcmSetParams: 0x0101,
  pcmPrepare: 0x0102,
  pcmRelease: 0x0103,
  pcmStart: 0x0104,
  pcmStop: 0x0105,
  chmapInfo: 0x0200,
} as const;

export const SoundEvent = {
  jackConnected: 0x1000,
  jackDisconnected: 0x1001,
  xrun: 0x1101,
} as const;

export const SoundStatus = {
  ok: 0x8000,
  badMessage: 0x8001,
  notSupported: 0x8002,
  ioError: 0x8003,
} as const;
export type SoundStatus = (typeof SoundStatus)[keyof typeof SoundStatus];

export const CODE_BYTES = 4;
/** Before the samples of a chain: the number of the stream. */
export const STREAM_HEADER_BYTES = 4;
/** Behind the samples of a chain: a status, and how many bytes are still to be heard. */
export const TRANSFER_STATUS_BYTES = 8;
export const EVENT_BYTES = 8;
const QUERY_BYTES = 16;
const STREAM_REQUEST_BYTES = 8;
const SET_PARAMS_BYTES = 24;

/** The card reports when a stream has run dry. */
export const FEATURE_XRUN_EVENTS = 1 << 4;
const FORMAT_S16 = 5;
const RATE_44100 = 6;
const RATE_48000 = 7;
const RATES: ReadonlyMap<number, number> = new Map([
  [RATE_44100, 44_100],
  [RATE_48000, 48_000],
]);
export const MAX_CHANNELS = 2;
const SAMPLE_BYTES = 2;

export interface Query {
  readonly start: number;
  readonly count: number;
  /** Bytes of one entry, as the driver knows them. */
  readonly entryBytes: number;
}

export function decodeQuery(bytes: Buffer): Query | null {
  if (bytes.length !== QUERY_BYTES) return null;
  return { start: bytes.readUInt32LE(4), count: bytes.readUInt32LE(8), entryBytes: bytes.readUInt32LE(12) };
}

/** The stream that PREPARE, RELEASE, START or STOP is about. */
export function decodeStream(bytes: Buffer): number | null {
  return bytes.length === STREAM_REQUEST_BYTES ? bytes.readUInt32LE(4) : null;
}

export interface StreamParameters {
  readonly rate: number;
  readonly channels: number;
  /** Bytes of one sample of every channel. */
  readonly frameBytes: number;
  readonly wantsXruns: boolean;
}

/** The parameters; 'unsupported' for those that the card did not announce. */
export function decodeSetParams(
  bytes: Buffer,
): { readonly stream: number; readonly parameters: StreamParameters | 'unsupported' } | null {
  if (bytes.length !== SET_PARAMS_BYTES) return null;
  const [bufferBytes, periodBytes, features] = [bytes.readUInt32LE(8), bytes.readUInt32LE(12), bytes.readUInt32LE(16)];
  const [channels = 0, format, rateCode = 0] = bytes.subarray(20);
  const rate = RATES.get(rateCode);
  const frameBytes = channels * SAMPLE_BYTES;
  const isOffered =
    rate !== undefined &&
    format === FORMAT_S16 &&
    channels >= 1 &&
    channels <= MAX_CHANNELS &&
    (features & ~FEATURE_XRUN_EVENTS) === 0;
  const isWhole = periodBytes > 0 && bufferBytes % periodBytes === 0 && periodBytes % Math.max(1, frameBytes) === 0;
  if (!isWhole) return null;
  const wantsXruns = (features & FEATURE_XRUN_EVENTS) !== 0;
  return {
    stream: bytes.readUInt32LE(4),
    parameters: isOffered ? { rate, channels, frameBytes, wantsXruns } : 'unsupported',
  };
}

/** One entry: a jack that cannot be moved to another place. */
export function encodeJackInfo(isConnected: boolean): Buffer {
  const entry = Buffer.alloc(24);
  entry[16] = isConnected ? 1 : 0;
  return entry;
}

export function encodePcmInfo(isCapture: boolean): Buffer {
  const entry = Buffer.alloc(32);
  entry.writeUInt32LE(FEATURE_XRUN_EVENTS, 4);
  entry.writeBigUInt64LE(1n << BigInt(FORMAT_S16), 8);
  entry.writeBigUInt64LE((1n << BigInt(RATE_44100)) | (1n << BigInt(RATE_48000)), 16);
  entry.set([isCapture ? 1 : 0, 1, MAX_CHANNELS], 24);
  return entry;
}

const POSITION_MONO = 2;
const POSITION_FRONT_LEFT = 3;
const POSITION_FRONT_RIGHT = 4;

export function encodeChannelMap(isCapture: boolean, channels: number): Buffer {
  const entry = Buffer.alloc(24);
  entry.set([isCapture ? 1 : 0, channels], 4);
  entry.set(channels === 1 ? [POSITION_MONO] : [POSITION_FRONT_LEFT, POSITION_FRONT_RIGHT], 6);
  return entry;
}

export function encodeCode(code: number): Buffer {
  const bytes = Buffer.alloc(CODE_BYTES);
  bytes.writeUInt32LE(code);
  return bytes;
}

export function encodeEvent(code: number, subject: number): Buffer {
  const bytes = Buffer.alloc(EVENT_BYTES);
  bytes.writeUInt32LE(code, 0);
  bytes.writeUInt32LE(subject, 4);
  return bytes;
}

export function encodeTransferStatus(status: SoundStatus, latencyBytes: number): Buffer {
  const bytes = Buffer.alloc(TRANSFER_STATUS_BYTES);
  bytes.writeUInt32LE(status, 0);
  bytes.writeUInt32LE(latencyBytes, 4);
  return bytes;
}
