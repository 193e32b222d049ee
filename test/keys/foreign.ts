/** Files that belong to another user than the one of this process, whether or not the tests run as root. */
import { chown } from 'node:fs/promises';

const STRANGER = 12_345;

/** Runs `act` while the paths belong to a stranger: root gives them away, any other user pretends to be the stranger. */
export async function asForeign(paths: readonly string[], act: () => Promise<void>): Promise<void> {
  const { getuid } = process;
  const isRoot = getuid?.() === 0;
  if (isRoot) for (const path of paths) await chown(path, STRANGER, STRANGER);
  else process.getuid = () => STRANGER;
  try {
    await act();
  } finally {
    if (isRoot) for (const path of paths) await chown(path, 0, 0);
    else if (getuid !== undefined) process.getuid = getuid;
  }
}
