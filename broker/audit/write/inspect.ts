/** Makes the checks of `openAuditLog` on a directory, without changing anything. */
import { stat } from 'node:fs/promises';
import { nodeFiles } from '../files/node-files.ts';
import { findEnd } from '../read/end.ts';
import { loadTree } from './state.ts';

export interface AuditInspection {
  /** Records in the log; 0 = a new log. */
  readonly records: number;
  /** Another process is writing it. */
  readonly isLocked: boolean;
}

/** Null: the directory does not exist yet. @throws AuditError where `openAuditLog` would, except ERR_AUDIT_LOCKED */
export async function inspectAuditLog(directory: string): Promise<AuditInspection | null> {
  const isThere = await stat(directory).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
  if (!isThere) return null;
  const files = nodeFiles(directory);
  // The directory exists, so this creates nothing.
  await files.prepare();
  const end = await findEnd(files);
  await loadTree(files, end);
  return { records: end.seq, isLocked: await files.hasWriter() };
}
