/** `argus audit tail`: the newest records, and those that come. */
import { Command, InvalidArgumentError } from 'commander';
import { escapeUnsafe, type TailLine, tailAudit } from '../../../../../broker/audit/index.ts';
import { AUDIT_EVENTS } from '../../../../../broker/record/index.ts';
import { untilInterrupted } from '../../../interrupt.ts';
import { announce } from '../announce.ts';
import { faultText, recordText } from './lines.ts';

const DEFAULT_TAIL_LINES = 10;

interface TailFlags {
  readonly follow?: true;
  readonly lines: number;
  readonly json?: true;
  readonly event?: string;
  readonly denied?: true;
}

export function tailCommand(): Command {
  return new Command('tail')
    .description('show the newest records')
    .argument('<dir>', 'the audit directory')
    .option('-f, --follow', 'go on with what is appended')
    .option('-n, --lines <count>', 'how many', parseCount, DEFAULT_TAIL_LINES)
    .option('--json', 'one JSON object per line')
    .option('--event <event>', 'only this event', parseEvent)
    .option('--denied', 'only denials')
    .addHelpText('after', '\nExample:\n  argus audit tail /var/log/argus --denied --follow')
    .action((directory: string, flags: TailFlags) => untilInterrupted((signal) => tail(directory, flags, signal)));
}

async function tail(directory: string, flags: TailFlags, signal: AbortSignal): Promise<void> {
  await announce(directory, { what: 'tail', question: flags.event === undefined ? '' : `event=${flags.event}` });
  const lines = tailAudit(directory, {
    lines: flags.lines,
    wants: (line) => isWanted(line, flags),
    ...(flags.follow ? { follow: signal } : {}),
  });
  for await (const line of lines) process.stdout.write(`${flags.json ? jsonOf(line) : textOf(line)}\n`);
}

/** A line that is not a record is always shown: an auditor has to see it. */
function isWanted({ parsed }: TailLine, flags: TailFlags): boolean {
  if (typeof parsed === 'string') return true;
  if (flags.event !== undefined && parsed.event !== flags.event) return false;
  return flags.denied === undefined || parsed.fields.decision === 'deny';
}

function jsonOf({ segment, parsed }: TailLine): string {
  return escapeUnsafe(JSON.stringify(typeof parsed === 'string' ? { segment, fault: parsed } : parsed.fields));
}

function textOf({ segment, parsed }: TailLine): string {
  return typeof parsed === 'string' ? faultText(segment, parsed) : recordText(parsed);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 0) throw new InvalidArgumentError('expected a number, 0 or more.');
  return count;
}

function parseEvent(text: string): string {
  if (AUDIT_EVENTS.some((event) => event === text)) return text;
  throw new InvalidArgumentError(`expected one of ${AUDIT_EVENTS.join(', ')}.`);
}
