/** Debian packages, downloaded and unpacked without being installed. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Names the kernel package of the day, by dependency. */
const KERNEL_METAPACKAGE = 'linux-image-cloud-amd64';

/** `linux-image-6.1.0-56-cloud-amd64`: what the metapackage stands for now. */
export async function kernelPackage(): Promise<string> {
  const { stdout } = await run('apt-cache', ['depends', KERNEL_METAPACKAGE]);
  const name = /Depends: (linux-image-\S+)/.exec(stdout)?.[1];
  if (name === undefined) throw new Error(`apt-cache knows no kernel behind ${KERNEL_METAPACKAGE}; apt-get update?`);
  return name;
}

/** The version that a download would bring: part of the name under which an image is cached. */
export async function candidateVersion(name: string): Promise<string> {
  const { stdout } = await run('apt-cache', ['policy', name]);
  const version = /Candidate: (\S+)/.exec(stdout)?.[1];
  if (version === undefined || version === '(none)') throw new Error(`apt-cache knows no package ${name}`);
  return version;
}

/** Unpacks the package into `directory/NAME` unless it is there already; returns that path. `suite`: not the usual one. */
export async function unpacked(name: string, directory: string, suite: string | null = null): Promise<string> {
  const target = join(directory, suite === null ? name : `${name}.${suite}`);
  const isThere = await readdir(target).then(
    () => true,
    () => false,
  );
  if (isThere) return target;
  const work = join(directory, `${name}.${process.pid}`);
  await mkdir(work, { recursive: true });
  try {
    await run('apt-get', ['download', suite === null ? name : `${name}/${suite}`], { cwd: work });
    const file = (await readdir(work)).find((each) => each.endsWith('.deb'));
    if (file === undefined) throw new Error(`apt-get download ${name} brought no package`);
    await run('dpkg', ['-x', join(work, file), join(work, 'root')]);
    // In one step, so that a test that is killed leaves no half package for the next.
    await rename(join(work, 'root'), target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return target;
}

/** True where `guestImage` can be expected to work: a Debian with its lists of packages. */
export function hasGuestPackages(): boolean {
  const shown = spawnSync('apt-cache', ['show', KERNEL_METAPACKAGE, 'busybox-static'], { stdio: 'ignore' });
  return shown.status === 0;
}
