/**
 * `argus policy shadow`: a candidate next to the policy in force, on the decisions of a running broker as they are made.
 *
 * The broker knows nothing of it: the command follows the audit log, which holds every decision. So a candidate can neither
 * slow the broker down nor change what it decides.
 */
import { Command } from 'commander';
import { tailAudit } from '../../../../../broker/audit/index.ts';
import { callControl } from '../../../../../broker/index.ts';
import type { Grant } from '../../../../../policy/index.ts';
import { parseMilliseconds } from '../../../durations.ts';
import { untilInterrupted } from '../../../interrupt.ts';
import { printJson } from '../../../output.ts';
import { type ControlFlags, controlSocket, withControl } from '../../../sockets/control.ts';
import { load } from '../directory.ts';
import { auditDirectory } from '../sources.ts';
import { Comparison, lineOf } from './comparison.ts';
import { DecisionReader } from './recorded.ts';

interface ShadowOptions extends ControlFlags {
  readonly for?: number;
  readonly json?: true;
}

export function shadowCommand(): Command {
  return withControl(new Command('shadow'))
    .description(
      'decide what a running broker decides by another policy too, and list the differences; changes nothing',
    )
    .argument('<directory>', 'the candidate')
    .option('--for <duration>', 'how long: 90s, 10m, 2h, 1d (default: until it is interrupted)', parseMilliseconds)
    .option('--json', 'print one JSON object at the end')
    .addHelpText(
      'after',
      '\nAllowed messages stand in the log after at most 10 s, denials at once. Exit code 1 when there was a difference.\n\nExample:\n  argus policy shadow ./draft --for 1h',
    )
    .action((directory: string, options: ShadowOptions) =>
      untilInterrupted((signal) => {
        const end = options.for === undefined ? [] : [AbortSignal.timeout(options.for)];
        return shadow(directory, options, AbortSignal.any([signal, ...end]));
      }),
    );
}

/** Until the signal is aborted. */
export async function shadow(directory: string, options: ShadowOptions, signal: AbortSignal): Promise<void> {
  const candidate = await load(directory);
  const comparison = new Comparison(candidate);
  const log = await auditDirectory(options);
  const inForce = (
    await callControl(controlSocket(options.control), 'GET', '/v1/policy/files', undefined, options.timeout)
  ).body as { hash: string; revision: number; grants: readonly Grant[] };
  const reader = new DecisionReader([[inForce.revision, { hash: inForce.hash, grants: inForce.grants }]]);
  if (options.json !== true)
    process.stdout.write(`${candidate.hash.slice(0, 12)} next to revision ${inForce.revision}; interrupt to end\n`);
  for await (const { parsed } of tailAudit(log, { lines: 0, follow: signal })) {
    if (typeof parsed === 'string') continue;
    const record = reader.take(parsed);
    const first = record === null ? null : comparison.see(record);
    if (first !== null && options.json !== true) process.stdout.write(`${lineOf(first)}, record ${first.first}\n`);
  }
  if (comparison.changed.length > 0) process.exitCode = 1;
  if (options.json === true) printJson({ policy: candidate.hash, ...comparison.summary() });
  else process.stdout.write(`${comparison.lines().join('\n')}\n`);
}
