/**
 * The columns of the index: one row for each line of the log. Pure.
 *
 * There are two kinds of column. A number column has NaN where the record has no such number; JSON has no NaN. A text
 * column has the number of the text in the dictionary, and 0 where the record has no such text.
 */
import type { QueryField } from '../query/index.ts';

/** Where the line stands. `line` counts all lines of the index, in the order of the log. */
export const PLACE_COLUMNS = ['line', 'segment', 'place', 'length'] as const;

/** Fields of a question that are numbers, and their columns. `time` is milliseconds since 1970. */
export const NUMBER_FIELDS: ReadonlyMap<QueryField, string> = new Map([
  ['seq', 'seq'],
  ['time', 'time'],
  ['hour', 'hour'],
  ['port', 'port'],
  ['messages', 'messages'],
  ['bytes', 'bytes'],
  ['ringBytes', 'ring_bytes'],
  ['revision', 'revision'],
  ['count', 'count'],
  ['permissive', 'permissive'],
]);

/** Fields of a question that are texts, and their columns. A list of labels is one text: its JSON. */
export const TEXT_FIELDS: ReadonlyMap<QueryField, string> = new Map([
  ['boot', 'boot'],
  ['broker', 'broker'],
  ['event', 'event'],
  ['code', 'code'],
  ['decision', 'decision'],
  ['reason', 'reason'],
  ['rule', 'rule'],
  ['src', 'src'],
  ['dst', 'dst'],
  ['class', 'class'],
  ['permission', 'permission'],
  ['policy', 'policy'],
  ['session', 'session'],
  ['src.labels', 'src_labels'],
  ['dst.labels', 'dst_labels'],
]);

/** `fault`: why the line is not a record. `odd_time`: a time that a broker does not write, as it stands there. */
export const OWN_TEXT_COLUMNS = ['fault', 'odd_time'] as const;

export const NUMBER_COLUMNS: readonly string[] = [...PLACE_COLUMNS, ...NUMBER_FIELDS.values()];
export const TEXT_COLUMNS: readonly string[] = [...OWN_TEXT_COLUMNS, ...TEXT_FIELDS.values()];

/** An index of another version is made again. Raise it when a column changes, or what is written into one. */
export const INDEX_VERSION = 1;

/** Column names are ours: no text from a question or a record is ever part of a statement. */
export const SCHEMA: readonly string[] = [
  `CREATE TABLE records (${[
    ...NUMBER_COLUMNS.map((name) => `"${name}" DOUBLE NOT NULL`),
    ...TEXT_COLUMNS.map((name) => `"${name}" INTEGER NOT NULL`),
  ].join(', ')})`,
  'CREATE TABLE texts (id INTEGER NOT NULL, text VARCHAR NOT NULL)',
  'CREATE TABLE state (version DOUBLE, segment DOUBLE, place DOUBLE, lines DOUBLE, tail DOUBLE, hash VARCHAR, odd_times BOOLEAN)',
];
