/**
 * What is wrong with a value of a configuration file, in our words. The messages of zod speak of its own inner parts:
 * "Invalid input: expected record, received undefined". A message that a schema brings itself stays as it is.
 */
import type { z } from 'zod';
import { didYouMean } from '../base/index.ts';

type RawIssue = z.core.$ZodRawIssue;

/** The second argument of `safeParse`. */
export const OUR_WORDS: { readonly error: (issue: RawIssue) => string | undefined } = Object.freeze({
  error: wordsOf,
});

/** `"limits.memoryBytes": at most 8`: one problem that `safeParse` with OUR_WORDS has found. */
export function problemOf({ code, path, message }: z.core.$ZodIssue): string {
  const where = path.join('.');
  if (code === 'unrecognized_keys' && where === '') return message;
  return `"${where || 'the file'}": ${message}`;
}

/** What zod calls a type -> what a person writes. */
const KINDS: ReadonlyMap<string, string> = new Map([
  ['string', 'text'],
  ['number', 'a number'],
  ['int', 'a whole number'],
  ['boolean', 'true or false'],
  ['array', 'a list'],
  ['object', 'keys with values'],
  ['record', 'keys with values'],
  ['null', 'nothing'],
]);
/** What zod calls the form of a text. */
const FORMS: ReadonlyMap<string, string> = new Map([
  ['ipv4', 'an IPv4 address, such as 10.137.1.1'],
  ['ipv6', 'an IPv6 address, such as fd00::1'],
]);
/** What is counted in a text or a list. */
const COUNTED: ReadonlyMap<string, readonly [one: string, many: string]> = new Map([
  ['string', ['character', 'characters']],
  ['array', ['entry', 'entries']],
  ['set', ['entry', 'entries']],
  ['map', ['key', 'keys']],
]);

function wordsOf(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? `is missing; expected ${kind(issue.expected)}`
        : expected(issue.expected, issue.input);
    case 'too_small':
      return `${issue.inclusive === false ? 'more than' : 'at least'} ${amount(issue.origin, issue.minimum)}`;
    case 'too_big':
      return `${issue.inclusive === false ? 'less than' : 'at most'} ${amount(issue.origin, issue.maximum)}`;
    case 'invalid_value':
      return noneOf(issue.input, issue.values.map(String));
    case 'unrecognized_keys':
      return unknownKeys(issue.keys, keysOf(issue.inst));
    case 'invalid_union':
      return oneOfForms(issue.errors, issue.input);
    case 'invalid_format': {
      const form = FORMS.get(issue.format);
      return form === undefined ? 'not of the right form' : `expected ${form}`;
    }
  }
  return undefined;
}

function kind(name: string): string {
  return KINDS.get(name) ?? name;
}

function expected(name: string, input: unknown): string {
  return `expected ${kind(name)}, got ${kind(nameOfKind(input))}`;
}

function nameOfKind(input: unknown): string {
  if (input === null) return 'null';
  return Array.isArray(input) ? 'array' : typeof input;
}

function amount(origin: string, limit: number | bigint): string {
  const words = COUNTED.get(origin);
  return words === undefined ? `${limit}` : `${limit} ${words[Number(limit) === 1 ? 0 : 1]}`;
}

function noneOf(input: unknown, values: readonly string[]): string {
  const hint = typeof input === 'string' ? didYouMean(input, values) : '';
  return `expected ${values.join(' or ')}${hint}`;
}

function unknownKeys(keys: readonly string[], known: readonly string[]): string {
  return `unknown key ${keys.map((key) => `"${key}"${didYouMean(key, known)}`).join(', ')}`;
}

/** The keys of the object of the schema that has found the unknown one. */
function keysOf(schema: unknown): readonly string[] {
  const shape = (schema as { _zod?: { def?: { shape?: object } } } | undefined)?._zod?.def?.shape;
  return shape === undefined ? [] : Object.keys(shape);
}

/** "expected text or keys with values" where each form is of another kind. */
function oneOfForms(errors: readonly (readonly z.core.$ZodIssue[])[], input: unknown): string {
  const kinds = errors.flatMap(([first]) =>
    first?.code === 'invalid_type' && first.path.length === 0 ? [kind(first.expected)] : [],
  );
  if (kinds.length === errors.length) return `expected ${kinds.join(' or ')}, got ${kind(nameOfKind(input))}`;
  // The input is of one of the kinds: what is wrong inside it is what helps.
  const inside = errors.find(
    ([first]) => first !== undefined && (first.code !== 'invalid_type' || first.path.length > 0),
  );
  return (
    inside?.map((issue) => (issue.path.length === 0 ? issue.message : problemOf(issue))).join('; ') ??
    'not of the right form'
  );
}
