/** Finds a configuration file that may say where a socket is: in the working directory, then in /etc/argus. */
import { statSync } from 'node:fs';
import { join } from 'node:path';

const SYSTEM_DIRECTORY = '/etc/argus';
const GROUP_OR_OTHERS_MAY_WRITE = 0o022;

/** Directories of the search; a test gives its own. */
export interface SearchPlaces {
  readonly here: string;
  readonly system: string;
}

export function usualPlaces(): SearchPlaces {
  return { here: process.cwd(), system: SYSTEM_DIRECTORY };
}

/**
 * Path of the file, or null.
 *
 * A file in the working directory counts only if no other user could have written it. Otherwise another user could lead
 * `argus revoke` to a socket of that user's own, which answers "revoked" and revokes nothing.
 */
export function findConfig(name: string, { here, system }: SearchPlaces = usualPlaces()): string | null {
  const own = join(here, name);
  if (isOwn(here) && isOwn(own)) return own;
  const installed = join(system, name);
  return statSync(installed, { throwIfNoEntry: false }) === undefined ? null : installed;
}

/** Belongs to this user or to root, and no other user may write it. */
function isOwn(path: string): boolean {
  try {
    const { uid, mode } = statSync(path);
    return (uid === 0 || uid === process.geteuid?.()) && (mode & GROUP_OR_OTHERS_MAY_WRITE) === 0;
  } catch {
    return false; // it does not exist, or this user may not read it
  }
}
