/** `argus audit status`: how a log stands, in the words of auditctl. */
import { Command, InvalidArgumentError } from 'commander';
import { type AuditStatus, auditStatus } from '../../../../broker/audit/index.ts';
import { printJson } from '../../output.ts';
import { type WriterState, writerOf } from './writer.ts';

interface StatusFlags {
  readonly json?: true;
  readonly warnDays?: number;
}

const MIB = 1024 * 1024;

export function auditStatusCommand(): Command {
  return new Command('status')
    .description('what was lost or withheld, what is signed, and when the disk will be full')
    .argument('<dir>', 'the audit directory')
    .option(
      '--warn-days <days>',
      'exit 1 when the disk will be full sooner, when events were lost, or when the log cannot be written now',
      parseDays,
    )
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExample:\n  argus audit status /var/log/argus --warn-days 30')
    .action(async (directory: string, { json, warnDays }: StatusFlags) => {
      const status = await auditStatus(directory);
      const writer = await writerOf(directory);
      if (json) printJson({ ...status, writer: writer === null ? null : { ...writer, socket: undefined } });
      else process.stdout.write(`${statusText(status, writer)}\n`);
      if (warnDays !== undefined && (writer?.healthy === false || isAlarming(status, warnDays))) process.exitCode = 1;
    });
}

function isAlarming({ lost, daysUntilFull }: AuditStatus, warnDays: number): boolean {
  return lost > 0 || (daysUntilFull !== null && daysUntilFull < warnDays);
}

function statusText(status: AuditStatus, writer: WriterState | null): string {
  const { records, prunedRecords, signed, bytesPerDay, daysUntilFull } = status;
  const behind = prunedRecords + records - signed;
  const pruned = prunedRecords > 0 ? ` (1 to ${prunedRecords} were removed)` : '';
  return [
    `enabled ${enabledText(status, writer)}`,
    // Only the broker knows these.
    ...(writer === null
      ? []
      : [`pid ${writer.pid}`, `backlog_limit ${writer.backlogLimit}`, `backlog ${writer.backlog}`]),
    `lost ${status.lost}${status.gaps > 0 ? ` in ${status.gaps} gaps` : ''}`,
    `withheld ${status.withheld}`,
    `unclean ${status.unclean}`,
    `records ${records} from ${status.first ?? '-'} to ${status.last ?? '-'}${pruned}`,
    `signed ${signed}${behind > 0 ? ` (${behind} behind the newest checkpoint)` : ''}`,
    `size ${mebibytes(status.bytes)} in ${status.segments} segments${status.storedBytes < status.bytes ? `, ${mebibytes(status.storedBytes)} on disk` : ''}`,
    `rate ${bytesPerDay === null ? 'unknown: the log is too young' : `${mebibytes(bytesPerDay)} a day`}`,
    `free ${mebibytes(status.freeBytes)}${daysUntilFull === null ? '' : `, full in ${daysUntilFull} days at this rate`}`,
  ].join('\n');
}

function enabledText({ live }: AuditStatus, writer: WriterState | null): string {
  if (!live) return '0 (no broker is writing)';
  if (writer === null) return '1 (a broker is writing; it cannot be asked from here)';
  return writer.healthy ? '1 (a broker is writing)' : '1 (a broker is writing, but the disk fails: sends are stopped)';
}

function mebibytes(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

function parseDays(text: string): number {
  const days = Number(text);
  if (!Number.isSafeInteger(days) || days < 1) throw new InvalidArgumentError('expected a number of days, 1 or more.');
  return days;
}
