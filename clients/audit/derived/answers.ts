/**
 * Answers of an index: counted by the database, or the places of the records, which are then read from the log. Each is
 * the same as a scan of the log would give; where the index cannot promise that, the answer is null.
 */
import { auditReader, type PlacedLine, readLineAt } from '../../../broker/audit/index.ts';
import { predicateOf, type QueryField, type Question, RecordRow } from '../query/index.ts';
import { type Group, groupName, type TimelineCount } from '../reports/index.ts';
import { NUMBER_FIELDS, TEXT_FIELDS } from './columns.ts';
import { type BoundValue, conditionOf } from './condition.ts';
import { type DerivedIndex, onlyNumber } from './derived-index.ts';
import type { StoredValue } from './duckdb.ts';
import { FEW_PLACES, SCAN_PARTS } from './limits.ts';
import { labelsOfText } from './row-batch.ts';

/** Lines that are not records. */
export async function malformedLines({ database }: DerivedIndex): Promise<number> {
  return onlyNumber(await database.rows('SELECT count(*)::DOUBLE FROM records WHERE fault > 0'));
}

/**
 * Calls `use` with the records that answer a question and with the lines that are not records, in the order of the log.
 * They are read from the log, and the question is asked of each of them again: the index only says where to look.
 *
 * @param scanParts a scan is faster from one in so many lines on
 * @returns false: so many lines come into question that a scan of the log is faster. `use` was not called
 */
export async function eachLine(
  index: DerivedIndex,
  directory: string,
  question: Question,
  use: (line: PlacedLine) => void,
  scanParts = SCAN_PARTS,
): Promise<boolean> {
  const { sql, values } = conditionOf(question, index);
  const from = `FROM records WHERE fault > 0 OR ${sql}`;
  const all = onlyNumber(await index.database.rows('SELECT count(*)::DOUBLE FROM records'));
  const select = `SELECT line, segment, place, length ${from}`;
  // For a selective question this is the answer. For others the database stops early.
  let places = await index.database.rows(`${select} LIMIT ${FEW_PLACES + 1}`, values);
  if (places.length * scanParts > all) return false;
  if (places.length > FEW_PLACES) {
    const found = onlyNumber(await index.database.rows(`SELECT count(*)::DOUBLE ${from}`, values));
    if (found * scanParts > all) return false;
    places = await index.database.rows(select, values);
  }
  const reader = auditReader(directory);
  const wants = predicateOf(question);
  for (const cells of [...places].sort(([a], [b]) => Number(a) - Number(b))) {
    const [, segment = 0, offset = 0, length = 0] = cells.map(Number);
    const place = { segment, offset };
    const { parsed } = await readLineAt(directory, place, length, reader);
    if (typeof parsed === 'string' || wants(new RecordRow(parsed))) use({ segment, parsed, place, length });
  }
  return true;
}

/** Groups in no order. Null: the index does not have what the question or the key needs. */
export async function groupsOf(
  index: DerivedIndex,
  question: Question,
  by: readonly QueryField[],
): Promise<readonly Group[] | null> {
  const condition = conditionOf(question, index);
  const columns = by.map(columnsOf);
  if (!condition.isExact || columns.some((one) => one === null)) return null;
  const keys = columns.flatMap((one) => one ?? []);
  const edge = (which: 'min' | 'max'): string =>
    `${which}(line), arg_${which}(seq, line), arg_${which}("time", line), arg_${which}(odd_time, line)`;
  const sql = `SELECT ${[...keys, ...['count', 'messages', 'bytes'].map(sumOf), edge('min'), edge('max')].join(', ')}
    FROM records WHERE fault = 0 AND ${condition.sql} ${keys.length === 0 ? '' : `GROUP BY ${keys.join(', ')}`}
    HAVING count(*) > 0`;
  const rows = await index.database.rows(sql, condition.values);
  return merged(rows.map((row) => groupOf(index, by, row)));
}

interface PlacedGroup extends Group {
  readonly firstLine: number;
  readonly lastLine: number;
}

/** Different values may be shown by the same text, such as an absent domain and one that is called "-". */
function merged(groups: readonly PlacedGroup[]): readonly Group[] {
  const byName = new Map<string, PlacedGroup>();
  for (const group of groups) {
    const name = groupName(group.key);
    const known = byName.get(name);
    if (known === undefined) byName.set(name, group);
    else {
      const [first, last] = [
        known.firstLine < group.firstLine ? known : group,
        known.lastLine > group.lastLine ? known : group,
      ];
      byName.set(name, {
        ...group,
        ...{ firstLine: first.firstLine, firstSeq: first.firstSeq, first: first.first },
        ...{ lastLine: last.lastLine, lastSeq: last.lastSeq, last: last.last },
        events: known.events + group.events,
        messages: known.messages + group.messages,
        bytes: known.bytes + group.bytes,
      });
    }
  }
  return [...byName.values()].map(({ firstLine: _, lastLine: __, ...group }) => group);
}

/** The columns that a field is shown from. Null: the index does not have it. */
function columnsOf(field: QueryField): readonly string[] | null {
  if (field === 'time') return ['"time"', '"odd_time"'];
  const column = TEXT_FIELDS.get(field) ?? NUMBER_FIELDS.get(field);
  return column === undefined ? null : [`"${column}"`];
}

function groupOf(index: DerivedIndex, by: readonly QueryField[], row: readonly StoredValue[]): PlacedGroup {
  const cells = row.map(Number);
  let at = 0;
  const next = (): number => cells[at++] ?? Number.NaN;
  const key = by.map((field) => {
    if (field === 'time') return timeText(index, next(), next()) ?? '-';
    const value = next();
    if (NUMBER_FIELDS.has(field)) return Number.isNaN(value) ? '-' : String(value);
    const text = index.dictionary.textOf(value);
    return field.endsWith('.labels') ? labelsOfText(text).join(' ') : (text ?? '-');
  });
  const [events, messages, bytes] = [next(), next(), next()];
  const [firstLine, firstSeq, first] = [next(), next(), timeText(index, next(), next()) ?? ''];
  const [lastLine, lastSeq, last] = [next(), next(), timeText(index, next(), next()) ?? ''];
  return { key, events, messages, bytes, firstLine, firstSeq, first, lastLine, lastSeq, last };
}

function timeText({ dictionary }: DerivedIndex, ms: number, odd: number): string | undefined {
  return Number.isNaN(ms) ? dictionary.textOf(odd) : new Date(ms).toISOString();
}

/** Of an absent number: 0. */
function sumOf(column: string): string {
  return `sum(CASE WHEN isnan("${column}") THEN 0 ELSE "${column}" END)`;
}

/** Null as in `groupsOf`, or some times are not as a broker writes them. */
export async function timelineOf(
  index: DerivedIndex,
  question: Question,
  bucketMs: number,
): Promise<readonly TimelineCount[] | null> {
  if (index.hasOddTimes) return null;
  const decision = (text: string): number => index.dictionary.find(text) ?? -1;
  const bound: readonly BoundValue[] = [bucketMs, decision('allow'), decision('deny')];
  const { sql, values, isExact } = conditionOf(question, index, bound);
  if (!isExact) return null;
  const messages = 'CASE WHEN isnan(messages) OR messages = 0 THEN count ELSE messages END';
  const rows = await index.database.rows(
    `SELECT "time" - "time" % $1 AS start,
      sum(CASE WHEN decision = $2 THEN ${messages} ELSE 0 END),
      sum(CASE WHEN decision = $3 THEN count ELSE 0 END),
      sum(CASE WHEN decision <> $2 AND decision <> $3 THEN count ELSE 0 END)
    FROM records WHERE fault = 0 AND NOT isnan("time") AND ${sql} GROUP BY start ORDER BY start`,
    values,
  );
  return rows.map((row) => {
    const [start = 0, allowed = 0, denied = 0, other = 0] = row.map(Number);
    return { time: new Date(start).toISOString(), allowed, denied, other };
  });
}
