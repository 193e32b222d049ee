/**
 * Registers a test under the number of the statement that it shows.
 *
 *     statement('A05', undefined, () => { … });
 *     statement('A28', { deviation: 'an unknown domid is answered like a denial' }, () => { … });
 *     statement.run();
 *
 * A deviation's test asserts what Argus does instead, so it can fail as well. A statement may have several tests.
 */
import { appendFileSync } from 'node:fs';
import { suite } from 'uvu';
import type { Finding } from './result.ts';
import { STATEMENTS } from './statements.ts';

export interface StatementOptions {
  /** What Argus does instead, and why. */
  readonly deviation?: string;
}

type StatementTest = () => void | Promise<void>;

interface StatementRegister {
  (id: string, options: StatementOptions | undefined, test: StatementTest): void;
  /** After the last statement of the file, as with a uvu suite. */
  run(): void;
}

const findings = process.env.ARGUS_CONFORMANCE_OUT;
const conformance = suite('conformance');

function register(id: string, options: StatementOptions | undefined, test: StatementTest): void {
  const stated = STATEMENTS.find((each) => each.id === id);
  if (stated === undefined) throw new Error(`"${id}" is no statement of test/conformance/statements.ts`);
  const why = options?.deviation;
  if (why !== undefined && why.trim() === '') throw new Error(`${id}: a deviation needs a reason`);

  conformance(`${id} ${why === undefined ? '' : 'deviates: '}${why ?? stated.statement}`, async () => {
    try {
      await test();
    } catch (error) {
      record({ id, result: 'fail', why: error instanceof Error ? error.message : String(error) });
      throw error;
    }
    record({ id, result: why === undefined ? 'pass' : 'deviation', why: why ?? '' });
  });
}

function record(finding: Finding): void {
  if (findings !== undefined) appendFileSync(findings, `${JSON.stringify(finding)}\n`);
}

export const statement: StatementRegister = Object.assign(register, { run: conformance.run });
