/**
 * A record as an entry of systemd's Journal Export Format, as `systemd-journal-remote` reads it.
 *
 * The kind of the record is its MESSAGE_ID, so `journalctl MESSAGE_ID=…` finds all records of one kind.
 */
import { createHash } from 'node:crypto';
import { escapeUnsafe, type ParsedLine } from '../../../broker/audit/index.ts';
import { type AuditEventName, MESSAGE_IDS } from '../../../broker/record/index.ts';
import { member } from '../query/index.ts';

/** By the last letter of a code: informational, warning, error (syslog(3)). */
const PRIORITY: ReadonlyMap<string, number> = new Map([
  ['I', 6],
  ['W', 4],
  ['E', 3],
]);
const INFORMATIONAL = 6;
/** Log audit, as in the stream to syslog. */
const FACILITY = 13;

/** @param message the record in words; an empty line ends an entry */
export function journalEntry(record: ParsedLine, message: string): string {
  const { seq, event, fields } = record;
  const code = text(fields.code) ?? '';
  const { rule } = fields;
  const pairs: readonly (readonly [name: string, value: unknown])[] = [
    // The journal needs both clocks, and a name of the run that the second one belongs to.
    ['__REALTIME_TIMESTAMP', microseconds(Date.parse(text(fields.time) ?? ''))],
    ['__MONOTONIC_TIMESTAMP', microseconds(Number(fields.mono))],
    ['_BOOT_ID', createHash('sha256').update(String(fields.boot)).digest('hex').slice(0, 32)],
    ['MESSAGE', message],
    // A later version may know more events; they are exported all the same.
    ['MESSAGE_ID', Object.hasOwn(MESSAGE_IDS, event) ? MESSAGE_IDS[event as AuditEventName] : undefined],
    ['PRIORITY', PRIORITY.get(code.slice(-1)) ?? INFORMATIONAL],
    ['SYSLOG_FACILITY', FACILITY],
    ['SYSLOG_IDENTIFIER', 'argus'],
    ['ARGUS_SEQ', seq],
    ['ARGUS_EVENT', event],
    ['ARGUS_CODE', fields.code],
    ['ARGUS_BROKER', fields.broker],
    ['ARGUS_DECISION', fields.decision],
    ['ARGUS_REASON', fields.reason],
    ['ARGUS_RULE', rule === undefined ? undefined : `${String(member(rule, 'file'))}:${String(member(rule, 'line'))}`],
    ['ARGUS_SRC', member(fields.src, 'domain')],
    ['ARGUS_DST', member(fields.dst, 'domain')],
    ['ARGUS_PORT', fields.port],
    ['ARGUS_CLASS', fields.class],
    ['ARGUS_PERMISSION', fields.permission],
    ['ARGUS_REVISION', fields.revision],
    ['ARGUS_POLICY', fields.policy],
    ['ARGUS_SESSION', fields.session],
    ['ARGUS_COUNT', fields.count],
    ['ARGUS_DETAIL', fields.detail === undefined ? undefined : JSON.stringify(fields.detail)],
  ];
  const lines = pairs.filter(([, value]) => value !== undefined).map(([name, value]) => `${name}=${inLine(value)}\n`);
  return `${lines.join('')}\n`;
}

/** Control characters are escaped, so no value can end its line. */
function inLine(value: unknown): string {
  return escapeUnsafe(String(value));
}

function microseconds(milliseconds: number): number {
  return Number.isFinite(milliseconds) && milliseconds > 0 ? Math.trunc(milliseconds * 1_000) : 1;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
