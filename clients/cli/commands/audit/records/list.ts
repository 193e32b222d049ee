/** `argus audit list`: the records that answer a question, and those that come. */
import { Command, Option } from 'commander';
import {
  escapeUnsafe,
  followAudit,
  type ParsedLine,
  type PlacedLine,
  readAudit,
} from '../../../../../broker/audit/index.ts';
import {
  avcLine,
  cefLine,
  csvCell,
  eachLine,
  ecsDocument,
  FIELDS,
  journalEntry,
  ocsfEvent,
  type Predicate,
  parseQuestion,
  predicateOf,
  type QueryField,
  RecordRow,
  shown,
} from '../../../../audit/index.ts';
import { untilInterrupted } from '../../../interrupt.ts';
import { counted } from '../../../progress/index.ts';
import { announce } from '../announce.ts';
import { BEGINNING, CHECKPOINT_OPTION, gapNotice, LogCursor, Reached } from '../cursor.ts';
import { type IndexFlags, NO_INDEX, openIndex } from '../indexed.ts';
import { faultText, recordText } from './lines.ts';

const FORMATS = ['text', 'json', 'csv', 'ecs', 'ocsf', 'cef', 'journal', 'avc'] as const;
type ListFormat = (typeof FORMATS)[number];

/** Counts the records that the format has no line for. */
interface LeftOut {
  count: number;
}

interface ListFlags extends IndexFlags {
  readonly follow?: true;
  readonly format: ListFormat;
  readonly checkpoint?: string;
}

interface GivenFlags extends ListFlags {
  readonly json?: true;
  readonly csv?: true;
}

export const QUESTION_HELP = `
A question is made of conditions: FIELD=VALUE, and != ~ !~ < <= > >=; since= and until= take moments.
They are joined by AND (or a space), OR, NOT and brackets; quote a value that holds spaces: reason="a b".
Fields: ${FIELDS.join(' ')}`;

export function listCommand(): Command {
  return new Command('list')
    .description('show the records that answer a question; exit 1 when there are none')
    .argument('<dir>', 'the audit directory')
    .argument('[question...]', 'such as: decision=deny src=chrome-vm since=today')
    .option('-f, --follow', 'go on with what is appended')
    .addOption(new Option('--format <format>', 'how').choices(FORMATS).default('text'))
    .addOption(new Option('--json', 'the same as --format json').conflicts(['format', 'csv']))
    .addOption(new Option('--csv', 'the same as --format csv').conflicts('format'))
    .option(...NO_INDEX)
    .option(...CHECKPOINT_OPTION)
    .addHelpText(
      'after',
      `${QUESTION_HELP}\n\nExamples:\n  argus audit list /var/log/argus decision=deny since=today\n  argus audit list /var/log/argus 'src=@app (class=msg OR port<1024)' --format csv\n  argus audit list /var/log/argus --follow --format ecs\n  argus audit list /var/log/argus event=policy.load --checkpoint ~/.argus-seen`,
    )
    .action((directory: string, words: readonly string[], { json, csv, ...flags }: GivenFlags) =>
      list(directory, words, { ...flags, format: json ? 'json' : csv ? 'csv' : flags.format }),
    );
}

async function list(directory: string, words: readonly string[], flags: ListFlags): Promise<void> {
  const asked = parseQuestion(words.join(' '), Date.now());
  const wants = predicateOf(asked);
  await announce(directory, { what: 'list', question: words.join(' ') });
  const cursor = flags.checkpoint === undefined ? null : await LogCursor.read(flags.checkpoint, 'list', directory);
  const reached = new Reached(cursor?.from ?? BEGINNING);
  let found = 0;
  const leftOut: LeftOut = { count: 0 };
  await untilInterrupted(async (signal) => {
    if (flags.format === 'csv') process.stdout.write(`${FIELDS.join(',')}\r\n`);
    const use = (line: PlacedLine): void => {
      gapNotice(cursor, line);
      reached.add(line);
      found += write(line, wants, flags, leftOut);
    };
    // What came since a checkpoint is at the end of the log, so it is read from there.
    const index = cursor === null ? await openIndex(directory, flags) : null;
    try {
      if (index !== null && (await eachLine(index, directory, asked, use))) reached.skipTo(index.place);
      else
        for await (const line of counted(readAudit(directory, reached.place))) {
          if (signal.aborted) break;
          use(line);
        }
    } finally {
      index?.close();
    }
    if (!flags.follow) return;
    for await (const line of followAudit(directory, reached.place, signal)) use(line);
  });
  await cursor?.write(reached);
  if (leftOut.count > 0)
    process.stderr.write(`${leftOut.count} records have no AVC line: they are not decisions, or were only counted\n`);
  if (found > 0) return;
  process.stderr.write('<no matches>\n');
  process.exitCode = 1;
}

/** A line that is not a record is always shown: an auditor has to see it. */
function write(
  { segment, parsed }: Pick<PlacedLine, 'segment' | 'parsed'>,
  wants: Predicate,
  flags: ListFlags,
  leftOut: LeftOut,
): number {
  if (typeof parsed === 'string') {
    if (flags.format === 'text') process.stdout.write(`${faultText(segment, parsed)}\n`);
    else process.stderr.write(`${faultText(segment, parsed)}\n`);
    return 1;
  }
  const row = new RecordRow(parsed);
  if (!wants(row)) return 0;
  if (flags.format === 'json') process.stdout.write(`${escapeUnsafe(JSON.stringify(parsed.fields))}\n`);
  else if (flags.format === 'ecs') process.stdout.write(`${escapeUnsafe(JSON.stringify(ecsDocument(parsed)))}\n`);
  else if (flags.format === 'ocsf') process.stdout.write(`${escapeUnsafe(JSON.stringify(ocsfEvent(parsed)))}\n`);
  else if (flags.format === 'cef') process.stdout.write(`${cefLine(parsed)}\n`);
  else if (flags.format === 'journal') process.stdout.write(journalEntry(parsed, recordText(parsed)));
  else if (flags.format === 'avc') return writeAvc(parsed, leftOut);
  else if (flags.format === 'csv') process.stdout.write(`${FIELDS.map((field) => cellOf(row, field)).join(',')}\r\n`);
  else process.stdout.write(`${recordText(parsed)}\n`);
  return 1;
}

/** Only decisions have such a line. The others are counted, so that nothing is left out silently. */
function writeAvc(parsed: ParsedLine, leftOut: LeftOut): number {
  const line = avcLine(parsed);
  if (line === null) leftOut.count += 1;
  else process.stdout.write(`${line}\n`);
  return 1;
}

function cellOf(row: RecordRow, field: QueryField): string {
  const value = row.get(field);
  return value === undefined ? '' : escapeUnsafe(csvCell(typeof value === 'number' ? value : shown(value)));
}
