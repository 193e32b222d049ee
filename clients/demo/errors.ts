/** The demo's errors: each message says what to do. */
import { CodedError } from '../../broker/base/index.ts';

export type DemoErrorCode =
  | 'ERR_DEMO_FILE'
  | 'ERR_DEMO_PROCESS'
  | 'ERR_DEMO_NATS'
  | 'ERR_DEMO_SOUND'
  | 'ERR_DEMO_MACHINES'
  | 'ERR_DEMO_IMAGE'
  | 'ERR_DEMO_WAV_NOT_RIFF'
  | 'ERR_DEMO_WAV_NOT_WAVE'
  | 'ERR_DEMO_WAV_TRUNCATED'
  | 'ERR_DEMO_WAV_MALFORMED'
  | 'ERR_DEMO_WAV_NOT_PCM'
  | 'ERR_DEMO_WAV_RATE'
  | 'ERR_DEMO_WAV_CHANNELS'
  | 'ERR_DEMO_WAV_BITS'
  | 'ERR_DEMO_WAV_NO_SAMPLES';

export class DemoError extends CodedError<DemoErrorCode> {
  override readonly name = 'DemoError';
}
