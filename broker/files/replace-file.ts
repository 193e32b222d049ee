/**
 * How a file is replaced, everywhere in the product: readers see the old content or the new one, never a part of it, and
 * after a crash as well.
 *
 *   .NAME.RANDOM.new   the draft: written next to the file, with its mode, and synced
 *   NAME               gets the draft by a rename
 *   the directory      is synced: without that a crash may undo the rename
 *
 * The draft is a new file each time. A name that another process knows could be a link to a file of somebody, and two
 * writers with one draft would mix their contents.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

/** Before the draft has its mode, nobody else may read it. */
const DRAFT_MODE = 0o600;

/** Durable when it resolves. When it throws the host's error, the file is as it was, and no draft is left. */
export async function replaceFile(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const draft = await writeDraft(path, content, mode);
  try {
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/**
 * The first step alone, for several files that change together, and for a name that must be free. The caller gives the
 * draft its name or removes it, and then syncs the directory.
 *
 * @param mode exactly this one, whatever the umask
 * @returns the path of the draft
 */
export async function writeDraft(path: string, content: string | Uint8Array, mode: number): Promise<string> {
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.new`);
  const handle = await open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, DRAFT_MODE);
  try {
    await handle.writeFile(content);
    await handle.chmod(mode);
    await handle.sync();
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  return draft;
}

/** Makes new names in the directory durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
