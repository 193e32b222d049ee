/** `argus audit verify|tail`: what an auditor runs first. Both only read, and work while the broker writes. */
import { Command, InvalidArgumentError } from 'commander';
import {
  AUDIT_EVENTS,
  escapeUnsafe,
  type ParsedLine,
  type TailLine,
  tailAudit,
  type VerifyResult,
  verifyAudit,
} from '../../../broker/audit/index.ts';
import { printJson } from '../output.ts';

/** Problems shown to a human; --json has more. */
const SHOWN_PROBLEMS = 20;
const DEFAULT_TAIL_LINES = 10;

export function auditCommand(): Command {
  return new Command('audit').description('review the audit log').addCommand(verifyCommand()).addCommand(tailCommand());
}

// ---- verify

interface VerifyFlags {
  readonly json?: true;
  readonly since?: { readonly seq: number; readonly hash: string };
  readonly expectHead?: string;
}

function verifyCommand(): Command {
  return new Command('verify')
    .description('check that no record was edited, inserted, deleted or reordered')
    .argument('<dir>', 'the audit directory')
    .option('--json', 'print the result as JSON')
    .option('--since <seq:hash>', 'the head remembered from an earlier visit, which must still be there', parseSince)
    .option('--expect-head <hash>', 'the hash that the last record must have', parseHash)
    .addHelpText('after', '\nExample:\n  argus audit verify /var/log/argus')
    .action(async (directory: string, flags: VerifyFlags) => {
      const result = await verifyAudit(directory, {
        ...(flags.since === undefined ? {} : { since: flags.since }),
        ...(flags.expectHead === undefined ? {} : { expectHead: flags.expectHead }),
      });
      if (flags.json) printJson(result);
      else process.stdout.write(`${verifyText(result, flags)}\n`);
      if (!result.ok) process.exitCode = 1;
    });
}

function verifyText(result: VerifyResult, flags: VerifyFlags): string {
  const { ok, records, segments, head, lastSeq } = result;
  const lines = [`${ok ? 'PASS' : 'FAIL'} ${records} records in ${segments} segments`];
  for (const { segment, line, code, message } of result.problems.slice(0, SHOWN_PROBLEMS)) {
    lines.push(`  segment ${segment} line ${line}: ${code} ${message}`);
  }
  if (result.problemCount > SHOWN_PROBLEMS)
    lines.push(`  showing ${SHOWN_PROBLEMS} of ${result.problemCount} problems`);
  if (result.uncleanShutdowns > 0) lines.push(`  ${result.uncleanShutdowns} unclean shutdowns`);
  if (result.tornAccounted > 0) lines.push(`  ${result.tornAccounted} cut-off writes, each accounted for`);
  if (result.gaps > 0) lines.push(`  ${result.gaps} times not writable, ${result.lost} events lost in them`);
  if (result.live)
    lines.push(`  a broker is writing; ${result.unfinishedBytes} bytes of an unfinished record left out`);
  lines.push(`  head ${lastSeq ?? 0}:${head}`);
  if (ok && flags.since === undefined && flags.expectHead === undefined) {
    lines.push(
      '  A cut-off end or a log written anew does not show: keep this head elsewhere, and pass it with --since next time.',
    );
  }
  return escapeUnsafeLines(lines);
}

function parseHash(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new InvalidArgumentError('expected 64 hexadecimal digits.');
  return text;
}

function parseSince(text: string): { seq: number; hash: string } {
  const [, seq, hash] = /^([1-9]\d{0,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq === undefined || hash === undefined) throw new InvalidArgumentError('expected SEQ:HASH as verify prints it.');
  return { seq: Number(seq), hash };
}

// ---- tail

interface TailFlags {
  readonly follow?: true;
  readonly lines: number;
  readonly json?: true;
  readonly event?: string;
  readonly denied?: true;
}

function tailCommand(): Command {
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

function escapeUnsafeLines(lines: readonly string[]): string {
  return lines.map(escapeUnsafe).join('\n');
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
