/**
 * What every command prints alike: one line per error on stderr, JSON on stdout when asked.
 *
 * Exit codes: 0 done; 1 the thing asked for failed or was found bad; 2 the command line was wrong (commander's own).
 */

/** The errors of Argus carry a stable code (ERR_KEY_…, ERR_POLICY_…); host errors carry an errno word. */
interface Coded extends Error {
  readonly code: string;
}

function isCoded(error: unknown): error is Coded {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

/** `argus: message (CODE)`; a stack only for what has no code, because that is a bug of ours. */
export function printError(error: unknown): void {
  if (isCoded(error)) process.stderr.write(`argus: ${error.message} (${error.code})\n`);
  else
    process.stderr.write(
      `argus: unexpected error, please report it\n${error instanceof Error ? error.stack : error}\n`,
    );
}

export function exitCodeOf(error: unknown): number {
  return isCoded(error) && error.code.startsWith('commander.') ? 2 : 1;
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
