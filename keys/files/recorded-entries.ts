/**
 * Which entries of its authority's register a broker has brought into its audit log, so that each is there once.
 *
 * Before entries are recorded they are written down as pending, with the newest record of the log. A broker that ends in
 * between looks at its next start which of them are in the log after that record.
 */
import * as z from 'zod';
import { KeyError, MAX_REGISTER_BYTES, PRIVATE_FILE_MODE } from '../base/index.ts';
import { isPresent, readKeyFile, replaceKeyFile } from './key-files.ts';
import { identityLayout } from './layout.ts';

const recordedFile = z.object({
  recorded: z.array(z.string()),
  pending: z.object({ ids: z.array(z.string()), after: z.int().nonnegative() }).nullable(),
});

export class RecordedEntries {
  readonly #path: string;
  readonly #recorded: Set<string>;
  #pending: z.output<typeof recordedFile>['pending'];

  private constructor(path: string, { recorded, pending }: z.output<typeof recordedFile>) {
    this.#path = path;
    this.#recorded = new Set(recorded);
    this.#pending = pending;
  }

  /** @throws KeyError ERR_KEY_FILE_… */
  static async open(dir: string): Promise<RecordedEntries> {
    const { recorded: path } = identityLayout(dir);
    if (!(await isPresent(path))) return new RecordedEntries(path, { recorded: [], pending: null });
    const parsed = recordedFile.safeParse(parseJson(await readKeyFile(path, 'private', '', MAX_REGISTER_BYTES)));
    if (!parsed.success)
      throw new KeyError(
        'ERR_KEY_FILE_CONTENT',
        `"${path}" cannot be read; it says what of the authority's register is in the audit log: restore it from a backup, or remove it and accept that entries are recorded again`,
      );
    return new RecordedEntries(path, parsed.data);
  }

  /** The ids of all entries that are in the log. */
  get ids(): readonly string[] {
    return [...this.#recorded];
  }

  has(id: string): boolean {
    return this.#recorded.has(id);
  }

  /** What was begun and not completed by an earlier run; null: nothing. */
  get pending(): { readonly ids: readonly string[]; readonly after: number } | null {
    return this.#pending;
  }

  /** Before they are recorded. On disk when this resolves. @param after the newest record of the log */
  async begin(ids: readonly string[], after: number): Promise<void> {
    this.#pending = { ids: [...ids], after };
    await this.#write();
  }

  /** These are in the log. On disk when this resolves. */
  async complete(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#recorded.add(id);
    this.#pending = null;
    await this.#write();
  }

  #write(): Promise<void> {
    const text = `${JSON.stringify({ recorded: this.ids, pending: this.#pending })}\n`;
    return replaceKeyFile(this.#path, text, PRIVATE_FILE_MODE);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
