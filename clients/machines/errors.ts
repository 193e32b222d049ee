/** The error of machines/. */
import { CodedError } from '../../broker/base/index.ts';

/** `ERR_MACHINE_GUEST`: a guest did not print an expected line in time; the message has the end of its console. */
export class MachineError extends CodedError<'ERR_MACHINE_GUEST'> {
  override readonly name = 'MachineError';
}
