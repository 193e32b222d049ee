/**
 * What questions need of all records, in memory, some 160 bytes a record. Pure.
 *
 * Made from the log and thrown away with the process: nothing is proven from it. It keeps where each line stands, so that
 * the whole record is read from the log when a reader asks for it.
 */
import type { LinePlace } from '../../../broker/audit/index.ts';
import { hourOf, member, type QueryField, type QueryRow, RecordRow } from '../query/index.ts';
import { NumberColumn, TextColumn } from './columns.ts';

const TEXTS = [
  'boot',
  'broker',
  'event',
  'code',
  'decision',
  'reason',
  'rule',
  'src',
  'dst',
  'class',
  'permission',
  'policy',
  'session',
] as const;
const NUMBERS = ['port', 'messages', 'bytes', 'ringBytes', 'revision', 'count', 'permissive'] as const;
const LABELS = ['src.labels', 'dst.labels'] as const;
/** Fields that can be counted by value. */
export type TextField = (typeof TEXTS)[number];

export interface PlacedRecord {
  readonly seq: number;
  readonly place: LinePlace;
  readonly length: number;
}

export class RecordIndex {
  readonly #texts = new Map<QueryField, TextColumn>([...TEXTS, ...LABELS].map((field) => [field, new TextColumn()]));
  readonly #numbers = new Map<QueryField, NumberColumn>(NUMBERS.map((field) => [field, new NumberColumn()]));
  /** `detail.label` of grants: which label was given or taken. */
  readonly #granted = new TextColumn();
  readonly #details = new TextColumn();
  /** `detail` of a record that stands for several events says until when, and mostly nothing else: no text is kept. */
  readonly #until = new NumberColumn();
  readonly #seq = new NumberColumn();
  readonly #time = new NumberColumn();
  readonly #segment = new NumberColumn();
  readonly #offset = new NumberColumn();
  readonly #length = new NumberColumn();
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  add(seq: number, fields: { readonly [key: string]: unknown }, place: LinePlace, length: number): void {
    const row = this.#rows;
    const record = new RecordRow({ seq, fields });
    for (const field of TEXTS) this.#texts.get(field)?.set(row, textOf(record.get(field)));
    for (const field of LABELS) {
      const labels = record.get(field);
      this.#texts.get(field)?.set(row, Array.isArray(labels) && labels.length > 0 ? labels.join(' ') : undefined);
    }
    for (const field of NUMBERS) {
      const value = record.get(field);
      this.#numbers.get(field)?.set(row, typeof value === 'number' ? value : Number.NaN);
    }
    const label = member(fields.detail, 'label');
    this.#granted.set(row, typeof label === 'string' ? label : undefined);
    const until = untilAlone(fields.detail);
    this.#until.set(row, until);
    this.#details.set(row, Number.isNaN(until) ? textOf(record.get('detail')) : undefined);
    this.#seq.set(row, seq);
    this.#time.set(row, Date.parse(textOf(record.get('time')) ?? ''));
    this.#segment.set(row, place.segment);
    this.#offset.set(row, place.offset);
    this.#length.set(row, length);
    this.#rows += 1;
  }

  placed(row: number): PlacedRecord {
    const place = { segment: this.#segment.at(row), offset: this.#offset.at(row) };
    return { seq: this.#seq.at(row), place, length: this.#length.at(row) };
  }

  /** -1: there is none. Rows are in the order of the log, and so in that of `seq` unless it was tampered with. */
  rowOf(seq: number): number {
    let [low, high] = [0, this.#rows - 1];
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.#seq.at(middle);
      if (found === seq) return middle;
      if (found < seq) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  timeAt(row: number): number {
    return this.#time.at(row);
  }

  /** 0 where the record does not have it. */
  numberAt(row: number, field: (typeof NUMBERS)[number]): number {
    const value = this.#numbers.get(field)?.at(row) ?? 0;
    return Number.isNaN(value) ? 0 : value;
  }

  textAt(row: number, field: TextField | 'src.labels' | 'dst.labels'): string | undefined {
    return this.#texts.get(field)?.at(row);
  }

  grantedAt(row: number): string | undefined {
    return this.#granted.at(row);
  }

  detailAt(row: number): string | undefined {
    const until = this.#until.at(row);
    return Number.isNaN(until) ? this.#details.at(row) : untilText(until);
  }

  column(field: TextField): TextColumn {
    return this.#texts.get(field) ?? new TextColumn();
  }

  /** The different values that a field has had, at most so many; none for a number. */
  textsOf(field: QueryField, most: number): readonly string[] {
    const column = this.#texts.get(field);
    const texts: string[] = [];
    for (let id = 1; id < Math.min(most, column?.size ?? 0); id++) texts.push(column?.textOf(id) ?? '');
    return texts;
  }

  /** One object for all rows: move it, then ask it. */
  cursor(): QueryRow & { row: number } {
    return new Cursor(this, this.#texts, this.#numbers, this.#seq);
  }
}

class Cursor implements QueryRow {
  row = 0;
  readonly #index: RecordIndex;
  readonly #texts: ReadonlyMap<QueryField, TextColumn>;
  readonly #numbers: ReadonlyMap<QueryField, NumberColumn>;
  readonly #seq: NumberColumn;

  constructor(
    index: RecordIndex,
    texts: ReadonlyMap<QueryField, TextColumn>,
    numbers: ReadonlyMap<QueryField, NumberColumn>,
    seq: NumberColumn,
  ) {
    this.#index = index;
    this.#texts = texts;
    this.#numbers = numbers;
    this.#seq = seq;
  }

  get(field: QueryField): string | number | readonly string[] | undefined {
    if (field === 'src.labels' || field === 'dst.labels') return this.#texts.get(field)?.at(this.row)?.split(' ') ?? [];
    const texts = this.#texts.get(field);
    if (texts !== undefined) return texts.at(this.row);
    const numbers = this.#numbers.get(field);
    if (numbers !== undefined) {
      const value = numbers.at(this.row);
      return Number.isNaN(value) ? undefined : value;
    }
    if (field === 'seq') return this.#seq.at(this.row);
    if (field === 'detail') return this.#index.detailAt(this.row);
    const time = this.#index.timeAt(this.row);
    const text = Number.isNaN(time) ? undefined : new Date(time).toISOString();
    return field === 'time' ? text : field === 'hour' ? hourOf(text) : undefined;
  }
}

/** Milliseconds; NaN: the detail says something else, or the moment in other words than `untilText`. */
function untilAlone(detail: unknown): number {
  const until = member(detail, 'until');
  if (typeof until !== 'string') return Number.NaN;
  const ms = Date.parse(until);
  return !Number.isNaN(ms) && JSON.stringify(detail) === untilText(ms) ? ms : Number.NaN;
}

function untilText(ms: number): string {
  return JSON.stringify({ until: new Date(ms).toISOString() });
}

function textOf(value: ReturnType<QueryRow['get']>): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
