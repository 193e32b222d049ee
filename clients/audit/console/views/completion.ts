/** What can stand at a place of a question: fields, operators, and values that the log has. Pure. */
import { byText } from '../../../../broker/base/index.ts';
import { FIELDS, fieldOf, NUMERIC_FIELDS, type QueryField } from '../../query/index.ts';
import type { RecordIndex } from '../../store/index.ts';
import type { Completion } from '../answers.ts';

const MAX_OPTIONS = 10;
/** A field with more different values than this is not searched through to its end at each key. */
const MAX_VALUES = 20_000;
const MOMENTS = ['today', 'yesterday', 'this-week', 'week-ago', 'this-month', 'month-ago', '30m', '12h', '7d', 'now'];
const WORDS = ['since=', 'until=', 'OR', 'AND', 'NOT'];

/** The condition that ends at the cursor: `field op word`, `field in (a, word`, or the beginning of a word. */
const CONDITION = /([\w.]+)\s*(!=|!~|<=|>=|=|~|<|>)\s*("(?:[^"\\]|\\.)*|[^\s()=!~<>,"]*)$/;
const LIST = /([\w.]+)\s+in\s*\((?:[^()]*,)?\s*("(?:[^"\\]|\\.)*|[^\s()=!~<>,"]*)$/i;
const WORD = /(?:^|[\s(])([\w.]*)$/;

export function completionOf(index: RecordIndex, question: string, cursor: number): Completion {
  const before = question.slice(0, cursor);
  const [, listed, inList] = LIST.exec(before) ?? [];
  const [, compared, operator, word] = CONDITION.exec(before) ?? [];
  const name = listed ?? compared;
  const typed = inList ?? word;
  if (name !== undefined && typed !== undefined) {
    const isText = operator !== '~' && operator !== '!~';
    return at(before, typed, isText ? valuesOf(index, name, typed.replace(/^"/, '')) : []);
  }
  const begun = WORD.exec(before)?.[1];
  return begun === undefined ? at(before, '', []) : at(before, begun, wordsOf(begun));
}

function at(before: string, word: string, options: readonly string[]): Completion {
  return { from: before.length - word.length, to: before.length, options };
}

function wordsOf(begun: string): readonly string[] {
  const names = [...FIELDS.map((field) => `${field}${NUMERIC_FIELDS.has(field) ? '>=' : '='}`), ...WORDS];
  const lower = begun.toLowerCase();
  const found = names.filter((name) => name.toLowerCase().startsWith(lower));
  const exact = fieldOf(begun);
  if (exact === null || begun === '') return found.slice(0, MAX_OPTIONS);
  const operators = NUMERIC_FIELDS.has(exact) ? ['=', '!=', '<', '>='] : ['=', '!=', '~', ' in ('];
  const others = found.filter((name) => !name.startsWith(`${exact}=`) && !name.startsWith(`${exact}>=`));
  return [...operators.map((operator) => `${begun}${operator}`), ...others].slice(0, MAX_OPTIONS);
}

function valuesOf(index: RecordIndex, name: string, typed: string): readonly string[] {
  const lower = typed.toLowerCase();
  const isMoment = name === 'since' || name === 'until';
  const field = fieldOf(name);
  const known = isMoment ? MOMENTS : field === null ? [] : textsOf(index, field, typed.startsWith('@'));
  const found = known.filter((text) => text.toLowerCase().includes(lower));
  // What begins with the typed letters comes first.
  const rank = (text: string): number => (text.toLowerCase().startsWith(lower) ? 0 : 1);
  const sorted = isMoment ? found : found.sort((a, b) => rank(a) - rank(b) || byText(a, b));
  return sorted.slice(0, MAX_OPTIONS).map(quoted);
}

function textsOf(index: RecordIndex, field: QueryField, isLabel: boolean): string[] {
  if (isLabel && (field === 'src' || field === 'dst')) return textsOf(index, `${field}.labels`, false);
  const texts = index.textsOf(field, MAX_VALUES);
  return field === 'src.labels' || field === 'dst.labels'
    ? [...new Set(texts.flatMap((text) => text.split(' ')))]
    : [...texts];
}

/** As the grammar takes it. */
function quoted(value: string): string {
  return /^[\w@.:/-]+$/.test(value) && !/^(or|and|not|in)$/i.test(value)
    ? value
    : `"${value.replace(/["\\]/g, '\\$&')}"`;
}
