/** `argus audit report|traffic|first-seen|probes|deny-then-allow|flow|timeline|why`: what an auditor asks most. */
import { Command, InvalidArgumentError } from 'commander';
import { escapeUnsafe, type ParsedLine, readAudit } from '../../../../../broker/audit/index.ts';
import {
  AuditQuestionError,
  csvTable,
  type DerivedIndex,
  eachLine,
  fieldOf,
  type Group,
  Groups,
  groupsOf,
  jsonRows,
  malformedLines,
  ObservedFlow,
  Openings,
  type Predicate,
  Probes,
  parseQuestion,
  predicateOf,
  type QueryField,
  type Question,
  RecordRow,
  shown,
  sortedGroups,
  type Table,
  Timeline,
  type TimelineCount,
  textTable,
  timelineOf,
} from '../../../../audit/index.ts';
import { printJson } from '../../../output.ts';
import { counted } from '../../../progress/index.ts';
import { announce } from '../announce.ts';
import { parseSeq } from '../arguments.ts';
import { type IndexFlags, NO_INDEX, openIndex } from '../indexed.ts';
import { recordText } from '../records/lines.ts';
import { QUESTION_HELP } from '../records/list.ts';

export interface TableFlags {
  readonly json?: true;
  readonly csv?: true;
}

/** Of a command that asks a question. */
export interface QuestionFlags extends TableFlags, IndexFlags {}

const DEFAULT_BY: readonly QueryField[] = ['src', 'dst', 'class', 'permission', 'decision', 'reason'];
const BUCKETS: ReadonlyMap<string, number> = new Map([
  ['minute', 60_000],
  ['hour', 3_600_000],
  ['day', 86_400_000],
]);

export function reportCommands(): readonly Command[] {
  return [
    reportCommand(),
    trafficCommand(),
    firstSeenCommand(),
    probesCommand(),
    openingsCommand(),
    flowCommand(),
    timelineCommand(),
    whyCommand(),
  ];
}

export function question(name: string, description: string, example: string): Command {
  return new Command(name)
    .description(description)
    .argument('<dir>', 'the audit directory')
    .argument('[question...]', 'only of these records')
    .option('--json', 'one JSON array')
    .option('--csv', 'as CSV')
    .option(...NO_INDEX)
    .addHelpText('after', `${QUESTION_HELP}\n\nExample:\n  ${example}`);
}

function reportCommand(): Command {
  return question(
    'report',
    'count records by some of their fields',
    'argus audit report /var/log/argus decision=deny since=week-ago --by src,dst,class',
  )
    .option('--by <fields>', 'which, with commas between', parseFields, DEFAULT_BY)
    .action(
      async (
        directory: string,
        words: readonly string[],
        flags: QuestionFlags & { readonly by: readonly QueryField[] },
      ) => {
        const rows = (await countedBy(directory, words, flags)).map((one) => [
          ...one.key,
          one.events,
          one.messages,
          one.bytes,
          one.lastSeq,
        ]);
        print({ columns: [...flags.by, 'events', 'messages', 'bytes', 'last'], rows }, flags);
      },
    );
}

function trafficCommand(): Command {
  return question(
    'traffic',
    'who sent what to whom, and how much',
    'argus audit traffic /var/log/argus src=chrome-vm since=today',
  )
    .option('--by <fields>', 'by which fields, with commas between', parseFields, ['src', 'dst', 'class'])
    .action(
      async (
        directory: string,
        words: readonly string[],
        flags: QuestionFlags & { readonly by: readonly QueryField[] },
      ) => {
        // The flow's counts also include the records of an auditallow class.
        const rows = (await countedBy(directory, words, flags, FLOWS)).map((one) => [
          ...one.key,
          one.messages,
          one.bytes,
          one.first,
          one.last,
        ]);
        print({ columns: [...flags.by, 'messages', 'bytes', 'first', 'last'], rows }, flags);
      },
    );
}

function firstSeenCommand(): Command {
  return question(
    'first-seen',
    'who spoke to whom for the first time ever',
    'argus audit first-seen /var/log/argus since=week-ago',
  )
    .option('--by <fields>', 'by which fields, with commas between', parseFields, ['src', 'dst', 'class'])
    .action(
      async (
        directory: string,
        words: readonly string[],
        flags: QuestionFlags & { readonly by: readonly QueryField[] },
      ) => {
        const wants = predicateOf(parseQuestion(words.join(' '), Date.now()));
        const groups = new Groups(flags.by);
        const fresh = new Set<number>();
        // All records are looked at: a pair is new only if it was in none before.
        await each(directory, [], flags, (row) => {
          if (row.get('event') !== 'flow' && row.get('event') !== 'send.allowed') return;
          const group = groups.add(row);
          if (group.firstSeq === row.seq && wants(row)) fresh.add(row.seq);
        });
        const found = groups.sorted('firstSeq').filter(({ firstSeq }) => fresh.has(firstSeq));
        print(
          {
            columns: [...flags.by, 'first', 'record'],
            rows: found.map((one) => [...one.key, one.first, one.firstSeq]),
          },
          flags,
        );
      },
    );
}

function probesCommand(): Command {
  return question(
    'probes',
    'sources that were denied many different things',
    'argus audit probes /var/log/argus since=today',
  ).action(async (directory: string, words: readonly string[], flags: QuestionFlags) => {
    const probes = new Probes();
    await each(directory, words, flags, (row) => probes.add(row));
    const rows = probes
      .result()
      .map((one) => [one.src, one.destinations, one.ports, one.classes, one.denials, one.firstSeq, one.lastSeq]);
    print({ columns: ['src', 'destinations', 'ports', 'classes', 'denials', 'first', 'last'], rows }, flags);
  });
}

function openingsCommand(): Command {
  return question(
    'deny-then-allow',
    'what was denied and is allowed later, and which changes lie between',
    'argus audit deny-then-allow /var/log/argus since=week-ago',
  ).action(async (directory: string, words: readonly string[], flags: QuestionFlags) => {
    const openings = new Openings();
    await each(directory, words, flags, (row) => openings.add(row));
    const rows = openings
      .result()
      .map((one) => [
        one.src,
        one.dst,
        `${one.class}:${one.permission}`,
        one.deniedSeq,
        one.allowedSeq,
        one.between.map(({ seq, event, src }) => `${event}#${seq}${src === null ? '' : ` ${src}`}`).join(' ') || '-',
      ]);
    print({ columns: ['src', 'dst', 'what', 'denied', 'allowed', 'between'], rows }, flags);
  });
}

function flowCommand(): Command {
  return question(
    'flow',
    'could data have gone from one domain to another, by messages that were really sent',
    'argus audit flow /var/log/argus -s mail-vm -t net-vm since=today',
  )
    .requiredOption('-s, --source <domain>', 'from')
    .requiredOption('-t, --target <domain>', 'to')
    .action(
      async (
        directory: string,
        words: readonly string[],
        flags: QuestionFlags & { source: string; target: string },
      ) => {
        const flow = new ObservedFlow(flags.source);
        await each(directory, words, flags, (row) => flow.add(row));
        const steps = flow.pathTo(flags.target) ?? [];
        print(
          {
            columns: ['from', 'to', 'class', 'record', 'time'],
            rows: steps.map((one) => [one.src, one.dst, one.class, one.seq, one.time]),
          },
          flags,
        );
      },
    );
}

function timelineCommand(): Command {
  return question(
    'timeline',
    'events per stretch of time',
    'argus audit timeline /var/log/argus since=today --per hour',
  )
    .option('--per <stretch>', 'minute, hour or day', parseBucket, 3_600_000)
    .action(async (directory: string, words: readonly string[], flags: QuestionFlags & { readonly per: number }) => {
      const timeline = new Timeline(flags.per);
      let counted: readonly TimelineCount[] | null = null;
      await each(
        directory,
        words,
        flags,
        (row) => timeline.add(row),
        async (index, asked) => {
          counted = await timelineOf(index, asked, flags.per);
          return counted !== null;
        },
      );
      const rows = (counted ?? timeline.result()).map((one) => [one.time, one.allowed, one.denied, one.other]);
      print({ columns: ['from', 'allowed', 'denied', 'other'], rows }, flags);
    });
}

function whyCommand(): Command {
  return new Command('why')
    .description('show why one record says what it says')
    .argument('<dir>', 'the audit directory')
    .argument('<seq>', 'the number of the record', parseSeq)
    .option('--json', 'the record as JSON')
    .addHelpText('after', '\nExample:\n  argus audit why /var/log/argus 4711')
    .action(async (directory: string, seq: number, flags: { readonly json?: true }) => {
      await announce(directory, { what: 'why', question: `seq=${seq}` });
      for await (const { parsed } of counted(readAudit(directory))) {
        if (typeof parsed === 'string' || parsed.seq !== seq) continue;
        if (flags.json) printJson(parsed.fields);
        else process.stdout.write(`${whyText(parsed).map(escapeUnsafe).join('\n')}\n`);
        return;
      }
      throw new AuditQuestionError('ERR_AUDIT_NO_RECORD', `there is no record ${seq}`);
    });
}

function whyText(parsed: ParsedLine): readonly string[] {
  const row = new RecordRow(parsed);
  const of = (field: QueryField): string => shown(row.get(field));
  const lines = [recordText(parsed)];
  if (row.get('decision') === undefined) return [...lines, '  no decision: this record states a fact'];
  lines.push(`  source:      ${of('src')} with labels ${of('src.labels') || 'none'} at that time`);
  lines.push(`  destination: ${of('dst')} with labels ${of('dst.labels') || 'none'} at that time`);
  lines.push(`  policy:      revision ${of('revision')}, hash ${of('policy')}`);
  if (row.get('rule') !== undefined) lines.push(`  rule:        ${of('rule')} of that revision, not of today's file`);
  else if (row.get('decision') === 'deny') lines.push('  rule:        none allows it, and no rule is a denial');
  if (row.get('permissive') === 1) lines.push('  permissive:  the denial was only noted');
  if (row.get('count') !== 1) lines.push(`  stands for:  ${of('count')} events`);
  return lines;
}

const FLOWS: Question = { kind: 'text', field: 'event', values: ['flow'], isNegated: false };

/** Records counted by `flags.by`: all that answer the question, or of these the flows, by bytes. */
async function countedBy(
  directory: string,
  words: readonly string[],
  flags: QuestionFlags & { readonly by: readonly QueryField[] },
  only: Question = { kind: 'all' },
): Promise<readonly Group[]> {
  const wants = predicateOf(only);
  const scanned = new Groups(flags.by);
  let counted: readonly Group[] | null = null;
  await each(
    directory,
    words,
    flags,
    (row) => {
      if (wants(row)) scanned.add(row);
    },
    async (index, asked) => {
      counted = await groupsOf(index, { kind: 'and', of: [asked, only] }, flags.by);
      return counted !== null;
    },
  );
  return sortedGroups(counted ?? scanned.sorted(), only === FLOWS ? 'bytes' : 'events');
}

/**
 * Calls `use` with the records that answer a question.
 *
 * @param count lets an index count them instead; false: it cannot
 */
export async function each(
  directory: string,
  words: readonly string[],
  flags: IndexFlags,
  use: (row: RecordRow) => void,
  count: (index: DerivedIndex, asked: Question) => Promise<boolean> = async () => false,
): Promise<void> {
  const asked = parseQuestion(words.join(' '), Date.now());
  await announce(directory, { what: 'report', question: words.join(' ') });
  const index = await openIndex(directory, flags);
  let malformed = 0;
  const take = ({ parsed }: { readonly parsed: ParsedLine | string }, wants: Predicate | null): void => {
    if (typeof parsed === 'string') malformed += 1;
    else {
      const row = new RecordRow(parsed);
      if (wants === null || wants(row)) use(row);
    }
  };
  try {
    if (index !== null && (await count(index, asked))) malformed = await malformedLines(index);
    else if (index === null || !(await eachLine(index, directory, asked, (line) => take(line, null)))) {
      const wants = predicateOf(asked);
      for await (const line of counted(readAudit(directory))) take(line, wants);
    }
  } finally {
    index?.close();
  }
  if (malformed > 0)
    process.stderr.write(`${malformed} lines are not records; run "argus audit verify ${directory}"\n`);
}

export function print(table: Table, flags: TableFlags): void {
  if (flags.json) printJson(jsonRows(table));
  else if (flags.csv) process.stdout.write(`${csvTable(table)}\r\n`);
  else if (table.rows.length > 0) process.stdout.write(`${textTable(table)}\n`);
  if (table.rows.length > 0) return;
  process.stderr.write('<no matches>\n');
  process.exitCode = 1;
}

function parseFields(text: string): readonly QueryField[] {
  return text.split(',').map((name) => {
    const field = fieldOf(name.trim());
    if (field === null) throw new InvalidArgumentError(`"${name}" is no field.`);
    return field;
  });
}

function parseBucket(text: string): number {
  const bucket = BUCKETS.get(text);
  if (bucket === undefined) throw new InvalidArgumentError(`expected one of ${[...BUCKETS.keys()].join(', ')}.`);
  return bucket;
}
