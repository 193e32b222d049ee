/** Decodes a policy file to text without invisible characters, so that a person sees what the parser reads. */

import { MAX_FINDINGS } from '../contract/index.ts';
import type { Finding } from './finding.ts';

/**
 * Characters that show nothing, or make what follows show in another order (the BIDI controls of "Trojan Source"), or
 * that some programs take for the end of a line. Not even comments may hold one. LF, TAB and CR are looked at by the
 * callers.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu;

/** `U+200B`. */
export function codePointName(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/**
 * Strict UTF-8 to a string; a BOM at the very start is dropped, anywhere else it is a finding. CRLF stays as it is.
 *
 * @returns null after a finding: a file with such a character is not read any further.
 */
export function decodeText(file: string, bytes: Uint8Array, findings: Finding[]): string | null {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    findings.push({
      file,
      line: lineOfInvalidUtf8(bytes),
      column: 0,
      code: 'F-004',
      message: 'the file is not valid UTF-8',
    });
    return null;
  }
  const before = findings.length;
  for (const match of text.matchAll(INVISIBLE)) {
    const character = match[0];
    if (character === '\n' || character === '\t' || (character === '\r' && text[match.index + 1] === '\n')) continue;
    const what =
      character === '\r' ? 'a carriage return that no line feed follows' : `the character ${codePointName(character)}`;
    findings.push({
      file,
      ...placeOf(text, match.index),
      code: 'F-004',
      message: `${what} is not allowed; it cannot be seen`,
    });
    if (findings.length - before >= MAX_FINDINGS) break;
  }
  return findings.length > before ? null : text;
}

/** 1-based line and column of an offset. */
function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
}

/** The first line that does not decode by itself; UTF-8 never hides an LF inside another character. */
function lineOfInvalidUtf8(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let start = 0;
  for (let line = 1; ; line++) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline === -1 ? bytes.length : newline;
    try {
      decoder.decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    if (newline === -1) return line;
    start = newline + 1;
  }
}
