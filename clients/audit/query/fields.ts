/** The fields of a record that a question can name, with their names and their text. Pure. */
import type { ParsedLine } from '../../../broker/audit/index.ts';

/** One record as a question sees it, wherever it is kept. */
export interface QueryRow {
  /** A text, a number, or several texts (labels); undefined: the record does not have it. */
  get(field: QueryField): string | number | readonly string[] | undefined;
}

export const FIELDS = [
  'seq',
  'time',
  'hour',
  'boot',
  'broker',
  'event',
  'code',
  'decision',
  'reason',
  'rule',
  'src',
  'src.labels',
  'dst',
  'dst.labels',
  'port',
  'class',
  'permission',
  'messages',
  'bytes',
  'ringBytes',
  'revision',
  'policy',
  'session',
  'permissive',
  'count',
  'detail',
] as const;
export type QueryField = (typeof FIELDS)[number];

/** Shorter names that people of the field type. */
const ALIASES: ReadonlyMap<string, QueryField> = new Map([
  ['cls', 'class'],
  ['perm', 'permission'],
  ['source', 'src'],
  ['destination', 'dst'],
  ['rev', 'revision'],
]);

export const NUMERIC_FIELDS: ReadonlySet<QueryField> = new Set([
  'seq',
  'hour',
  'port',
  'messages',
  'bytes',
  'ringBytes',
  'revision',
  'permissive',
  'count',
]);

/** Null: no such field. */
export function fieldOf(name: string): QueryField | null {
  const lower = name.toLowerCase();
  return FIELDS.find((field) => field.toLowerCase() === lower) ?? ALIASES.get(lower) ?? null;
}

/** A record as it stands in the log. */
export class RecordRow implements QueryRow {
  readonly seq: number;
  readonly fields: ParsedLine['fields'];

  constructor({ seq, fields }: Pick<ParsedLine, 'seq' | 'fields'>) {
    this.seq = seq;
    this.fields = fields;
  }

  get(field: QueryField): string | number | readonly string[] | undefined {
    const { fields } = this;
    switch (field) {
      case 'seq':
        return this.seq;
      case 'time':
        return text(fields.time);
      case 'hour':
        return hourOf(text(fields.time));
      case 'rule':
        return ruleOf(fields.rule);
      case 'src':
      case 'dst':
        return text(member(fields[field], 'domain'));
      case 'src.labels':
        return labelsOf(fields.src);
      case 'dst.labels':
        return labelsOf(fields.dst);
      case 'port':
      case 'messages':
      case 'bytes':
      case 'ringBytes':
      case 'revision':
        return number(fields[field]);
      case 'count':
        return number(fields.count) ?? 1;
      case 'permissive':
        return fields.permissive === true ? 1 : 0;
      case 'detail':
        return fields.detail === undefined ? undefined : JSON.stringify(fields.detail);
      default:
        return text(fields[field]);
    }
  }
}

export function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

function ruleOf(rule: unknown): string | undefined {
  const [file, line] = [text(member(rule, 'file')), number(member(rule, 'line'))];
  return file === undefined || line === undefined ? undefined : `${file}:${line}`;
}

function labelsOf(party: unknown): readonly string[] {
  const labels = member(party, 'labels');
  return Array.isArray(labels) ? labels.filter((label) => typeof label === 'string') : [];
}

/** Hour of the day in UTC. */
export function hourOf(time: string | undefined): number | undefined {
  const hour = Number(time?.slice(11, 13));
  return Number.isInteger(hour) && time !== undefined ? hour : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
