/** A question to a log, for a program: the records that answer it, oldest first. */
import { followAudit, type LinePlace, placeAfter, readAudit } from '../../../broker/audit/index.ts';
import { parseQuestion, predicateOf, RecordRow } from '../query/index.ts';

export interface AskOptions {
  /** Where to begin: `next` of an earlier answer. Default: at the beginning of the log. */
  readonly from?: LinePlace;
  /** Go on with what is appended, until `signal` aborts. Default: end at the present end of the log. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
  /** The moment that `today` and `30m` in the question refer to, milliseconds since 1970. Default: now. */
  readonly now?: number;
}

export type Answer =
  | {
      readonly kind: 'record';
      readonly seq: number;
      /** The record as it stands in the log. docs/audit-schema.json describes it; nothing here has verified it. */
      readonly record: { readonly [key: string]: unknown };
      /** Any field of the record, by the names of the grammar. */
      readonly row: RecordRow;
      /** The place after the record. */
      readonly next: LinePlace;
    }
  /** A line that is not a record: it answers every question, because an auditor has to see it. `fault` says why. */
  | { readonly kind: 'fault'; readonly segment: number; readonly fault: string; readonly next: LinePlace };

/**
 * Answers `decision=deny src=chrome-vm since=today` from the files of a log, without an index. Nothing is left out and
 * nothing is cut off: a caller that has enough stops the iteration.
 *
 * @throws AuditQuestionError ERR_AUDIT_QUERY: the question is none; the message points at the place
 * @throws AuditError ERR_AUDIT_DIRECTORY: there is no log
 */
export function askLog(directory: string, question: string, options: AskOptions = {}): AsyncGenerator<Answer, void> {
  // Before the first record is read, so that a caller hears of its mistake at once.
  const wants = predicateOf(parseQuestion(question, options.now ?? Date.now()));
  return answers(directory, wants, options);
}

const BEGINNING: LinePlace = { segment: 0, offset: 0 };

async function* answers(
  directory: string,
  wants: (row: RecordRow) => boolean,
  { from, follow = false, signal }: AskOptions,
): AsyncGenerator<Answer, void> {
  let next = from ?? BEGINNING;
  for await (const line of linesOf(directory, () => next, follow, signal)) {
    next = placeAfter(line);
    const { segment, parsed } = line;
    if (typeof parsed === 'string') {
      yield { kind: 'fault', segment, fault: parsed, next };
      continue;
    }
    const row = new RecordRow(parsed);
    if (wants(row)) yield { kind: 'record', seq: parsed.seq, record: parsed.fields, row, next };
  }
}

async function* linesOf(directory: string, place: () => LinePlace, follow: boolean, signal?: AbortSignal) {
  for await (const line of readAudit(directory, place())) {
    if (signal?.aborted) return;
    yield line;
  }
  if (follow) yield* followAudit(directory, place(), signal ?? new AbortController().signal);
}
