/** YAML text to a document in which everything means what it says: no anchors, aliases, tags, merge keys or repeated keys. */
import { type Document, isAlias, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import { yamlFaultWords } from '../../broker/config/index.ts';
import { MAX_FINDINGS, MAX_LINE_LENGTH, MAX_YAML_BYTES, MAX_YAML_DEPTH } from '../contract/index.ts';
import type { Finding } from './finding.ts';
import { decodeText } from './text.ts';

export interface ParsedDocument {
  readonly tree: Document.Parsed;
  readonly lines: LineCounter;
}

/** @returns null after a finding */
export function parseStrict(file: string, bytes: Uint8Array, findings: Finding[]): ParsedDocument | null {
  const refuse = (line: number, column: number, code: Finding['code'], message: string): null => {
    findings.push({ file, line, column, code, message });
    return null;
  };
  if (bytes.length > MAX_YAML_BYTES)
    return refuse(0, 0, 'F-008', `${bytes.length} bytes; at most ${MAX_YAML_BYTES} are read`);
  const text = decodeText(file, bytes, findings);
  if (text === null) return null;
  const long = text.split('\n').findIndex((line) => line.length > MAX_LINE_LENGTH) + 1;
  if (long !== 0) return refuse(long, 0, 'F-008', `a line of more than ${MAX_LINE_LENGTH} characters`);
  const deep = tooDeepLine(text);
  if (deep !== 0) return refuse(deep, 0, 'F-008', `nested deeper than ${MAX_YAML_DEPTH} levels`);

  const lines = new LineCounter();
  let tree: Document.Parsed;
  try {
    tree = parseDocument(text, {
      lineCounter: lines,
      strict: true,
      // Looked at below: the parser compares each key with all before it, minutes for a file of many keys.
      uniqueKeys: false,
      version: '1.2',
      schema: 'core',
      merge: false,
      prettyErrors: false,
      stringKeys: true,
    });
  } catch (error) {
    return refuse(0, 0, 'F-009', `not valid YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
  const before = findings.length;
  for (const fault of [...tree.errors, ...tree.warnings].slice(0, MAX_FINDINGS)) {
    const { line, col } = lines.linePos(fault.pos[0]);
    const quote = fault.message.includes('reserved character @') ? '; a label too: "@app"' : '';
    refuse(line, col, 'F-009', `${yamlFaultWords(fault.code)}${quote}`);
  }
  for (const { node, message } of unwantedNodes(tree).slice(0, MAX_FINDINGS)) {
    const { line, col } = lines.linePos(node.range?.[0] ?? 0);
    refuse(line, col, 'F-009', message);
  }
  return findings.length === before ? { tree, lines } : null;
}

interface Unwanted {
  readonly node: Node;
  readonly message: string;
}

/** Text that means something else than it says, and keys that stand twice. */
function unwantedNodes(tree: Document.Parsed): Unwanted[] {
  const unwanted: Unwanted[] = [];
  visit(tree, {
    Map(_, map) {
      const keys = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (keys.has(key.value)) unwanted.push({ node: key, message: `key "${key.value}" stands twice` });
        keys.add(key.value);
      }
    },
    Node(_, node) {
      if (isAlias(node) || node.tag !== undefined || ('anchor' in node && node.anchor !== undefined)) {
        unwanted.push({ node, message: 'anchors, aliases and tags are not used here; write the value itself' });
      }
    },
  });
  return unwanted;
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
