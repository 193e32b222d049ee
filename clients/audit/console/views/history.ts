/**
 * The data of the History view: matches of a question, over time, by facet, and one by one. Pure but for the records.
 */
import { byText } from '../../../../broker/base/index.ts';
import { parseQuestion, predicateOf } from '../../query/index.ts';
import type { RecordIndex, TextField } from '../../store/index.ts';
import type { Facet, HistoryAnswer } from '../answers.ts';

/** Bars of the histogram. */
const BUCKETS = 120;
/** Values of a facet that are worth listing. */
const FACET_VALUES = 12;
const FACETS: readonly TextField[] = ['event', 'decision', 'reason', 'src', 'dst', 'class'];

/** The rows that answer a question, in the order of the log. */
export interface Matches {
  readonly index: RecordIndex;
  readonly question: string;
  /** Number of index rows that were read. */
  readonly looked: number;
  readonly rows: Uint32Array;
  readonly length: number;
}

/** Goes on where an earlier answer to the same question ended. @throws AuditQuestionError */
export function matchesOf(index: RecordIndex, question: string, now: number, before: Matches | null): Matches {
  const wants = predicateOf(parseQuestion(question, now));
  const isSame = before !== null && before.question === question;
  let rows = isSame ? before.rows : new Uint32Array(1_024);
  let length = isSame ? before.length : 0;
  const cursor = index.cursor();
  const { rows: end } = index;
  for (let row = isSame ? before.looked : 0; row < end; row++) {
    cursor.row = row;
    if (!wants(cursor)) continue;
    if (length === rows.length) {
      const grown = new Uint32Array(rows.length * 2);
      grown.set(rows);
      rows = grown;
    }
    rows[length] = row;
    length += 1;
  }
  return { index, question, looked: end, rows, length };
}

export function historyOf(index: RecordIndex, matches: Matches): HistoryAnswer {
  const { rows, length } = matches;
  const first = length === 0 ? 0 : index.timeAt(rows[0] ?? 0);
  const last = length === 0 ? 0 : index.timeAt(rows[length - 1] ?? 0);
  const stepMs = Math.max(1_000, Math.ceil((last - first + 1) / BUCKETS));
  const bars = { allow: counts(), deny: counts(), other: counts() };
  const tallies = FACETS.map((field) => ({
    column: index.column(field),
    counts: new Float64Array(index.column(field).size),
  }));
  const decisions = index.column('decision');
  for (let at = 0; at < length; at++) {
    const row = rows[at] ?? 0;
    const events = index.numberAt(row, 'count') || 1;
    const bucket = Math.min(BUCKETS - 1, Math.max(0, Math.floor((index.timeAt(row) - first) / stepMs)));
    const decision = decisions.at(row);
    const bar = decision === 'deny' ? bars.deny : decision === 'allow' ? bars.allow : bars.other;
    bar[bucket] = (bar[bucket] ?? 0) + events;
    for (const tally of tallies) {
      const id = tally.column.idAt(row);
      tally.counts[id] = (tally.counts[id] ?? 0) + events;
    }
  }
  const facets = FACETS.map((field, at) => facetOf(field, tallies[at]?.column, tallies[at]?.counts));
  const { allow: allowed, deny: denied, other } = bars;
  return { total: index.rows, matched: length, from: first, stepMs, allowed, denied, other, facets };
}

function counts(): number[] {
  return Array<number>(BUCKETS).fill(0);
}

function facetOf(
  field: string,
  column: { textOf(id: number): string | undefined } | undefined,
  tally: Float64Array | undefined,
): Facet {
  const found: { value: string; count: number }[] = [];
  for (const [id, count] of (tally ?? []).entries()) {
    const value = column?.textOf(id);
    if (count > 0 && value !== undefined) found.push({ value, count });
  }
  found.sort((a, b) => b.count - a.count || byText(a.value, b.value));
  return { field, values: found.slice(0, FACET_VALUES), more: Math.max(0, found.length - FACET_VALUES) };
}
