/**
 * Lines of the log as columns, some thousand at a time. Pure.
 *
 * Every value comes from `RecordRow`, as in a scan of the log, so an answer of the index cannot mean another thing. Most
 * lines are read without making a record of them (line-scan.ts), with the same result.
 */
import { type LinePlace, type PlacedLine, parsedOf, type RawLine, type Sha256 } from '../../../broker/audit/index.ts';
import { type QueryField, RecordRow } from '../query/index.ts';
import { NUMBER_COLUMNS, NUMBER_FIELDS, PLACE_COLUMNS, TEXT_COLUMNS, TEXT_FIELDS } from './columns.ts';
import type { Dictionary } from './dictionary.ts';
import { LineScan } from './line-scan.ts';

/** Rows of one chunk of DuckDB. */
export const BATCH_ROWS = 2_048;

const NUMBERS = [...NUMBER_FIELDS.keys()].filter((field) => field !== 'time' && field !== 'hour');
const TEXTS = [...TEXT_FIELDS.keys()];
const MINUTE_CHARACTERS = '2026-11-20T12:00:'.length;

export class RowBatch {
  /** In the order of NUMBER_COLUMNS. */
  readonly numbers: readonly Float64Array[] = NUMBER_COLUMNS.map(() => new Float64Array(BATCH_ROWS));
  /** In the order of TEXT_COLUMNS. */
  readonly texts: readonly Int32Array[] = TEXT_COLUMNS.map(() => new Int32Array(BATCH_ROWS));
  length = 0;
  /** Did any record have a time that a broker does not write? */
  hasOddTimes = false;
  readonly #dictionary: Dictionary;
  readonly #at = new Map<string, Float64Array | Int32Array>();
  readonly #numberColumns: readonly (readonly [QueryField, Float64Array])[];
  readonly #textColumns: readonly (readonly [QueryField, Int32Array])[];
  readonly #scan: LineScan;
  readonly #line: Float64Array;
  readonly #segment: Float64Array;
  readonly #offset: Float64Array;
  readonly #length: Float64Array;
  readonly #single = new Map<string, number>();
  #minute = '';
  #minuteMs = 0;

  /** @param sha256 checks each line; default: the one that needs no time to open */
  constructor(dictionary: Dictionary, sha256?: Sha256) {
    this.#dictionary = dictionary;
    for (const [at, name] of NUMBER_COLUMNS.entries()) this.#at.set(name, this.numbers[at] ?? new Float64Array(0));
    for (const [at, name] of TEXT_COLUMNS.entries()) this.#at.set(name, this.texts[at] ?? new Int32Array(0));
    [this.#line, this.#segment, this.#offset, this.#length] = [
      this.#number('line'),
      this.#number('segment'),
      this.#number('place'),
      this.#number('length'),
    ];
    this.#numberColumns = NUMBERS.map((field) => [field, this.#number(NUMBER_FIELDS.get(field) ?? '')]);
    this.#textColumns = TEXTS.map((field) => [field, this.#text(TEXT_FIELDS.get(field) ?? '')]);
    const columns = { number: (name: string) => this.#number(name), text: (name: string) => this.#text(name) };
    this.#scan = new LineScan(columns, dictionary, (text) => this.#millisecondsOf(text), sha256);
  }

  get isFull(): boolean {
    return this.length === BATCH_ROWS;
  }

  clear(): void {
    this.length = 0;
  }

  /** The same as `add` with the parsed line. */
  addRaw(line: number, raw: RawLine): void {
    const { place, length, bytes } = raw;
    if (length === bytes.length && this.#scan.read(bytes, this.length)) this.#place(line, place, length);
    else this.add(line, { segment: place.segment, parsed: parsedOf(raw), place, length });
  }

  add(line: number, { parsed, place, length }: PlacedLine): void {
    const at = this.length;
    this.#place(line, place, length);
    if (typeof parsed === 'string') {
      for (const column of this.numbers.slice(PLACE_COLUMNS.length)) column[at] = Number.NaN;
      for (const column of this.texts) column[at] = 0;
      this.#text('fault')[at] = this.#dictionary.idOf(parsed);
      return;
    }
    const row = new RecordRow(parsed);
    this.#text('fault')[at] = 0;
    for (const [field, column] of this.#numberColumns) {
      const value = row.get(field);
      column[at] = typeof value === 'number' ? value : Number.NaN;
    }
    for (const [field, column] of this.#textColumns) {
      const value = row.get(field);
      column[at] = Array.isArray(value) ? this.#labels(value) : this.#dictionary.idOf(textOf(value));
    }
    this.#time(at, row);
  }

  #place(line: number, place: LinePlace, length: number): void {
    const at = this.length;
    this.length += 1;
    this.#line[at] = line;
    this.#segment[at] = place.segment;
    this.#offset[at] = place.offset;
    this.#length[at] = length;
  }

  /** Most domains have one label. Its text is made once. */
  #labels(labels: readonly string[]): number {
    const [only] = labels;
    if (only === undefined || labels.length > 1) return this.#dictionary.idOf(labelsText(labels));
    let id = this.#single.get(only);
    if (id === undefined) {
      id = this.#dictionary.idOf(labelsText(labels));
      this.#single.set(only, id);
    }
    return id;
  }

  #time(at: number, row: RecordRow): void {
    const text = row.get('time');
    const ms = typeof text === 'string' ? this.#millisecondsOf(text) : null;
    const isOdd = typeof text === 'string' && ms === null;
    this.#number('time')[at] = ms ?? Number.NaN;
    this.#text('odd_time')[at] = isOdd ? this.#dictionary.idOf(text) : 0;
    if (isOdd) this.hasOddTimes = true;
    const hour = row.get('hour');
    this.#number('hour')[at] = typeof hour === 'number' ? hour : Number.NaN;
  }

  /** Null: not the one way in which a broker writes a time. Most records are of the same minute as the one before. */
  #millisecondsOf(text: string): number | null {
    if (text.length !== 24 || text[19] !== '.' || text[23] !== 'Z') return null;
    const minute = text.slice(0, MINUTE_CHARACTERS);
    if (minute !== this.#minute) {
      const start = Date.parse(`${minute}00.000Z`);
      if (Number.isNaN(start) || new Date(start).toISOString().slice(0, MINUTE_CHARACTERS) !== minute) return null;
      this.#minute = minute;
      this.#minuteMs = start;
    }
    const seconds = digits(text, 17, 19);
    const thousandths = digits(text, 20, 23);
    return seconds > 59 || thousandths < 0 || seconds < 0 ? null : this.#minuteMs + seconds * 1_000 + thousandths;
  }

  #number(name: string): Float64Array {
    return this.#at.get(name) as Float64Array;
  }

  #text(name: string): Int32Array {
    return this.#at.get(name) as Int32Array;
  }
}

/** -1: not only digits. */
function digits(text: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Labels as one text. A label may hold a space, so they are not simply joined. */
export function labelsText(labels: readonly string[]): string {
  return JSON.stringify(labels);
}

export function labelsOfText(text: string | undefined): readonly string[] {
  try {
    const value: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(value) ? value.filter((label) => typeof label === 'string') : [];
  } catch {
    // The text of another column.
    return [];
  }
}
