/** The answers to the control queue of a sound card: what there is, and the life of its streams. */
import { MAX_QUERY_ENTRIES } from './limits.ts';
import {
  decodeQuery,
  decodeSetParams,
  decodeStream,
  encodeChannelMap,
  encodeCode,
  encodeJackInfo,
  encodePcmInfo,
  SoundRequest,
  SoundStatus,
  type StreamParameters,
} from './message.ts';
import type { PcmStream } from './stream.ts';

/** The card, as the control queue sees it. */
export interface ControlPort {
  readonly streams: readonly PcmStream[];
  readonly isMicrophoneGranted: boolean;
  setParameters(stream: number, parameters: StreamParameters): void;
  /** Makes the stream run, unless the answer is another than OK. */
  start(stream: number): SoundStatus;
  stop(stream: number): void;
  /** False: buffers of the stream have to be given back first. The port then processes the control queue again. */
  release(stream: number): boolean;
}

/** The answer, of at most `room` bytes where it has entries; 'later': the request waits. */
export function answerControl(port: ControlPort, request: Buffer, room: number): Buffer | 'later' {
  if (request.length < 4) return encodeCode(SoundStatus.badMessage);
  const code = request.readUInt32LE(0);
  const entries = entriesOf(port, code);
  if (entries !== null) return answerQuery(entries, request, room);
  if (code === SoundRequest.pcmSetParams) return encodeCode(setParameters(port, request));
  if (code < SoundRequest.pcmPrepare || code > SoundRequest.pcmStop) return encodeCode(SoundStatus.notSupported);
  const status = change(port, code, decodeStream(request));
  return status === 'later' ? status : encodeCode(status);
}

function entriesOf(port: ControlPort, code: number): readonly Buffer[] | null {
  switch (code) {
    case SoundRequest.jackInfo:
      return [encodeJackInfo(true), encodeJackInfo(port.isMicrophoneGranted)];
    case SoundRequest.pcmInfo:
      return [encodePcmInfo(false), encodePcmInfo(true)];
    case SoundRequest.chmapInfo:
      return [false, true].flatMap((isCapture) => [1, 2].map((channels) => encodeChannelMap(isCapture, channels)));
    default:
      return null;
  }
}

function answerQuery(entries: readonly Buffer[], request: Buffer, room: number): Buffer {
  const query = decodeQuery(request);
  const bad = encodeCode(SoundStatus.badMessage);
  if (query === null) return bad;
  const { start, count, entryBytes } = query;
  if (count === 0 || count > MAX_QUERY_ENTRIES || start + count > entries.length) return bad;
  if (entryBytes !== entries[0]?.length || room < bad.length + count * entryBytes) return bad;
  return Buffer.concat([encodeCode(SoundStatus.ok), ...entries.slice(start, start + count)]);
}

function setParameters(port: ControlPort, request: Buffer): SoundStatus {
  const wanted = decodeSetParams(request);
  const stream = wanted === null ? undefined : port.streams[wanted.stream];
  if (wanted === null || stream === undefined || stream.isReleasing) return SoundStatus.badMessage;
  const phase = stream.after(SoundRequest.pcmSetParams);
  if (phase === null) return SoundStatus.badMessage;
  if (wanted.parameters === 'unsupported') return SoundStatus.notSupported;
  stream.phase = phase;
  port.setParameters(wanted.stream, wanted.parameters);
  return SoundStatus.ok;
}

function change(port: ControlPort, code: number, index: number | null): SoundStatus | 'later' {
  const stream = index === null ? undefined : port.streams[index];
  if (index === null || stream === undefined) return SoundStatus.badMessage;
  if (stream.isReleasing) return 'later';
  // The release that waited comes again.
  if (code === SoundRequest.pcmRelease && stream.phase === 'released') return SoundStatus.ok;
  const phase = stream.after(code);
  if (phase === null) return SoundStatus.badMessage;
  if (code === SoundRequest.pcmStart) return port.start(index);
  if (code === SoundRequest.pcmStop) port.stop(index);
  if (code === SoundRequest.pcmPrepare) stream.offset = 0;
  stream.phase = phase;
  return code !== SoundRequest.pcmRelease || port.release(index) ? SoundStatus.ok : 'later';
}
