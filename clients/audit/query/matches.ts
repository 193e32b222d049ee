/** Does a row answer a question? Pure. */

import type { QueryField, QueryRow } from './fields.ts';
import type { Operator, Question } from './grammar.ts';

export type Predicate = (row: QueryRow) => boolean;

export function predicateOf(question: Question): Predicate {
  switch (question.kind) {
    case 'all':
      return () => true;
    case 'and': {
      const parts = question.of.map(predicateOf);
      return (row) => parts.every((part) => part(row));
    }
    case 'or': {
      const parts = question.of.map(predicateOf);
      return (row) => parts.some((part) => part(row));
    }
    case 'not': {
      const inner = predicateOf(question.of);
      return (row) => !inner(row);
    }
    case 'text': {
      const { field, values, isNegated } = question;
      const wanted = values[0] ?? '';
      const labels = labelField(field, wanted);
      return (row) => isEqual(row.get(labels), wanted) !== isNegated;
    }
    case 'pattern': {
      const { field, pattern, isNegated } = question;
      return (row) => isLike(row.get(field), pattern) !== isNegated;
    }
    case 'number': {
      const { field, operator, value } = question;
      return (row) => compare(row.get(field), operator, value);
    }
    case 'time': {
      // RFC 3339 in UTC with milliseconds sorts as text.
      const [moment, isSince] = [new Date(question.value).toISOString(), question.operator === '>='];
      return (row) => {
        const time = row.get('time');
        return typeof time === 'string' && (isSince ? time >= moment : time < moment);
      };
    }
  }
}

/** `src=@app` asks for a label of the source. */
export function labelField(field: QueryField, value: string): QueryField {
  if (!value.startsWith('@')) return field;
  return field === 'src' ? 'src.labels' : field === 'dst' ? 'dst.labels' : field;
}

function isEqual(value: ReturnType<QueryRow['get']>, wanted: string): boolean {
  return Array.isArray(value) ? value.includes(wanted) : value === wanted;
}

function isLike(value: ReturnType<QueryRow['get']>, pattern: RegExp): boolean {
  if (value === undefined) return false;
  return Array.isArray(value) ? value.some((one) => pattern.test(one)) : pattern.test(String(value));
}

function compare(value: ReturnType<QueryRow['get']>, operator: Operator, wanted: number): boolean {
  if (typeof value !== 'number') return operator === '!=';
  switch (operator) {
    case '=':
      return value === wanted;
    case '!=':
      return value !== wanted;
    case '<':
      return value < wanted;
    case '<=':
      return value <= wanted;
    case '>':
      return value > wanted;
    default:
      return value >= wanted;
  }
}
