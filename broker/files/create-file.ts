/**
 * How a new file is made whose name must be free: it is there as a whole or not at all, after a crash as well, and never
 * in the place of another one.
 *
 * The draft is linked into place instead of renamed: link(2) refuses a taken name in one step.
 */
import { link, lstat, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory, writeDraft } from './replace-file.ts';

/** What link(2) says on a file system without hard links, such as FAT. */
const NO_LINKS: readonly unknown[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/** Durable when it resolves. Throws the host's error, EEXIST when the name is taken; then no draft is left. */
export async function createFile(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const draft = await writeDraft(path, content, mode);
  try {
    await place(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  await syncDirectory(dirname(path));
}

async function place(draft: string, path: string): Promise<void> {
  try {
    await link(draft, path);
  } catch (error) {
    if (!NO_LINKS.includes(codeOf(error))) throw error;
    // Without links the name is looked at first, so there two processes could race.
    if (await isTaken(path)) throw Object.assign(new Error(`"${path}" exists already`), { code: 'EEXIST' });
    await rename(draft, path);
  }
}

async function isTaken(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
