/**
 * Rows of a CSV file: split strictly, with the place of each field.
 *
 * Casbin's own loader drops or widens rows it does not understand (an inline comment turns a denial into an allow), so it
 * never sees a file. Here a line is empty, a comment, or a row of plain fields; all else is a finding.
 */

import { MAX_CSV_BYTES, MAX_LINE_LENGTH, MAX_ROWS } from '../contract/index.ts';
import type { Finding } from './finding.ts';
import type { Work } from './pace.ts';
import { codePointName, decodeText } from './text.ts';

export interface Field {
  readonly text: string;
  /** 1-based column of the first character. */
  readonly column: number;
}

export interface Row {
  readonly line: number;
  readonly fields: readonly Field[];
}

const PRINTABLE_ASCII = /^[ -~]*$/;
/** Characters that names, labels and keywords cannot hold, but that people write in other formats. */
const FOREIGN = /["'`()[\]{}<>$|\\&!?%^=+~:/]/;

/** Splits a file into rows. A line with a finding gives no row; the caller refuses the file when there are findings. */
export function* splitRows(file: string, bytes: Uint8Array, findings: Finding[]): Work<Row[]> {
  if (bytes.length > MAX_CSV_BYTES) {
    findings.push({
      file,
      line: 0,
      column: 0,
      code: 'F-008',
      message: `${bytes.length} bytes; at most ${MAX_CSV_BYTES} are read`,
    });
    return [];
  }
  const text = decodeText(file, bytes, findings);
  if (text === null) return [];
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  else {
    const message =
      'the last line does not end with a line feed: the file may have been cut short while it was written';
    findings.push({ file, line: lines.length, column: 0, code: 'F-006', message });
  }
  const rows: Row[] = [];
  for (const [index, raw] of lines.entries()) {
    const row = splitLine(file, index + 1, raw.endsWith('\r') ? raw.slice(0, -1) : raw, findings);
    if (row !== null) rows.push(row);
    if (rows.length > MAX_ROWS) {
      findings.push({ file, line: index + 1, column: 0, code: 'F-008', message: `more than ${MAX_ROWS} rows` });
      return [];
    }
    yield;
  }
  return rows;
}

function splitLine(file: string, line: number, text: string, findings: Finding[]): Row | null {
  const found = (column: number, code: Finding['code'], message: string): null => {
    findings.push({ file, line, column, code, message });
    return null;
  };
  if (text.length > MAX_LINE_LENGTH)
    return found(0, 'F-008', `${text.length} characters; a line has at most ${MAX_LINE_LENGTH}`);
  const body = text.trimStart();
  if (body === '' || body.startsWith('#')) return null;
  const tab = text.indexOf('\t');
  if (tab !== -1)
    return found(tab + 1, 'F-003', 'tab; fields are separated by commas, and only spaces may stand around them');
  const semicolon = text.indexOf(';');
  if (semicolon !== -1)
    return found(semicolon + 1, 'F-003', '";"; fields are separated by commas, comments start with "#"');
  const hash = text.indexOf('#');
  if (hash !== -1) return found(hash + 1, 'F-003', 'a comment stands on a line of its own, not after a row');
  if (!PRINTABLE_ASCII.test(text)) {
    const column = [...text].findIndex((character) => !PRINTABLE_ASCII.test(character));
    const character = [...text][column] ?? '';
    return found(
      column + 1,
      'F-004',
      `the character "${character}" (${codePointName(character)}) is not ASCII; it may only look like a letter of a name`,
    );
  }
  const foreign = FOREIGN.exec(text);
  if (foreign !== null)
    return found(
      foreign.index + 1,
      'F-005',
      `"${foreign[0]}" is in no name; rows have no quotes, brackets or patterns`,
    );
  return { line, fields: splitFields(text) };
}

function splitFields(text: string): Field[] {
  const fields: Field[] = [];
  let start = 0;
  for (const part of text.split(',')) {
    const trimmed = part.trim();
    fields.push({ text: trimmed, column: start + (trimmed === '' ? 0 : part.indexOf(trimmed)) + 1 });
    start += part.length + 1;
  }
  return fields;
}
