/** How a report of `argus audit` is run: over the whole log or what is new, once or as the log grows. */
import { followAudit, type PlacedLine, readAudit } from '../../../../../broker/audit/index.ts';
import {
  columnWidths,
  csvTable,
  type DerivedIndex,
  eachLine,
  GrowingTable,
  jsonRows,
  malformedLines,
  parseQuestion,
  predicateOf,
  type Question,
  RecordRow,
  type Table,
  textTable,
} from '../../../../audit/index.ts';
import { untilInterrupted } from '../../../interrupt.ts';
import { printJson } from '../../../output.ts';
import { counted } from '../../../progress/index.ts';
import { announce } from '../announce.ts';
import { BEGINNING, gapNotice, isSince, LogCursor, Reached } from '../cursor.ts';
import { type IndexFlags, openIndex } from '../indexed.ts';

/** A person reads no faster, and a table with many rows takes a while to make. */
const REPRINT_MS = 1_000;

export interface TableFlags {
  readonly json?: true;
  readonly csv?: true;
}

export interface ReportFlags extends TableFlags, IndexFlags {
  readonly follow?: true;
  readonly checkpoint?: string;
}

export interface Report {
  /** Which records it looks at, if not those that answer the question: then `add` asks the question itself. */
  readonly looksAt?: Question;
  /** What came before the checkpoint matters to the answer as well, although only what is new is shown. */
  readonly looksBack: boolean;
  /** @param isNew it came since the checkpoint; without one all records are new */
  add(row: RecordRow, isNew: boolean): void;
  table(): Table;
  /** Lets an index count the records that it has. False: the index cannot. */
  count?(index: DerivedIndex, asked: Question): Promise<boolean>;
}

/** What a report is about. */
export interface Asked {
  readonly command: string;
  readonly directory: string;
  readonly words: readonly string[];
}

export async function runReport(
  { command, directory, words }: Asked,
  flags: ReportFlags,
  make: (asked: Question) => Report,
): Promise<void> {
  const text = words.join(' ');
  const question = parseQuestion(text, Date.now());
  const report = make(question);
  await announce(directory, { what: command, question: text });
  const cursor = flags.checkpoint === undefined ? null : await LogCursor.read(flags.checkpoint, command, directory);
  const from = cursor?.from ?? BEGINNING;
  const asked = report.looksAt ?? question;
  const wants = predicateOf(asked);
  const reached = new Reached(report.looksBack ? BEGINNING : from);
  let malformed = 0;
  const take = (line: PlacedLine): void => {
    const isNew = isSince(line, from);
    if (isNew) gapNotice(cursor, line);
    reached.add(line);
    if (typeof line.parsed === 'string') malformed += isNew ? 1 : 0;
    else {
      const row = new RecordRow(line.parsed);
      if (wants(row)) report.add(row, isNew);
    }
  };
  // A checkpoint remembers the last record, which the index does not tell.
  const index = cursor === null ? await openIndex(directory, flags) : null;
  try {
    const isCounted = index !== null && ((await report.count?.(index, asked)) ?? false);
    if (isCounted) malformed = await malformedLines(index);
    if (index !== null && (isCounted || (await eachLine(index, directory, asked, take)))) reached.skipTo(index.place);
    else for await (const line of counted(readAudit(directory, reached.place))) take(line);
  } finally {
    index?.close();
  }
  if (flags.follow)
    await untilInterrupted(async (signal) => {
      const later = followAudit(directory, reached.place, signal);
      await printGrowing(() => report.table(), flags, eachThen(later, take));
    });
  else print(report.table(), flags);
  if (malformed > 0)
    process.stderr.write(`${malformed} lines are not records; run "argus audit verify ${directory}"\n`);
  await cursor?.write(reached);
}

async function* eachThen(lines: AsyncIterable<PlacedLine>, take: (line: PlacedLine) => void): AsyncGenerator<void> {
  for await (const line of lines) {
    take(line);
    yield;
  }
}

export function print(table: Table, flags: TableFlags): void {
  if (flags.json) printJson(jsonRows(table));
  else if (flags.csv) process.stdout.write(`${csvTable(table)}\r\n`);
  else if (table.rows.length > 0) process.stdout.write(`${textTable(table)}\n`);
  if (table.rows.length === 0) sayNoMatches();
}

/**
 * Prints a table, and later each row that is new or has other cells: text and CSV below the first rows, JSON as one
 * object per line.
 *
 * @param changes an item each time that the table may have changed; the table is final when they end
 */
export async function printGrowing(
  table: () => Table,
  flags: TableFlags,
  changes: AsyncIterable<unknown>,
  everyMs = REPRINT_MS,
): Promise<void> {
  const growing = new GrowingTable();
  let widths: readonly number[] | null = null;
  let isChanged = true;
  const reprint = (): void => {
    if (!isChanged) return;
    isChanged = false;
    const fresh = growing.next(table());
    if (fresh.rows.length === 0) return;
    process.stdout.write(linesOf(fresh, widths, flags));
    widths = columnWidths(fresh, widths ?? []);
  };
  reprint();
  const timer = setInterval(reprint, everyMs);
  try {
    for await (const _ of changes) isChanged = true;
  } finally {
    clearInterval(timer);
  }
  reprint();
  if (widths === null) sayNoMatches();
}

/** @param widths of the rows above; null: these are the first */
function linesOf(table: Table, widths: readonly number[] | null, { json, csv }: TableFlags): string {
  if (json)
    return `${jsonRows(table)
      .map((row) => JSON.stringify(row))
      .join('\n')}\n`;
  const [text, end] = csv ? [csvTable(table), '\r\n'] : [textTable(table, widths ?? []), '\n'];
  return `${widths === null ? text : text.slice(text.indexOf(end) + end.length)}${end}`;
}

function sayNoMatches(): void {
  process.stderr.write('<no matches>\n');
  process.exitCode = 1;
}
