/** A YAML file checked against a zod schema, with line and column for whatever is wrong. */
import { type Document, isMap, isNode, isScalar, type LineCounter } from 'yaml';
import type { z } from 'zod';
import { didYouMean } from '../../broker/base/index.ts';
import { OUR_WORDS } from '../../broker/config/index.ts';
import { MAX_FINDINGS } from '../contract/index.ts';
import type { Finding, Place } from './finding.ts';
import { parseStrict } from './yaml-document.ts';

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
  const result = schema.safeParse(document.tree.toJS(), OUR_WORDS);
  if (result.success) return { value: result.data, place };
  for (const issue of result.error.issues.slice(0, MAX_FINDINGS)) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys.slice(0, MAX_FINDINGS)) {
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
