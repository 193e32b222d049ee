/** The command line and the environment of the test runner. */

const DEFAULT_TIMEOUT_SECONDS = 300;
const DEFAULT_LOAD = 2;
const USAGE = 'usage: npm test [-- [--quick] [--write-times] WORD ...], npm run test:repeat -- WORD ... N [--load N]';

export interface Arguments {
  readonly words: readonly string[];
  readonly quick: boolean;
  /** Null: each file once. */
  readonly repeats: number | null;
  /** Busy processes next to a repeated file. */
  readonly load: number;
  readonly shouldWriteTimes: boolean;
  readonly timeoutMs: number;
}

/** An error that the user of the runner must fix. */
export class RunnerError extends Error {
  override readonly name = 'RunnerError';
}

/** @throws RunnerError */
export function readArguments(args: readonly string[], env: NodeJS.ProcessEnv): Arguments {
  const words: string[] = [];
  let quick = false;
  let isRepeat = false;
  let load = DEFAULT_LOAD;
  let shouldWriteTimes = false;
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? '';
    if (arg === '--quick') quick = true;
    else if (arg === '--write-times') shouldWriteTimes = true;
    else if (arg === '--repeat') isRepeat = true;
    else if (arg === '--load') load = countOf('--load', args[++at]);
    else if (arg.startsWith('-')) throw new RunnerError(`unknown option "${arg}"; ${USAGE}`);
    else words.push(arg);
  }
  const repeats = isRepeat ? countOf('how often (the last word)', words.pop()) : null;
  if (isRepeat && words.length === 0) throw new RunnerError(`which tests? ${USAGE}`);
  return { words, quick, repeats, load, shouldWriteTimes, timeoutMs: readTimeoutMs(env) };
}

function countOf(what: string, text: string | undefined): number {
  const value = Number(text);
  if (text !== undefined && Number.isInteger(value) && value >= 0) return value;
  throw new RunnerError(`${what}: "${text ?? ''}" is not a number; ${USAGE}`);
}

function readTimeoutMs(env: NodeJS.ProcessEnv): number {
  const text = env.ARGUS_TEST_TIMEOUT_SECONDS ?? String(DEFAULT_TIMEOUT_SECONDS);
  const seconds = Number(text);
  if (!(seconds > 0)) throw new RunnerError(`ARGUS_TEST_TIMEOUT_SECONDS: "${text}" is not a positive number`);
  return seconds * 1_000;
}
