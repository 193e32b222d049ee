/**
 * Streams a log to one receiver: read a batch, deliver it, write down how far it came, read the next one.
 *
 * Nothing is read ahead of the receiver, so a slow receiver slows down only its own stream. The cursor moves after the
 * delivery, so a crash repeats at most one batch and leaves none out. A delivery that failed is tried again, for ever,
 * with the same records: a receiver that can tell them apart by their hash has each of them once.
 */
import type { AuditReader, ParsedLine } from '../../../broker/audit/index.ts';
import type { Clock } from '../../../broker/base/index.ts';
import type { CursorStore } from './cursor.ts';
import { StreamError } from './errors.ts';
import { FIRST_RETRY_MS, MAX_RETRY_MS, MAX_WISH_MS, STREAM_POLL_MS } from './limits.ts';
import { checkPosition, readBatch, type StreamBatch, type StreamRecord } from './records.ts';

/** What a receiver says about a delivery. */
export interface StreamDelivery {
  /** Records that it did not accept, and will not accept when they come again. */
  readonly rejected: number;
  /** Its own words about them. */
  readonly note: string | null;
  /** What the target needs after a restart; kept in the cursor. */
  readonly receiver: string | null;
}

/** The way to one receiver. */
export interface StreamTarget {
  /** The receiver's address, without secrets. */
  readonly name: string;
  /**
   * Resolves when the receiver has the records, as far as its protocol can say. Rejects with StreamError:
   * ERR_STREAM_REFUSED ends the stream, everything else is tried again with the same records.
   */
  deliver(records: readonly StreamRecord[], receiver: string | null, signal: AbortSignal): Promise<StreamDelivery>;
  close(): Promise<void>;
}

export interface StreamParts {
  readonly reader: AuditReader;
  readonly target: StreamTarget;
  readonly cursor: CursorStore;
  readonly wants: (record: ParsedLine) => boolean;
  readonly clock: Clock;
  /** 0 to 1: spreads the attempts of several streams. */
  readonly random: () => number;
  /** One line for the operator: a finding about the log, or a change of the receiver's state. */
  readonly report: (line: string) => void;
  /** True: ends with the log's present end, and with the first delivery that fails. */
  readonly isOnce: boolean;
}

export interface StreamTotals {
  readonly delivered: number;
  readonly rejected: number;
  /** The last record that was read. */
  readonly seq: number;
  /** Findings that were reported. */
  readonly findings: number;
}

/** Runs until the signal is aborted. Throws StreamError and the host's errors; the cursor is good in any case. */
export async function streamLog(parts: StreamParts, signal: AbortSignal): Promise<StreamTotals> {
  const { reader, target, cursor: store, wants, clock, report, isOnce } = parts;
  let cursor = await store.read();
  await checkPosition(reader, cursor);
  const totals = { delivered: 0, rejected: 0, findings: 0 };
  for (let isResumed = cursor.seq > 0; !signal.aborted; isResumed = false) {
    const batch = await readBatch(reader, cursor, wants);
    if (isResumed && !batch.goesOn) throw exchanged(cursor.seq);
    for (const finding of batch.findings) report(finding);
    totals.findings += batch.findings.length;
    if (batch.isEmpty) {
      if (isOnce) break;
      await pause(clock, STREAM_POLL_MS, signal);
      continue;
    }
    const delivery = await deliver(parts, batch, cursor.receiver, signal);
    if (delivery === null) break;
    if (delivery.rejected > 0)
      report(`${target.name} rejected ${delivery.rejected} of ${batch.records.length} records: ${delivery.note ?? ''}`);
    totals.rejected += delivery.rejected;
    totals.delivered += batch.records.length - delivery.rejected;
    cursor = { ...batch.end, receiver: delivery.receiver };
    await store.replace(cursor);
  }
  return { ...totals, seq: cursor.seq };
}

/** Null: the signal was aborted before the receiver had them. */
async function deliver(
  { target, clock, random, report, isOnce }: StreamParts,
  { records, end }: StreamBatch,
  receiver: string | null,
  signal: AbortSignal,
): Promise<StreamDelivery | null> {
  if (records.length === 0) return { rejected: 0, note: null, receiver };
  let trouble: string | null = null;
  for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(2 * retryMs, MAX_RETRY_MS)) {
    try {
      const delivery = await target.deliver(records, receiver, signal);
      if (trouble !== null) report(`${target.name} takes records again`);
      return delivery;
    } catch (error) {
      if (signal.aborted) return null;
      if (!(error instanceof StreamError) || error.code !== 'ERR_STREAM_UNREACHABLE' || isOnce) throw error;
      // Only a change is reported: a receiver that is away for a night must not fill the journal.
      if (error.message !== trouble)
        report(`${error.message}; records up to ${end.seq} wait in the log, and are sent again`);
      trouble = error.message;
      const wishMs = error.retryAfterMs;
      await pause(clock, wishMs === null ? retryMs * (0.5 + random() / 2) : Math.min(wishMs, MAX_WISH_MS), signal);
      if (signal.aborted) return null;
    }
  }
}

/** A log that was exchanged would be taken for the rest of the old one. */
function exchanged(seq: number): StreamError {
  return new StreamError(
    'ERR_STREAM_CURSOR',
    `the log does not go on from record ${seq}, which was streamed: it was exchanged or altered; run "argus audit verify"`,
  );
}

function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(delayMs, done);
    signal.addEventListener('abort', done);
  });
}
