/** Rows as aligned text, CSV or JSON lines: one way for all of `argus audit`. Pure. */
import { escapeUnsafe } from '../../broker/audit/index.ts';

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** @param least widths of the columns: lines that are printed later stand below those that are there */
export function textTable(table: Table, least: readonly number[] = []): string {
  const { columns, rows } = table;
  const widths = columnWidths(table, least);
  const isNumber = columns.map((_, at) => rows.length > 0 && rows.every((row) => typeof row[at] === 'number'));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => (isNumber[at] ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd();
  return [columns, ...rows.map(escapedCells)].map(line).join('\n');
}

export function columnWidths({ columns, rows }: Table, least: readonly number[] = []): readonly number[] {
  const cells = rows.map(escapedCells);
  return columns.map((column, at) =>
    cells.reduce((width, row) => Math.max(width, row[at]?.length ?? 0), Math.max(column.length, least[at] ?? 0)),
  );
}

function escapedCells(row: readonly (string | number)[]): readonly string[] {
  return row.map((cell) => escapeUnsafe(String(cell)));
}

/** A table that is read again while it changes. */
export class GrowingTable {
  #before: ReadonlySet<string> = new Set();

  /** The rows that were not there the last time, or had other cells. */
  next({ columns, rows }: Table): Table {
    const keyed = rows.map((row) => [JSON.stringify(row), row] as const);
    const fresh = keyed.filter(([key]) => !this.#before.has(key)).map(([, row]) => row);
    this.#before = new Set(keyed.map(([key]) => key));
    return { columns, rows: fresh };
  }
}

/** RFC 4180. A cell that a spreadsheet would take for a formula gets an apostrophe in front. */
export function csvTable({ columns, rows }: Table): string {
  return [columns, ...rows].map((row) => row.map(csvCell).join(',')).join('\r\n');
}

export function csvCell(cell: string | number): string {
  const text = typeof cell === 'string' && /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function jsonRows({ columns, rows }: Table): readonly object[] {
  return rows.map((row) => Object.fromEntries(columns.map((column, at) => [column, row[at]])));
}
