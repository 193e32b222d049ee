/** `--checkpoint`: how far the last run of a question has come, in a file that is replaced completely or not at all. */
import { readFile } from 'node:fs/promises';
import { auditReader, type LinePlace, type PlacedLine, placeAfter } from '../../../../broker/audit/index.ts';
import { replaceFile } from '../../../../broker/files/index.ts';
import { AuditQuestionError } from '../../../audit/index.ts';

export const CHECKPOINT_OPTION = [
  '--checkpoint <file>',
  'only what came since the last run with this file; written at the end',
] as const;

export const BEGINNING: LinePlace = { segment: 0, offset: 0 };

/** Each question of each log has a cursor of its own. */
interface CursorOwner {
  readonly command: string;
  readonly directory: string;
}

export class LogCursor {
  /** Where the last run has ended; the beginning: there was none. */
  readonly from: LinePlace;
  readonly #file: string;
  readonly #owner: CursorOwner;
  readonly #seq: number;
  #isChecked: boolean;

  private constructor(file: string, owner: CursorOwner, from: LinePlace, seq: number) {
    this.#file = file;
    this.#owner = owner;
    this.from = from;
    this.#seq = seq;
    this.#isChecked = seq === 0;
  }

  /** @throws AuditQuestionError ERR_AUDIT_CURSOR: it is not of this question, or the log does not go on from there */
  static async read(file: string, command: string, directory: string): Promise<LogCursor> {
    const owner = { command, directory };
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    });
    if (text === null) return new LogCursor(file, owner, BEGINNING, 0);
    const { place, seq } = parsed(text, owner, file);
    if (!(await isInLog(directory, place)))
      throw unusable(`the log ends before the place where the run of "${file}" ended: run "argus audit verify"`);
    return new LogCursor(file, owner, place, seq);
  }

  /**
   * Compares the first record after the place with the last one before it.
   *
   * @returns how many records between the two are gone; 0: none
   * @throws AuditQuestionError ERR_AUDIT_CURSOR: the log goes back
   */
  gapBefore({ parsed: record }: PlacedLine): number {
    if (this.#isChecked || typeof record === 'string') return 0;
    this.#isChecked = true;
    if (record.seq <= this.#seq)
      throw unusable(`record ${record.seq} follows record ${this.#seq} of the last run: run "argus audit verify"`);
    return record.seq - this.#seq - 1;
  }

  async write({ place: { segment, offset }, seq: last }: Reached): Promise<void> {
    // Nothing was read: what the last run has read is still the last record before the place.
    const seq = last === 0 ? this.#seq : last;
    await replaceFile(this.#file, `${JSON.stringify({ ...this.#owner, segment, offset, seq })}\n`, 0o600);
  }
}

/** Nothing is left out in silence. */
export function gapNotice(cursor: LogCursor | null, line: PlacedLine): void {
  const gone = cursor?.gapBefore(line) ?? 0;
  if (gone > 0)
    process.stderr.write(
      `${gone} records since the last run are not in the log any more; "argus audit verify" says whether retention removed them\n`,
    );
}

/** A place in a segment that retention has removed is in the log as long as a later segment is there. */
async function isInLog(directory: string, { segment, offset }: LinePlace): Promise<boolean> {
  if (segment === BEGINNING.segment) return true;
  const segments = await auditReader(directory).segments();
  const own = segments.find(({ number }) => number === segment);
  return own === undefined ? segments.some(({ number }) => number > segment) : own.bytes >= offset;
}

function parsed(
  text: string,
  { command, directory }: CursorOwner,
  file: string,
): { readonly place: LinePlace; readonly seq: number } {
  let value: { readonly [key: string]: unknown } = {};
  try {
    value = JSON.parse(text) ?? {};
  } catch {
    // Not JSON: nothing below fits.
  }
  // A file of an earlier version has no command and no number: it is of a list, and its place is not compared.
  const { command: of = 'list', directory: log, segment, offset, seq = 0 } = value;
  if (of !== command || log !== directory || !isPlace(segment) || !isPlace(offset) || !isPlace(seq))
    throw unusable(`"${file}" is not the cursor of "argus audit ${command} ${directory}"; remove it, or name another`);
  return { place: { segment, offset }, seq };
}

function isPlace(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function unusable(message: string): AuditQuestionError {
  return new AuditQuestionError('ERR_AUDIT_CURSOR', message);
}

/** Is the line one that an earlier run, which ended at `from`, has not seen? */
export function isSince({ place }: PlacedLine, from: LinePlace): boolean {
  return place.segment > from.segment || (place.segment === from.segment && place.offset >= from.offset);
}

/** How far a reading has come. */
export class Reached {
  #place: LinePlace;
  #seq = 0;

  constructor(from: LinePlace) {
    this.#place = from;
  }

  add(line: PlacedLine): void {
    this.#place = placeAfter(line);
    if (typeof line.parsed !== 'string') this.#seq = line.parsed.seq;
  }

  /** The index has looked at all lines before this place. */
  skipTo(place: LinePlace): void {
    this.#place = place;
  }

  get place(): LinePlace {
    return this.#place;
  }

  get seq(): number {
    return this.#seq;
  }
}
