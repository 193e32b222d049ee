/** The errors of the command line itself. */
import { CodedError } from '../../broker/base/index.ts';

export class CliError extends CodedError<'ERR_CLI_NOTHING_TO_EXAMINE'> {
  override readonly name = 'CliError';
}
