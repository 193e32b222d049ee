/**
 * A record as a syslog message (RFC 5424), and messages as a stream of octets (RFC 5425). Pure.
 *
 * The message is the exact line of the log, so a receiver that keeps it can check the chain.
 */
import type { StreamRecord } from './records.ts';

/** Facility 13 of RFC 5424: log audit. */
const LOG_AUDIT = 13;
/** By the last letter of a code: informational, warning, error (RFC 5424 table 2). */
const SEVERITY: ReadonlyMap<string, number> = new Map([
  ['I', 6],
  ['W', 4],
  ['E', 3],
]);
const INFORMATIONAL = 6;
const NIL = '-';
/** Characters that RFC 5424 allows a host name, a process id and a message id. */
const [MAX_HOST, MAX_PROCESS, MAX_MESSAGE_ID] = [255, 128, 32];
/** The registered parameter `sequenceId` goes from 1 to 2147483647, and begins again (RFC 5424 section 7.3.1). */
const MAX_SEQUENCE = 2_147_483_647;
/** RFC 5424 section 6.4: a message in UTF-8 begins with it. Octets of ASCII need none. */
const BYTE_ORDER_MARK = '\uFEFF';

export function syslogMessage({ seq, event, fields, line }: StreamRecord): string {
  const code = typeof fields.code === 'string' ? fields.code : '';
  const priority = LOG_AUDIT * 8 + (SEVERITY.get(code.slice(-1)) ?? INFORMATIONAL);
  const header = [
    `<${priority}>1`,
    timestamp(fields.time),
    word(fields.broker, MAX_HOST),
    'argus',
    word(fields.boot, MAX_PROCESS),
    word(event, MAX_MESSAGE_ID),
    `[origin software="argus-broker"][meta sequenceId="${((seq - 1) % MAX_SEQUENCE) + 1}"]`,
  ];
  return `${header.join(' ')} ${isAscii(line) ? '' : BYTE_ORDER_MARK}${line}`;
}

/** `MSG-LEN SP SYSLOG-MSG`, one behind the other (RFC 5425 section 4.3). */
export function syslogFrames(records: readonly StreamRecord[]): Uint8Array {
  const parts = records.flatMap((record) => {
    const message = Buffer.from(syslogMessage(record));
    return [Buffer.from(`${message.length} `), message];
  });
  return Buffer.concat(parts);
}

/** A log may be hostile: only what RFC 5424 calls a timestamp passes. */
function timestamp(time: unknown): string {
  return typeof time === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/.test(time) ? time : NIL;
}

/** PRINTUSASCII only: nothing that ends a field. */
function word(value: unknown, longest: number): string {
  if (typeof value !== 'string' || value === '') return NIL;
  return value.replace(/[^\x21-\x7e]/g, '?').slice(0, longest);
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}
