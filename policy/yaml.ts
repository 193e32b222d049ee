/**
 * YAML, the small part of it that an inventory needs: one document of maps, lists and plain scalars, checked against a zod
 * schema, with line and column for whatever is wrong. Anchors, aliases, tags and merge keys are refused.
 */
import { type Document, isAlias, isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import type { Finding, Place } from './finding.ts';
import { MAX_YAML_BYTES, MAX_YAML_DEPTH } from './limits.ts';
import { didYouMean } from './suggest.ts';
import { decodeText } from './text.ts';

export type YamlPath = readonly PropertyKey[];

/** A file that has the shape of its schema. */
export interface YamlFile<T> {
  readonly value: T;
  /** Place of the value at a path; of the nearest parent when the path ends nowhere. */
  place(path: YamlPath): Place;
}

/** Keys that each object of a schema knows, for suggestions; zod reports only the unknown one. */
export type KnownKeys = readonly string[];

/** @returns null after a finding */
export function parseYaml<T>(
  file: string,
  bytes: Uint8Array,
  schema: z.ZodType<T>,
  knownKeys: KnownKeys,
  findings: Finding[],
): YamlFile<T> | null {
  const document = parseStrict(file, bytes, findings);
  if (document === null) return null;
  const place = (path: YamlPath): Place => ({ file, ...placeIn(document.tree, document.lines, path) });
  const result = schema.safeParse(document.tree.toJS());
  if (result.success) return { value: result.data, place };
  for (const issue of result.error.issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        const message = `unknown key "${key}"${didYouMean(key, knownKeys)}`;
        const at = placeOfKey(document.tree, document.lines, issue.path, key);
        findings.push({ file, ...at, code: 'F-009', message });
      }
    } else {
      const at = issue.path.map(String).join('.');
      findings.push({
        ...place(issue.path),
        code: 'F-009',
        message: at === '' ? issue.message : `${at}: ${issue.message}`,
      });
    }
  }
  return null;
}

interface ParsedDocument {
  readonly tree: Document.Parsed;
  readonly lines: LineCounter;
}

function parseStrict(file: string, bytes: Uint8Array, findings: Finding[]): ParsedDocument | null {
  const refuse = (line: number, column: number, code: Finding['code'], message: string): null => {
    findings.push({ file, line, column, code, message });
    return null;
  };
  if (bytes.length > MAX_YAML_BYTES)
    return refuse(0, 0, 'F-008', `${bytes.length} bytes; at most ${MAX_YAML_BYTES} are read`);
  const text = decodeText(file, bytes, findings);
  if (text === null) return null;
  const deep = tooDeepLine(text);
  if (deep !== 0) return refuse(deep, 0, 'F-008', `nested deeper than ${MAX_YAML_DEPTH} levels`);

  const lines = new LineCounter();
  let tree: Document.Parsed;
  try {
    tree = parseDocument(text, {
      lineCounter: lines,
      strict: true,
      uniqueKeys: true,
      version: '1.2',
      schema: 'core',
      merge: false,
      prettyErrors: false,
      stringKeys: true,
    });
  } catch (error) {
    return refuse(0, 0, 'F-009', `not valid YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
  const faults = [...tree.errors, ...tree.warnings];
  for (const fault of faults) {
    const { line, col } = lines.linePos(fault.pos[0]);
    const quote = fault.message.includes('reserved character @') ? '; write labels in quotes: "@app"' : '';
    refuse(line, col, 'F-009', `${fault.message.split('\n', 1)[0] ?? ''}${quote}`);
  }
  const clever = firstCleverNode(tree);
  if (clever !== null) {
    const { line, col } = lines.linePos(clever);
    refuse(line, col, 'F-009', 'anchors, aliases and tags are not used here; write the value itself');
  }
  return faults.length === 0 && clever === null ? { tree, lines } : null;
}

/** Offset of the first anchor, alias or tag: text that means something else than it says. */
function firstCleverNode(tree: Document.Parsed): number | null {
  let found: number | null = null;
  visit(tree, {
    Node(_, node) {
      if (!isAlias(node) && node.tag === undefined && !('anchor' in node && node.anchor !== undefined))
        return undefined;
      found = node.range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return found;
}

/**
 * Line of the first place that is nested too deep, 0 = none. Counts brackets outside quotes and leading "- " and spaces; an
 * over-estimate is fine for files of four levels, and it keeps the recursive parser from meeting 10 000.
 */
function tooDeepLine(text: string): number {
  let brackets = 0;
  for (const [index, line] of text.split('\n').entries()) {
    const body = line.replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, '').replace(/(^|\s)#.*$/, '');
    for (const character of body) {
      if (character === '[' || character === '{') brackets++;
      else if (character === ']' || character === '}') brackets--;
      if (brackets > MAX_YAML_DEPTH) return index + 1;
    }
    const indicators = /^(?:[ ]|[-?:](?=\s|$))*/.exec(body)?.[0] ?? '';
    const dashes = indicators.replaceAll(' ', '').length;
    // Each level of block indentation costs at least one space or one indicator.
    if (dashes > MAX_YAML_DEPTH || indicators.length > MAX_YAML_DEPTH * 8) return index + 1;
  }
  return 0;
}

function placeIn(tree: Document.Parsed, lines: LineCounter, path: YamlPath): { line: number; column: number } {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? tree.contents : tree.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lineAndColumn(lines, node.range[0]);
  }
  return { line: 0, column: 0 };
}

/** Place of a key itself, not of its value. */
function placeOfKey(
  tree: Document.Parsed,
  lines: LineCounter,
  path: YamlPath,
  key: string,
): { line: number; column: number } {
  const map = path.length === 0 ? tree.contents : tree.getIn(path, true);
  const pair = isMap(map) ? map.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
  const range = pair !== undefined && isNode(pair.key) ? pair.key.range : null;
  return range ? lineAndColumn(lines, range[0]) : placeIn(tree, lines, path);
}

function lineAndColumn(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}
