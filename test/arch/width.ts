/** How many files a folder holds at one level. A reader takes in some sixteen names at once; more belong into rooms. */
import { readdirSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import { FOLDERS } from './source.ts';

export const MOST_FILES = 16;

/** Files of every kind, from the root of the project, with slashes. */
export function readPaths(root: string): string[] {
  return FOLDERS.flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

/** One line for each folder that is too wide. */
export function wideFolders(paths: readonly string[]): string[] {
  const widths = new Map<string, number>();
  for (const folder of paths.map(posix.dirname)) widths.set(folder, (widths.get(folder) ?? 0) + 1);
  return [...widths]
    .filter(([, width]) => width > MOST_FILES)
    .map(([folder, width]) => `${folder} holds ${width} files at one level, and ${MOST_FILES} are the most`);
}
