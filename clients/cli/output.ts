/**
 * What every command prints alike: one line per error on stderr, JSON on stdout when asked.
 *
 * Exit codes: 0 done; 1 the thing asked for failed or was found bad; 2 the command line was wrong.
 */
import { CommanderError } from 'commander';
import { reasonOf } from '../../broker/base/index.ts';

/** The errors of Argus carry a stable code (ERR_KEY_…, ERR_POLICY_…); host errors carry an errno word. */
interface Coded extends Error {
  readonly code: string;
}

function isCoded(error: unknown): error is Coded {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

/** `argus: message (CODE)`. A stack only for an error without a code, because that is a bug of ours. */
export function printError(error: unknown): void {
  if (error instanceof CommanderError) return; // commander has said it, with a suggestion
  if (isCoded(error)) process.stderr.write(`argus: ${messageOf(error)}\n`);
  else
    process.stderr.write(
      `argus: unexpected error, please report it\n${error instanceof Error ? error.stack : error}\n`,
    );
}

/** An error of the system that no code of ours has put into words: what it is about, and the reason. */
export function messageOf(error: Coded): string {
  const { path, dest, address, port, syscall } = error as NodeJS.ErrnoException & Partial<SystemPlaces>;
  if (syscall === undefined) return withCode(error.message, error.code);
  const place = [path, dest]
    .filter((name) => name !== undefined)
    .map((name) => `"${name}"`)
    .join(' to ');
  const listener = address === undefined ? syscall : [address, port].filter((part) => part !== undefined).join(':');
  return withCode(`${place || listener}: ${reasonOf(error)}`, error.code);
}

/** What Node adds to the errors of calls that have more than one path, and of sockets. */
interface SystemPlaces {
  readonly dest: string;
  readonly address: string;
  readonly port: number;
}

/** A code that the message already contains is not printed again. */
function withCode(message: string, code: string): string {
  return message.includes(code) ? message : `${message} (${code})`;
}

/** Errors in the words of the command line that only the command itself can see: a question that is none. */
const WRONG_WORDS: ReadonlySet<string> = new Set(['ERR_AUDIT_QUERY']);

export function exitCodeOf(error: unknown): number {
  if (isCoded(error) && WRONG_WORDS.has(error.code)) return 2;
  if (!(error instanceof CommanderError)) return 1;
  return error.exitCode === 0 ? 0 : 2; // 0: help or version, as asked for
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Of tables: cli-table3 would colour its frames even in a pipe. */
export const PLAIN = { head: [], border: [] };

/** An admin may write anything into a reason; the terminal of the next reader must not act on it. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '?');
}
