/**
 * The base of every error class of Argus: an error with a stable code.
 *
 * Each folder has one subclass with its own closed list of codes, so that `switch (error.code)` narrows. A message says
 * what happened and what to do. A problem that a peer can cause is a returned value and never an error.
 */
export abstract class CodedError<Code extends string> extends Error {
  readonly code: Code;

  constructor(code: Code, message: string, options?: { readonly cause?: unknown }) {
    // Without this check an undefined `cause` would be an own property, and would be printed.
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}
