/** `argus audit report|traffic|first-seen|probes|deny-then-allow|flow|timeline|why`: what an auditor asks most. */
import { Command, InvalidArgumentError } from 'commander';
import { escapeUnsafe, type ParsedLine, readRecord } from '../../../../../broker/audit/index.ts';
import {
  AuditQuestionError,
  type DerivedIndex,
  fieldOf,
  type Group,
  Groups,
  groupsOf,
  ObservedFlow,
  Openings,
  Probes,
  predicateOf,
  type QueryField,
  type Question,
  RecordRow,
  shown,
  sortedGroups,
  Timeline,
  timelineOf,
} from '../../../../audit/index.ts';
import { printJson } from '../../../output.ts';
import { announce } from '../announce.ts';
import { parseSeq } from '../arguments.ts';
import { CHECKPOINT_OPTION } from '../cursor.ts';
import { NO_INDEX } from '../indexed.ts';
import { recordText } from '../records/lines.ts';
import { QUESTION_HELP } from '../records/list.ts';
import { type Report, type ReportFlags, runReport } from './run-report.ts';

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

/** @param make the report, for the options of one run */
function question<Flags extends ReportFlags>(
  name: string,
  description: string,
  example: string,
  make: (flags: Flags) => (asked: Question) => Report,
): Command {
  return new Command(name)
    .description(description)
    .argument('<dir>', 'the audit directory')
    .argument('[question...]', 'only of these records')
    .option('-f, --follow', 'go on: print each row that is new or has changed, at most once a second')
    .option(...CHECKPOINT_OPTION)
    .option('--json', 'one JSON array; with --follow one object per line')
    .option('--csv', 'as CSV')
    .option(...NO_INDEX)
    .addHelpText('after', `${QUESTION_HELP}\n\nExample:\n  ${example}`)
    .action((directory: string, words: readonly string[], flags: Flags) =>
      runReport({ command: name, directory, words }, flags, make(flags)),
    );
}

interface GroupFlags extends ReportFlags {
  readonly by: readonly QueryField[];
}

function reportCommand(): Command {
  return question<GroupFlags>(
    'report',
    'count records by some of their fields',
    'argus audit report /var/log/argus decision=deny since=week-ago --by src,dst,class',
    ({ by }) =>
      () =>
        groupReport(by, { kind: 'all' }, (groups) => ({
          columns: [...by, 'events', 'messages', 'bytes', 'last'],
          rows: sortedGroups(groups, 'events').map((one) => [
            ...one.key,
            one.events,
            one.messages,
            one.bytes,
            one.lastSeq,
          ]),
        })),
  ).option('--by <fields>', 'which, with commas between', parseFields, DEFAULT_BY);
}

/** The flow's counts also include the records of an auditallow class. */
const FLOWS: Question = { kind: 'text', field: 'event', values: ['flow'], isNegated: false };

function trafficCommand(): Command {
  return question<GroupFlags>(
    'traffic',
    'who sent what to whom, and how much',
    'argus audit traffic /var/log/argus src=chrome-vm since=today',
    ({ by }) =>
      () =>
        groupReport(by, FLOWS, (groups) => ({
          columns: [...by, 'messages', 'bytes', 'first', 'last'],
          rows: sortedGroups(groups, 'bytes').map((one) => [...one.key, one.messages, one.bytes, one.first, one.last]),
        })),
  ).option('--by <fields>', 'by which fields, with commas between', parseFields, ['src', 'dst', 'class']);
}

/** Records counted by `by`: of those that answer the question all, or `only` some. */
function groupReport(
  by: readonly QueryField[],
  only: Question,
  tableOf: (groups: readonly Group[]) => ReturnType<Report['table']>,
): Report {
  const wants = predicateOf(only);
  let groups = new Groups(by);
  return {
    looksBack: false,
    add: (row) => {
      if (wants(row)) groups.add(row);
    },
    count: async (index: DerivedIndex, asked: Question) => {
      const found = await groupsOf(index, { kind: 'and', of: [asked, only] }, by);
      if (found !== null) groups = new Groups(by, found);
      return found !== null;
    },
    table: () => tableOf(groups.sorted()),
  };
}

function firstSeenCommand(): Command {
  return question<GroupFlags>(
    'first-seen',
    'who spoke to whom for the first time ever',
    'argus audit first-seen /var/log/argus since=week-ago',
    ({ by }) =>
      (asked) => {
        const wants = predicateOf(asked);
        const groups = new Groups(by);
        const fresh = new Set<number>();
        return {
          // A pair is new only if it was in no record before.
          looksAt: { kind: 'all' },
          looksBack: true,
          add: (row, isNew) => {
            if (row.get('event') !== 'flow' && row.get('event') !== 'send.allowed') return;
            const { firstSeq } = groups.add(row);
            if (isNew && firstSeq === row.seq && wants(row)) fresh.add(row.seq);
          },
          table: () => ({
            columns: [...by, 'first', 'record'],
            rows: groups
              .sorted('firstSeq')
              .filter(({ firstSeq }) => fresh.has(firstSeq))
              .map((one) => [...one.key, one.first, one.firstSeq]),
          }),
        };
      },
  ).option('--by <fields>', 'by which fields, with commas between', parseFields, ['src', 'dst', 'class']);
}

function probesCommand(): Command {
  return question(
    'probes',
    'sources that were denied many different things',
    'argus audit probes /var/log/argus since=today',
    () => () => {
      const probes = new Probes();
      return {
        looksBack: false,
        add: (row) => probes.add(row),
        table: () => ({
          columns: ['src', 'destinations', 'ports', 'classes', 'denials', 'first', 'last'],
          rows: probes
            .result()
            .map((one) => [one.src, one.destinations, one.ports, one.classes, one.denials, one.firstSeq, one.lastSeq]),
        }),
      };
    },
  );
}

function openingsCommand(): Command {
  return question(
    'deny-then-allow',
    'what was denied and is allowed later, and which changes lie between',
    'argus audit deny-then-allow /var/log/argus since=week-ago',
    () => () => {
      const openings = new Openings();
      const fresh = new Set<number>();
      return {
        // The denial may lie before the checkpoint.
        looksBack: true,
        add: (row, isNew) => {
          openings.add(row);
          if (isNew) fresh.add(row.seq);
        },
        table: () => ({
          columns: ['src', 'dst', 'what', 'denied', 'allowed', 'between'],
          rows: openings
            .result()
            .filter(({ allowedSeq }) => fresh.has(allowedSeq))
            .map((one) => [
              one.src,
              one.dst,
              `${one.class}:${one.permission}`,
              one.deniedSeq,
              one.allowedSeq,
              one.between.map(({ seq, event, src }) => `${event}#${seq}${src === null ? '' : ` ${src}`}`).join(' ') ||
                '-',
            ]),
        }),
      };
    },
  );
}

interface FlowFlags extends ReportFlags {
  readonly source: string;
  readonly target: string;
}

function flowCommand(): Command {
  return question<FlowFlags>(
    'flow',
    'could data have gone from one domain to another, by messages that were really sent',
    'argus audit flow /var/log/argus -s mail-vm -t net-vm since=today',
    ({ source, target }) =>
      () => {
        const flow = new ObservedFlow(source);
        let lastOld = 0;
        return {
          // The first steps of a way may lie before the checkpoint.
          looksBack: true,
          add: (row, isNew) => {
            flow.add(row);
            if (!isNew) lastOld = row.seq;
          },
          table: () => {
            const steps = flow.pathTo(target) ?? [];
            const isNew = (steps.at(-1)?.seq ?? 0) > lastOld;
            return {
              columns: ['from', 'to', 'class', 'record', 'time'],
              rows: isNew ? steps.map((one) => [one.src, one.dst, one.class, one.seq, one.time]) : [],
            };
          },
        };
      },
  )
    .requiredOption('-s, --source <domain>', 'from')
    .requiredOption('-t, --target <domain>', 'to');
}

function timelineCommand(): Command {
  return question<ReportFlags & { readonly per: number }>(
    'timeline',
    'events per stretch of time',
    'argus audit timeline /var/log/argus since=today --per hour',
    ({ per }) =>
      () => {
        let timeline = new Timeline(per);
        return {
          looksBack: false,
          add: (row) => timeline.add(row),
          count: async (index: DerivedIndex, asked: Question) => {
            const found = await timelineOf(index, asked, per);
            if (found !== null) timeline = new Timeline(per, found);
            return found !== null;
          },
          table: () => ({
            columns: ['from', 'allowed', 'denied', 'other'],
            rows: timeline.result().map((one) => [one.time, one.allowed, one.denied, one.other]),
          }),
        };
      },
  ).option('--per <stretch>', 'minute, hour or day', parseBucket, 3_600_000);
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
      const record = await readRecord(directory, seq);
      if (record === null) throw new AuditQuestionError('ERR_AUDIT_NO_RECORD', `there is no record ${seq}`);
      if (flags.json) printJson(record.parsed.fields);
      else process.stdout.write(`${whyText(record.parsed).map(escapeUnsafe).join('\n')}\n`);
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
