/**
 * One seed per test process. It is printed, so that a random failure can be repeated.
 *
 * ARGUS_SEED=N       repeats a run
 * FUZZ_SECONDS=1     how long each `fuzzUntil` goes on
 * PROPERTY_SHARE=1   share of the cases of each property; less for a quick run
 */
import { randomInt } from 'node:crypto';
import type { Parameters } from 'fast-check';
import { Random } from './random.ts';

const DEFAULT_FUZZ_SECONDS = 1;
/** Default number of runs of fast-check. */
const DEFAULT_RUNS = 100;
/**
 * A single input that takes more CPU time than this is a hang, even if the decoder finishes. (CPU time and not wall
 * time, because other processes may use the processor.)
 */
const MAX_INPUT_MS = 2_000;

const PROPERTY_SHARE = readNumber('PROPERTY_SHARE', () => 1);

export const SEED = readNumber('ARGUS_SEED', () => randomInt(2 ** 31));
process.stdout.write(`seed: ${SEED} (ARGUS_SEED=${SEED} repeats this run)\n`);

/** For `fc.assert(property, seeded({ numRuns: 500 }))`. */
export function seeded<T>(parameters: Parameters<T> = {}): Parameters<T> {
  const { numRuns = DEFAULT_RUNS } = parameters;
  return { seed: SEED, ...parameters, numRuns: Math.ceil(numRuns * PROPERTY_SHARE) };
}

/** A source of random inputs. With different `salt`, two tests of a file get different inputs. */
export function seededRandom(salt = 0): Random {
  return new Random((SEED ^ Math.imul(salt, 0x9e3779b1)) >>> 0);
}

/**
 * Calls `step` with new inputs until the time budget is spent (but at least once), and returns the number of calls.
 * A step that throws fails with the seed and the round in its message; a step that takes seconds counts as a hang.
 */
export async function fuzzUntil(
  step: (random: Random, round: number) => void | Promise<void>,
  seconds = readNumber('FUZZ_SECONDS', () => DEFAULT_FUZZ_SECONDS),
): Promise<number> {
  const end = performance.now() + seconds * 1_000;
  let round = 0;
  do {
    // A generator per round, so that one round can be repeated without the earlier ones.
    const random = seededRandom(round + 1);
    const began = cpuMs();
    try {
      const pending = step(random, round);
      if (pending !== undefined) await pending;
    } catch (error) {
      throw new Error(`round ${round} of seed ${SEED}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
    if (cpuMs() - began > MAX_INPUT_MS) {
      throw new Error(`round ${round} of seed ${SEED}: one input took more than ${MAX_INPUT_MS} ms of CPU time`);
    }
    round += 1;
  } while (performance.now() < end);
  return round;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function readNumber(name: string, otherwise: () => number): number {
  const text = process.env[name];
  if (text === undefined || text === '') return otherwise();
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name}: "${text}" is not a number`);
  return value;
}
