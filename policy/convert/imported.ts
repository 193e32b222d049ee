/** What an import makes of a policy of another system: rows, and what has no equivalent. */

/** A place in the other system's files. */
export interface SourceLine {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly text: string;
}

/** A rule that was not translated. Nothing is guessed: an admin decides. */
export interface Untranslated extends SourceLine {
  readonly why: string;
}

export interface Imported {
  /** The text of a policy.csv. Each row follows a comment with the line that it comes from. */
  readonly csv: string;
  readonly rows: number;
  readonly untranslated: readonly Untranslated[];
}

/** Collects rows; the same row is written once. */
export class ImportedRows {
  readonly #system: string;
  readonly #lines: string[] = [];
  readonly #seen = new Set<string>();
  readonly #untranslated: Untranslated[] = [];

  constructor(system: string) {
    this.#system = system;
  }

  add(source: SourceLine, rows: readonly string[], remark = ''): void {
    const fresh = rows.filter((row) => !this.#seen.has(row));
    this.#lines.push(`# ${placeOf(this.#system, source)}${remark === '' ? '' : `   (${remark})`}`, ...fresh);
    for (const row of fresh) this.#seen.add(row);
  }

  refuse(source: SourceLine, why: string): void {
    const shown = visible(why);
    this.#untranslated.push({ ...source, text: visible(source.text), why: shown });
    this.#lines.push(`# NOT TRANSLATED: ${placeOf(this.#system, source)}`, `#   ${shown}`);
  }

  result(): Imported {
    const csv = this.#lines.map((line) => `${line}\n`).join('');
    return { csv, rows: this.#seen.size, untranslated: this.#untranslated };
  }
}

function placeOf(system: string, { file, line, text }: SourceLine): string {
  return visible(`${system} ${file}:${line}: ${text.trim()}`);
}

/** A policy file must not hold such a character, and a terminal must not act on it. */
function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu, ' ');
}
