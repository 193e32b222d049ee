/** What ends a stream, and what only delays it. */

export type StreamErrorCode =
  /** The address of the receiver, or an option, cannot be used. */
  | 'ERR_STREAM_OPTION'
  /** A file with a secret can be read by others, or a file cannot be read. */
  | 'ERR_STREAM_FILE'
  /** The cursor is of another receiver or another log, or is damaged. */
  | 'ERR_STREAM_CURSOR'
  /** The receiver could not be reached, or did not answer as it should: the delivery is tried again. */
  | 'ERR_STREAM_UNREACHABLE'
  /** The receiver refuses what it is sent, and would refuse it again. */
  | 'ERR_STREAM_REFUSED';

export class StreamError extends Error {
  override readonly name = 'StreamError';
  readonly code: StreamErrorCode;
  /** The receiver's own wish when to try again, milliseconds. */
  readonly retryAfterMs: number | null;

  constructor(
    code: StreamErrorCode,
    message: string,
    { cause, retryAfterMs = null }: { readonly cause?: unknown; readonly retryAfterMs?: number | null } = {},
  ) {
    super(message, { cause });
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The code that Node gives an error of the network, or of TLS. */
export function errnoOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
}

/** A connection that failed, in words that say what to do. */
export function unreachable(receiver: string, cause: unknown): StreamError {
  const code = errnoOf(cause);
  const isCertificate = /^(ERR_TLS_CERT|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code);
  const why = isCertificate
    ? `its certificate was not accepted (${code}); name the CA that signed it with --ca`
    : `not reached (${code || (cause instanceof Error ? cause.message : 'no answer')})`;
  return new StreamError('ERR_STREAM_UNREACHABLE', `${receiver}: ${why}`, { cause });
}
