/** Runs the model checker spin: it writes a C program for a model, which visits every state there is. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findBinary } from '../support/needs.ts';

const run = promisify(execFile);

const MODELS = join(import.meta.dirname, 'models');
/** More steps than any run of a model has; a run that is cut short would be no proof, and is an error. */
const MAX_DEPTH = 100_000;
/** SAFETY: assertions and nothing else, which is faster. */
const COMPILE = ['-O0', '-w', '-DSAFETY', '-o', 'pan', 'pan.c'];
/** -E: an end in which somebody still waits is no error, because the attacker may deliver nothing. -c1: one attack is enough. */
const VISIT = [`-m${MAX_DEPTH}`, '-c1', '-E'];

export interface Verdict {
  readonly outcome: 'no attack' | 'attack';
  readonly states: number;
  /** The promise that does not hold, as the model words it; null without an attack. */
  readonly broken: string | null;
}

/** What `npm run prove` needs and does not find; null when all is there. */
export function missingForProofs(): string | null {
  if (findBinary('spin') === null) return 'spin (apt-get install spin)';
  return findBinary('gcc') === null ? 'gcc (apt-get install gcc libc6-dev)' : null;
}

/** @throws Error when the model is wrong, or was not visited whole */
export async function check(file: string, definitions: readonly string[]): Promise<Verdict> {
  const directory = await mkdtemp(join(tmpdir(), 'argus-proof-'));
  try {
    const options = { cwd: directory };
    await run(
      findBinary('spin') ?? 'spin',
      [...definitions.map((name) => `-D${name}`), '-a', join(MODELS, file)],
      options,
    );
    await run(findBinary('gcc') ?? 'gcc', COMPILE, options);
    const { stdout } = await run('./pan', VISIT, options);
    return read(stdout);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What the program of a model prints at its end. */
export function read(text: string): Verdict {
  const [, errors] = /errors: (\d+)/.exec(text) ?? [];
  const [, states] = /(\d+) states, stored/.exec(text) ?? [];
  const [, broken] = /assertion violated (.*?)\s*(?:\(at depth|$)/m.exec(text) ?? [];
  const isWhole = !/max search depth too small|Search not completed|out of memory/i.test(
    text.replace(/^Warning: Search not completed.*$/m, broken === undefined ? '$&' : ''),
  );
  if (errors === undefined || states === undefined || !isWhole || (errors !== '0') !== (broken !== undefined))
    throw new Error(`spin gave no answer: ${text}`);
  return { outcome: errors === '0' ? 'no attack' : 'attack', states: Number(states), broken: broken?.trim() ?? null };
}
