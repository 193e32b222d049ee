/** `argus …` in this process: what it prints, its exit code, and what it throws. */
import type { Command } from 'commander';
import { policyCommand } from '../../clients/cli/commands/policy/index.ts';

export interface PolicyRun {
  readonly output: string;
  readonly exitCode: number;
  readonly error: unknown;
}

export function runPolicy(...words: string[]): Promise<PolicyRun> {
  return runCommand(policyCommand(), words);
}

/** One at a time: it listens to the standard output of the process. */
export async function runCommand(command: Command, words: readonly string[]): Promise<PolicyRun> {
  const written: string[] = [];
  const [write, complain, exitCode] = [process.stdout.write, process.stderr.write, process.exitCode];
  process.exitCode = 0;
  process.stdout.write = (chunk: string | Uint8Array) => written.push(textOf(chunk)) > 0;
  process.stderr.write = (chunk: string | Uint8Array) => written.push(textOf(chunk)) > 0;
  let error: unknown = null;
  try {
    for (const each of [command, ...command.commands]) each.exitOverride();
    await command.parseAsync(words, { from: 'user' });
  } catch (caught) {
    error = caught;
  } finally {
    process.stdout.write = write;
    process.stderr.write = complain;
  }
  const result = { output: written.join(''), exitCode: Number(process.exitCode), error };
  process.exitCode = exitCode;
  return result;
}

/** The stable code of what a command threw; `none` when it threw nothing. */
export function codeOfRun({ error }: PolicyRun): string {
  if (error === null) return 'none';
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function textOf(chunk: string | Uint8Array): string {
  return typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
}
