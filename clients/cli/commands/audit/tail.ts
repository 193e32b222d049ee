/** `argus audit tail`: the newest records, and those that come. */
import { Command, InvalidArgumentError } from 'commander';
import {
  AUDIT_EVENTS,
  escapeUnsafe,
  type ParsedLine,
  type TailLine,
  tailAudit,
} from '../../../../broker/audit/index.ts';

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
    .action(tail);
}

async function tail(directory: string, flags: TailFlags): Promise<void> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  // A reader that goes away (`| head`) ends the command like an interrupt, without an error.
  const broken = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error;
    stop.abort();
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  process.stdout.on('error', broken);
  try {
    const lines = tailAudit(directory, {
      lines: flags.lines,
      wants: (line) => isWanted(line, flags),
      ...(flags.follow ? { follow: stop.signal } : {}),
    });
    for await (const line of lines) process.stdout.write(`${flags.json ? jsonOf(line) : textOf(line)}\n`);
  } finally {
    process.removeListener('SIGINT', interrupt).removeListener('SIGTERM', interrupt);
  }
}

/** A line that is no record is always shown: it is what an auditor must see. */
function isWanted({ parsed }: TailLine, flags: TailFlags): boolean {
  if (typeof parsed === 'string') return true;
  if (flags.event !== undefined && parsed.event !== flags.event) return false;
  return flags.denied === undefined || parsed.fields.decision === 'deny';
}

function jsonOf({ segment, parsed }: TailLine): string {
  return escapeUnsafe(JSON.stringify(typeof parsed === 'string' ? { segment, fault: parsed } : parsed.fields));
}

/** `time seq event src -> dst:port class:permission decision reason rule ...`, without what the record does not have. */
function textOf({ segment, parsed }: TailLine): string {
  if (typeof parsed === 'string') return `!! a line of segment ${segment} is not a record: ${parsed}`;
  const { fields } = parsed;
  const parts = [
    fields.time,
    `#${parsed.seq}`,
    parsed.event,
    partiesOf(parsed),
    fields.class === undefined ? undefined : `${show(fields.class)}:${show(fields.permission)}`,
    fields.decision,
    fields.permissive === true ? 'permissive' : undefined,
    fields.reason,
    fields.rule === undefined ? undefined : `${show(member(fields.rule, 'file'))}:${show(member(fields.rule, 'line'))}`,
    fields.messages === undefined ? undefined : `${show(fields.messages)} messages`,
    fields.bytes === undefined ? undefined : `${show(fields.bytes)} bytes`,
    fields.count === undefined ? undefined : `x${show(fields.count)}`,
    fields.detail === undefined ? undefined : show(fields.detail),
  ];
  return escapeUnsafe(
    parts
      .filter((part) => part !== undefined)
      .map(show)
      .join(' '),
  );
}

function partiesOf({ fields }: ParsedLine): string | undefined {
  const port = fields.port === undefined ? '' : `:${show(fields.port)}`;
  if (fields.src === undefined) return undefined;
  const source = show(member(fields.src, 'domain'));
  return fields.dst === undefined ? `${source}${port}` : `${source} -> ${show(member(fields.dst, 'domain'))}${port}`;
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '?');
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
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
