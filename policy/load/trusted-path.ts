/**
 * Follows a path to the real file and trusts each step: a user who can turn a link, or replace a file on the way, chooses the
 * policy.
 *
 * A link counts when root or the user who loads owns it, and when the directory that holds it is trusted. A directory is
 * trusted when root or that user owns it and no other user can write to it; a sticky one (/tmp, /nix/store) lets no other
 * user replace what is theirs. So a policy may lie in a read-only store: NixOS' /etc links into /nix/store.
 */
import { lstat, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Links on the way: as many as Linux follows (MAXSYMLINKS). */
const MAX_LINKS = 40;

interface Stats {
  readonly uid: number;
  readonly mode: number;
}

/** @throws Error with a reason in words; what `lstat` throws when a part is missing */
export async function followTrusted(path: string): Promise<string> {
  let resolved = '/';
  let rest = path.split('/');
  for (let links = 0; rest.length > 0; ) {
    const [part = '', ...following] = rest;
    rest = following;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      resolved = dirname(resolved);
      continue;
    }
    const here = join(resolved, part);
    const stats = await lstat(here);
    if (!stats.isSymbolicLink()) {
      resolved = here;
      continue;
    }
    if (++links > MAX_LINKS) throw new Error(`more than ${MAX_LINKS} symbolic links lead to it`);
    const fault = foreignOwner(stats) ?? directoryFault(await lstat(resolved));
    if (fault !== null) throw new Error(`the symbolic link ${here} cannot be trusted: ${fault}`);
    const target = await readlink(here);
    if (target.startsWith('/')) resolved = '/';
    rest = [...target.split('/'), ...rest];
  }
  return resolved;
}

/** Why a directory cannot be trusted; null = it can. */
export function directoryFault(stats: Stats): string | null {
  const isSticky = (stats.mode & 0o1000) !== 0;
  if (isWritableByOthers(stats) && !isSticky) return 'its directory is writable by group or others';
  const owner = foreignOwner(stats);
  return owner === null ? null : `its directory ${owner}`;
}

export function isWritableByOthers({ mode }: Stats): boolean {
  return (mode & 0o022) !== 0;
}

/** Null when root or the user of this process owns it. */
export function foreignOwner({ uid }: Stats): string | null {
  const own = process.getuid?.();
  if (own === undefined || uid === own || uid === 0) return null;
  return `belongs to user ${uid}; it has to belong to root or to user ${own}, who loads it`;
}
