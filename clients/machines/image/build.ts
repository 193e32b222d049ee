/**
 * The image that all guests share: a Debian kernel with a few modules, busybox, and this machine's node, perl and ip with
 * their libraries. It holds no secret and no difference between guests.
 *
 * Kept under node_modules/.cache/argus/vm, named by what went into it; built again only when that changes.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../program-file.ts';
import { cpioArchive, type Entry } from './cpio.ts';
import { INIT_SCRIPT, MODULES, SPARE_MODULES } from './init-script.ts';
import { candidateVersion, kernelPackage, unpacked } from './packages.ts';

const run = promisify(execFile);

export const CACHE = join(ROOT, 'node_modules/.cache/argus/vm');

export interface GuestImage {
  readonly kernel: string;
  /** A cpio archive; a guest's own archive goes behind it. */
  readonly base: string;
}

interface Plan {
  readonly image: GuestImage;
  readonly directory: string;
  readonly kernelName: string;
  /** Programs of this machine: the agent runs in the first, and needs the others for a TAP device and for routes. */
  readonly programs: readonly string[];
}

/** Builds the image or finds it in the cache; `onBuild` is called before it builds. */
export async function guestImage(onBuild: (kernel: string) => void = () => {}): Promise<GuestImage> {
  const plan = await planned();
  if (await exists(plan.image.base)) return plan.image;
  onBuild(plan.kernelName);
  await build(plan);
  return plan.image;
}

async function planned(): Promise<Plan> {
  const kernelName = await kernelPackage();
  const versions = await Promise.all([kernelName, 'busybox-static'].map(candidateVersion));
  const programs = await Promise.all(
    [process.execPath, await which('perl'), await which('ip')].map((at) => realpath(at)),
  );
  const sizes = await Promise.all(programs.map(async (program) => (await stat(program)).size));
  const key = createHash('sha256')
    .update(
      JSON.stringify([kernelName, versions, process.version, programs, sizes, MODULES, SPARE_MODULES, INIT_SCRIPT]),
    )
    .digest('hex')
    .slice(0, 16);
  const directory = join(CACHE, key);
  const image = { kernel: join(directory, 'vmlinuz'), base: join(directory, 'base.cpio') };
  return { image, directory, kernelName, programs };
}

async function build({ image, directory, kernelName, programs }: Plan): Promise<void> {
  const packages = join(CACHE, 'packages');
  const kernelRoot = await unpacked(kernelName, packages);
  const busyboxRoot = await unpacked('busybox-static', packages);
  const entries = new Map<string, Entry>();
  entries.set('init', { kind: 'file', bytes: Buffer.from(INIT_SCRIPT), mode: 0o755 });
  entries.set('dev/console', { kind: 'device', major: 5, minor: 1, mode: 0o600 });
  for (const name of ['proc', 'sys', 'tmp', 'run']) entries.set(name, { kind: 'directory', mode: 0o755 });
  await addFile(entries, 'bin/busybox', join(busyboxRoot, 'bin/busybox'), 0o755);
  for (const [index, name] of ['node', 'perl', 'ip'].entries()) {
    await addProgram(entries, name, programs[index] ?? '');
  }
  for (const module of await perlModules()) await addFile(entries, module.slice(1), module, 0o644);
  for (const module of [...MODULES, ...SPARE_MODULES]) {
    // Newer kernels compress them, which busybox's insmod undoes.
    const [path] = await findFiles(join(kernelRoot, 'lib/modules'), new RegExp(`^${module}\\.ko(?:\\.xz)?$`));
    if (path === undefined) throw new Error(`${kernelName} has no module ${module}`);
    await addFile(entries, `lib/modules/${basename(path)}`, path, 0o644);
  }
  entries.set('bin/sh', { kind: 'link', target: 'busybox' });

  const work = `${directory}.${process.pid}`;
  await mkdir(work, { recursive: true });
  const [vmlinuz] = await findFiles(join(kernelRoot, 'boot'), /^vmlinuz-/);
  if (vmlinuz === undefined) throw new Error(`${kernelName} has no vmlinuz`);
  await writeFile(join(work, 'vmlinuz'), await readFile(vmlinuz));
  // Not compressed: software emulation would take longer to unpack it than the host to read it.
  await writeFile(join(work, 'base.cpio'), cpioArchive(entries));
  await rename(work, directory).catch(async (error: unknown) => {
    await rm(work, { recursive: true, force: true });
    if (!(await exists(image.base))) throw error; // else another process was faster
  });
}

/** A program of this machine and its libraries, as files of a guest that wants one more than all guests have. */
export async function hostProgram(name: string): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  await addProgram(entries, name, await realpath(await which(name)));
  return entries;
}

async function addProgram(entries: Map<string, Entry>, name: string, from: string): Promise<void> {
  await addFile(entries, `bin/${name}`, from, 0o755);
  for (const library of await librariesOf(from)) await addFile(entries, library.slice(1), library, 0o755);
}

async function which(name: string): Promise<string> {
  const { stdout } = await run('sh', ['-c', `command -v ${name}`], {
    env: { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` },
  });
  return stdout.trim();
}

/** What the TAP helper loads (clients/agents/network/link/tap-helper.ts). */
async function perlModules(): Promise<string[]> {
  const { stdout } = await run('perl', ['-Mstrict', '-Mwarnings', '-e', 'print join "\\n", sort values %INC']);
  return stdout.split('\n').filter((path) => path.startsWith('/'));
}

/** Absolute paths of the shared libraries and of their loader. */
async function librariesOf(binary: string): Promise<string[]> {
  const { stdout } = await run('ldd', [binary]);
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] ?? '').filter((path) => path !== '');
}

async function addFile(entries: Map<string, Entry>, path: string, from: string, mode: number): Promise<void> {
  entries.set(path, { kind: 'file', bytes: await readFile(from), mode });
}

export async function findFiles(directory: string, name: RegExp): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => name.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
