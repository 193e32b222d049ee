/**
 * The image that all test guests share: a Debian kernel, busybox, this machine's node with its libraries, the virtio
 * modules and the bundled agent. Nothing in it is secret or differs between guests.
 *
 * Kept under node_modules/.cache/argus/vm, named by what went into it; built again only when that changes.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cpioArchive, type Entry } from './cpio.ts';
import { candidateVersion, kernelPackage, unpacked } from './packages.ts';

const run = promisify(execFile);

const CACHE = fileURLToPath(new URL('../../../node_modules/.cache/argus/vm', import.meta.url));
/** In the order in which they are loaded (see init.sh). */
const MODULES = [
  'virtio_ring',
  'virtio',
  'virtio_pci_modern_dev',
  'virtio_pci_legacy_dev',
  'virtio_pci',
  'virtio_console',
];

export interface GuestImage {
  readonly kernel: string;
  /** A cpio archive; a guest's own archive goes behind it. */
  readonly base: string;
}

/** Builds the image or finds it in the cache. */
export async function guestImage(): Promise<GuestImage> {
  const kernelName = await kernelPackage();
  const init = await readFile(new URL('./init.sh', import.meta.url));
  const node = await realpath(process.execPath);
  const versions = await Promise.all([kernelName, 'busybox-static'].map(candidateVersion));
  const { size } = await stat(node);
  const key = createHash('sha256')
    .update(JSON.stringify([kernelName, ...versions, process.version, size, MODULES, init.toString()]))
    .digest('hex')
    .slice(0, 16);
  const directory = join(CACHE, key);
  const image = { kernel: join(directory, 'vmlinuz'), base: join(directory, 'base.cpio') };
  if (await exists(image.base)) return image;

  const packages = join(CACHE, 'packages');
  const kernelRoot = await unpacked(kernelName, packages);
  const busyboxRoot = await unpacked('busybox-static', packages);
  const entries = new Map<string, Entry>();
  entries.set('init', { kind: 'file', bytes: init, mode: 0o755 });
  entries.set('dev/console', { kind: 'device', major: 5, minor: 1, mode: 0o600 });
  for (const name of ['proc', 'sys', 'tmp', 'run']) entries.set(name, { kind: 'directory', mode: 0o755 });
  await addFile(entries, 'bin/busybox', join(busyboxRoot, 'bin/busybox'), 0o755);
  await addFile(entries, 'bin/node', node, 0o755);
  for (const library of await librariesOf(node)) await addFile(entries, library.slice(1), library, 0o755);
  for (const module of MODULES) {
    const [path] = await find(join(kernelRoot, 'lib/modules'), `${module}.ko`);
    if (path === undefined) throw new Error(`${kernelName} has no module ${module}`);
    await addFile(entries, `lib/modules/${module}.ko`, path, 0o644);
  }
  entries.set('bin/sh', { kind: 'link', target: 'busybox' });

  const work = `${directory}.${process.pid}`;
  await mkdir(work, { recursive: true });
  const [vmlinuz] = await find(join(kernelRoot, 'boot'), /^vmlinuz-/);
  if (vmlinuz === undefined) throw new Error(`${kernelName} has no vmlinuz`);
  await writeFile(join(work, 'vmlinuz'), await readFile(vmlinuz));
  // Not compressed: software emulation would take longer to unpack it than the host to read it.
  await writeFile(join(work, 'base.cpio'), cpioArchive(entries));
  await rename(work, directory).catch(async (error: unknown) => {
    await rm(work, { recursive: true, force: true });
    if (!(await exists(image.base))) throw error; // else another process was faster
  });
  return image;
}

/** Absolute paths of the shared libraries and of their loader. */
async function librariesOf(binary: string): Promise<string[]> {
  const { stdout } = await run('ldd', [binary]);
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] ?? '').filter((path) => path !== '');
}

async function addFile(entries: Map<string, Entry>, path: string, from: string, mode: number): Promise<void> {
  entries.set(path, { kind: 'file', bytes: await readFile(from), mode });
}

async function find(directory: string, name: string | RegExp): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => (typeof name === 'string' ? entry.name === name : name.test(entry.name)))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
