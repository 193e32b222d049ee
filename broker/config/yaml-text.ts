/**
 * YAML text to plain values, or one problem in our words with its place. The parser's messages speak of its tokens
 * ("Unexpected map-value-ind token in YAML stream"), and an alias without an anchor makes it throw only afterwards.
 */
import { parseDocument } from 'yaml';

type YamlText =
  | { readonly ok: true; readonly value: unknown }
  /** Ready for a message behind the name of the file: `:3:1: a key stands twice`. */
  | { readonly ok: false; readonly problem: string };

/** Code of the parser -> what a person did. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ['ALIAS_PROPS', 'an alias or anchor; write the value itself'],
  ['BAD_ALIAS', 'an alias or anchor; write the value itself'],
  ['MULTIPLE_ANCHORS', 'an alias or anchor; write the value itself'],
  ['MULTIPLE_TAGS', 'a tag; write the value itself'],
  ['TAG_RESOLVE_FAILED', 'a tag; write the value itself'],
  ['BAD_DIRECTIVE', 'a directive (%); this file needs none'],
  ['BAD_DQ_ESCAPE', 'an unknown escape behind "\\"; in single quotes there are none'],
  ['BAD_INDENT', 'the indentation does not fit the lines above, or a bracket is not closed'],
  ['BAD_SCALAR_START', 'a value that begins with a reserved character; write it in quotes'],
  ['BLOCK_AS_IMPLICIT_KEY', 'two keys in one line, or a ":" in a value; write the value in quotes'],
  ['BLOCK_IN_FLOW', 'an indented list or keys inside brackets'],
  ['DUPLICATE_KEY', 'a key stands twice'],
  ['KEY_OVER_1024_CHARS', 'a key of more than 1024 characters'],
  ['MISSING_CHAR', 'a quote or bracket is not closed, or a space is missing behind ":" or ","'],
  ['MULTILINE_IMPLICIT_KEY', 'a line without ":"'],
  ['MULTIPLE_DOCS', 'a second document (---); only one is read'],
  ['TAB_AS_INDENT', 'a tab; indent with spaces'],
  ['UNEXPECTED_TOKEN', 'something that does not belong here'],
]);

/** An empty text is an empty set of keys. */
export function readYamlText(text: string): YamlText {
  const document = parseDocument(text, { prettyErrors: true, uniqueKeys: true });
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined) {
    const [{ line, col } = { line: 1, col: 1 }] = fault.linePos ?? [];
    return { ok: false, problem: `:${line}:${col}: ${WORDS.get(fault.code) ?? 'not valid YAML'}` };
  }
  try {
    return { ok: true, value: document.toJS() ?? {} };
  } catch {
    return { ok: false, problem: ': an alias of nothing, or of too much; write the value itself' };
  }
}

/** The same words for a fault that a parser of its own has found. */
export function yamlFaultWords(code: string): string {
  return WORDS.get(code) ?? 'not valid YAML';
}
