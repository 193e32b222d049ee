/**
 * A question as a condition of SQL with bound values. Pure.
 *
 * The statement is put together from constants of this file and columns.ts. What a person wrote becomes a bound value,
 * never a part of the statement. Regular expressions are matched by JavaScript against the dictionary, and the numbers
 * of the matching texts are bound, so that a pattern means the same as in a scan of the log.
 *
 * Each condition is true or false for every row, never NULL.
 */
import { labelField, type Question } from '../query/index.ts';
import { NUMBER_FIELDS, TEXT_FIELDS } from './columns.ts';
import type { Dictionary } from './dictionary.ts';
import { labelsOfText } from './row-batch.ts';

export type BoundValue = number | string | readonly number[] | readonly string[];

export interface Condition {
  readonly sql: string;
  /** `$1` is the first one. */
  readonly values: readonly BoundValue[];
  /** False: more rows meet the condition than answer the question. The caller must look at the records themselves. */
  readonly isExact: boolean;
}

export interface IndexedTexts {
  readonly dictionary: Dictionary;
  /** Has any record a time that a broker does not write? */
  readonly hasOddTimes: boolean;
}

export function conditionOf(question: Question, texts: IndexedTexts, bound: readonly BoundValue[] = []): Condition {
  const writer = new ConditionWriter(texts, bound);
  const { sql, isExact } = writer.write(question);
  return { sql, values: writer.values, isExact };
}

interface Part {
  readonly sql: string;
  readonly isExact: boolean;
}

const ALL: Part = { sql: 'TRUE', isExact: true };
const NONE: Part = { sql: 'FALSE', isExact: true };
const UNKNOWN: Part = { sql: 'TRUE', isExact: false };

class ConditionWriter {
  readonly values: BoundValue[];
  readonly #texts: IndexedTexts;

  constructor(texts: IndexedTexts, bound: readonly BoundValue[]) {
    this.#texts = texts;
    this.values = [...bound];
  }

  write(question: Question): Part {
    switch (question.kind) {
      case 'all':
        return ALL;
      case 'and':
      case 'or': {
        const parts = question.of.map((part) => this.write(part));
        const sql = parts.map((part) => part.sql).join(question.kind === 'and' ? ' AND ' : ' OR ');
        return { sql: `(${sql})`, isExact: parts.every(({ isExact }) => isExact) };
      }
      case 'not': {
        const { length } = this.values;
        const inner = this.write(question.of);
        if (inner.isExact) return { sql: `NOT ${inner.sql}`, isExact: true };
        // The statement does not name them.
        this.values.length = length;
        return UNKNOWN;
      }
      case 'text':
        return this.#text(question);
      case 'pattern': {
        const { field, pattern, isNegated } = question;
        const column = TEXT_FIELDS.get(field);
        if (column === undefined) return UNKNOWN;
        const matches = isLabels(field)
          ? (text: string) => labelsOfText(text).some((label) => pattern.test(label))
          : (text: string) => pattern.test(text);
        return this.#oneOf(column, this.#texts.dictionary.idsOf(matches), isNegated);
      }
      case 'number':
        return this.#number(question);
      case 'time':
        return this.#time(question);
    }
  }

  #text({ field, values, isNegated }: Extract<Question, { kind: 'text' }>): Part {
    const wanted = values[0] ?? '';
    const asked = labelField(field, wanted);
    const column = TEXT_FIELDS.get(asked);
    if (column === undefined) return UNKNOWN;
    const { dictionary } = this.#texts;
    if (isLabels(asked))
      return this.#oneOf(
        column,
        dictionary.idsOf((text) => labelsOfText(text).includes(wanted)),
        isNegated,
      );
    const id = dictionary.find(wanted);
    return this.#oneOf(column, id === null ? [] : [id], isNegated);
  }

  #oneOf(column: string, ids: readonly number[], isNegated: boolean): Part {
    const [only] = ids;
    if (only === undefined) return isNegated ? ALL : NONE;
    if (ids.length === 1) return exactly(`"${column}" ${isNegated ? '<>' : '='} ${this.#bind(only)}`);
    return exactly(`"${column}" ${isNegated ? 'NOT IN' : 'IN'} (SELECT unnest(${this.#bind(ids)}::INTEGER[]))`);
  }

  #number({ field, operator, value }: Extract<Question, { kind: 'number' }>): Part {
    const column = NUMBER_FIELDS.get(field);
    if (column === undefined) return UNKNOWN;
    const bound = this.#bind(value);
    switch (operator) {
      case '=':
        return exactly(`"${column}" = ${bound}`);
      case '!=':
        return exactly(`"${column}" <> ${bound}`);
      case '<':
        return exactly(`"${column}" < ${bound}`);
      case '<=':
        return exactly(`"${column}" <= ${bound}`);
      // For DuckDB, NaN is greater than all numbers. Here it means that the record has none.
      case '>':
        return exactly(`("${column}" > ${bound} AND NOT isnan("${column}"))`);
      case '>=':
        return exactly(`("${column}" >= ${bound} AND NOT isnan("${column}"))`);
      default:
        return UNKNOWN;
    }
  }

  #time({ operator, value }: Extract<Question, { kind: 'time' }>): Part {
    const isSince = operator === '>=';
    const bound = this.#bind(value);
    const regular = isSince ? `("time" >= ${bound} AND NOT isnan("time"))` : `"time" < ${bound}`;
    if (!this.#texts.hasOddTimes) return exactly(regular);
    const moment = new Date(value).toISOString();
    const odd = this.#texts.dictionary.idsOf((text) => (isSince ? text >= moment : text < moment));
    return exactly(`(${regular} OR ${this.#oneOf('odd_time', odd, false).sql})`);
  }

  #bind(value: BoundValue): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

function exactly(sql: string): Part {
  return { sql, isExact: true };
}

function isLabels(field: string): boolean {
  return field.endsWith('.labels');
}
