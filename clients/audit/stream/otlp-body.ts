/**
 * Records as a request of the OpenTelemetry protocol, in its JSON encoding (OTLP 1, `ExportLogsServiceRequest`). Pure.
 *
 * The body of a log record is the exact line of the log. `log.record.uid` is its hash, by which a receiver that got a
 * record twice can tell.
 */

import { member } from '../query/index.ts';
import type { StreamRecord } from './records.ts';

/** By the last letter of a code: severity numbers INFO, WARN, ERROR of the data model. */
const SEVERITY: ReadonlyMap<string, { readonly severityNumber: number; readonly severityText: string }> = new Map([
  ['I', { severityNumber: 9, severityText: 'INFO' }],
  ['W', { severityNumber: 13, severityText: 'WARN' }],
  ['E', { severityNumber: 17, severityText: 'ERROR' }],
]);
const INFO = { severityNumber: 9, severityText: 'INFO' };
const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

/** @param observedAt milliseconds since 1970: when the stream read the records */
export function otlpRequest(records: readonly StreamRecord[], observedAt: number): object {
  const byBroker = new Map<string, StreamRecord[]>();
  for (const record of records) {
    const broker = typeof record.fields.broker === 'string' ? record.fields.broker : 'unknown';
    byBroker.set(broker, [...(byBroker.get(broker) ?? []), record]);
  }
  return {
    resourceLogs: [...byBroker].map(([broker, own]) => ({
      resource: { attributes: [text('service.name', 'argus-broker'), text('service.instance.id', broker)] },
      scopeLogs: [{ scope: { name: 'argus.audit' }, logRecords: own.map((record) => logRecord(record, observedAt)) }],
    })),
  };
}

function logRecord({ seq, event, fields, line, hash }: StreamRecord, observedAt: number): object {
  const time = typeof fields.time === 'string' ? Date.parse(fields.time) : Number.NaN;
  const code = typeof fields.code === 'string' ? fields.code : '';
  const named: readonly (readonly [key: string, value: unknown])[] = [
    ['argus.code', fields.code],
    ['argus.decision', fields.decision],
    ['argus.reason', fields.reason],
    ['argus.src', member(fields.src, 'domain')],
    ['argus.dst', member(fields.dst, 'domain')],
    ['argus.class', fields.class],
    ['argus.permission', fields.permission],
  ];
  return {
    // 0 means "not known" in the protocol. 64-bit numbers are strings in its JSON.
    timeUnixNano: Number.isNaN(time) ? '0' : nanoseconds(time),
    observedTimeUnixNano: nanoseconds(observedAt),
    ...(SEVERITY.get(code.slice(-1)) ?? INFO),
    eventName: event,
    body: { stringValue: line },
    attributes: [
      { key: 'argus.seq', value: { intValue: String(seq) } },
      text('log.record.uid', hash),
      ...named.flatMap(([key, value]) => (typeof value === 'string' ? [text(key, value)] : [])),
    ],
  };
}

function text(key: string, value: string): object {
  return { key, value: { stringValue: value } };
}

function nanoseconds(milliseconds: number): string {
  return String(BigInt(Math.trunc(milliseconds)) * NANOSECONDS_PER_MILLISECOND);
}

/** The part of an answer that concerns us. Null: the receiver has taken everything. Never throws. */
export function partialSuccess(answer: string): { readonly rejected: number; readonly note: string } | null {
  let value: unknown;
  try {
    value = JSON.parse(answer);
  } catch {
    return null; // an empty answer, or one in another encoding: the status has said that it was taken
  }
  const partial = member(value, 'partialSuccess');
  const rejected = Number(member(partial, 'rejectedLogRecords') ?? 0);
  if (!Number.isSafeInteger(rejected) || rejected <= 0) return null;
  const note = member(partial, 'errorMessage');
  return { rejected, note: typeof note === 'string' ? note : '' };
}
