/** The index of a log, for commands that answer questions: used where there is one, and never needed. */
import {
  AuditQuestionError,
  DerivedIndex,
  hasIndex,
  indexFile,
  openDatabase,
  prepareIndexDirectory,
} from '../../../audit/index.ts';

export interface IndexFlags {
  /** False: `--no-index`. */
  readonly index: boolean;
}

export const NO_INDEX = ['--no-index', 'scan the log, even if "argus audit index" has made an index of it'] as const;

/**
 * Opens the index of a log and brings it up to date; null: there is none, or it is not wanted. An index that cannot be
 * used is worth a line on standard error: the answer is the same without it.
 */
export async function openIndex(directory: string, { index: isWanted }: IndexFlags): Promise<DerivedIndex | null> {
  if (!isWanted) return null;
  try {
    const file = indexFile(directory);
    if (!hasIndex(file)) return null;
    const index = await openFile(directory, file);
    await index.catchUp().catch((error: unknown) => {
      index.close();
      throw error;
    });
    return index;
  } catch (error) {
    if (!(error instanceof AuditQuestionError)) throw error;
    process.stderr.write(`${error.code}: ${error.message}; the log is scanned instead\n`);
    return null;
  }
}

/** The same for a command that makes the index. @throws AuditQuestionError */
export async function makeIndex(directory: string): Promise<DerivedIndex> {
  const file = indexFile(directory);
  prepareIndexDirectory(file);
  return openFile(directory, file);
}

async function openFile(directory: string, file: string): Promise<DerivedIndex> {
  return DerivedIndex.open(directory, await openDatabase(file));
}
