/** Writes a policy into a directory: each file that differs, by a rename, so that no file is ever half there. */
import { lstat, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { reasonOf } from '../../broker/base/index.ts';
import { syncDirectory, writeDraft } from '../../broker/files/index.ts';
import { PolicyError } from '../read/index.ts';
import { POLICY_FILE_NAMES, type PolicyFiles } from './files.ts';
import { followTrusted } from './trusted-path.ts';

/**
 * The new files are all on disk before the first takes its place. The renames follow each other within a millisecond or so; a
 * broker that watches the directory reads it when it has come to rest.
 *
 * @returns the names of the files that were written
 * @throws PolicyError ERR_POLICY_DIRECTORY; nothing is changed unless a rename fails
 */
export async function installPolicy(directory: string, files: PolicyFiles): Promise<string[]> {
  const drafts: { readonly name: string; readonly draft: string }[] = [];
  try {
    await mkdir(directory, { recursive: true, mode: 0o755 });
    const real = await followTrusted(resolve(directory));
    for (const name of POLICY_FILE_NAMES) {
      const path = join(real, name);
      if (await hasContent(path, files[name])) continue;
      drafts.push({ name, draft: await writeDraft(path, files[name], await modeOf(path)) });
    }
    for (const { name, draft } of drafts) await rename(draft, join(real, name));
    await syncDirectory(real);
    return drafts.map(({ name }) => name);
  } catch (cause) {
    for (const { draft } of drafts) await rm(draft, { force: true }).catch(() => undefined);
    const reason = reasonOf(cause);
    throw new PolicyError(
      'ERR_POLICY_DIRECTORY',
      `the policy cannot be written to "${directory}": ${reason}`,
      [],
      cause,
    );
  }
}

async function hasContent(path: string, bytes: Uint8Array): Promise<boolean> {
  const found = await readFile(path).catch(() => null);
  return found !== null && Buffer.compare(found, bytes) === 0;
}

/** A file keeps its mode; a new one can be read by all, as `argus policy init` writes it. */
async function modeOf(path: string): Promise<number> {
  const stats = await lstat(path).catch(() => null);
  return stats?.isFile() === true ? stats.mode & 0o755 : 0o644;
}
