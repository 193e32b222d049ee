/** Errors for the operator of the audio clients. A fault that a VM can cause is never an error here but a count. */
import { CodedError } from '../../../broker/base/index.ts';

export type AudioErrorCode =
  | 'ERR_AUDIO_FORMAT'
  | 'ERR_AUDIO_VOLUME'
  | 'ERR_AUDIO_ROUTE'
  | 'ERR_AUDIO_NO_VM'
  | 'ERR_AUDIO_MIXER_TIMEOUT'
  | 'ERR_AUDIO_SERVICE_BUSY'
  | 'ERR_AUDIO_SERVICE_NOT_RUNNING'
  | 'ERR_AUDIO_AGENT_NOT_RUNNING'
  | 'ERR_AUDIO_SOUND_SERVER'
  | 'ERR_AUDIO_CLIENTS'
  | 'ERR_AUDIO_STATE'
  | 'ERR_AUDIO_RECORD';

export class AudioError extends CodedError<AudioErrorCode> {
  override readonly name = 'AudioError';
}
