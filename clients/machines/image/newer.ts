/**
 * QEMU 10 and a kernel with the driver of the virtual sound card, from Debian's backports. Both are downloaded and unpacked
 * next to what is installed, and nothing is installed.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CACHE, findFiles, type GuestImage } from './build.ts';
import { cpioArchive, type Entry } from './cpio.ts';
import { INIT_SCRIPT } from './init-script.ts';
import { unpacked } from './packages.ts';

const SUITE = 'bookworm-backports';
const PACKAGES = ['qemu-system-x86', 'qemu-system-common', 'qemu-system-data', 'seabios'] as const;
const KERNEL_METAPACKAGE = 'linux-image-amd64';
const MODULES: readonly string[] = ['soundcore', 'snd', 'snd-timer', 'snd-pcm', 'virtio_snd'];

/** What a machine runs on when it is not this host's QEMU with the usual image. */
export interface MachinePlatform {
  readonly image: GuestImage;
  readonly qemu: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Loads the modules of the sound card, for a guest's script. With the driver's own defaults a busy host breaks the sound
 * off: a request that is not answered within a second is an error, and so is a card that does not move for 1.1 times the
 * length of the buffer, which is 0.2 s. A guest in software emulation stands still for longer than that now and then.
 */
export const LOAD_SOUND_CARD = MODULES.map((module) => {
  const options = module === 'virtio_snd' ? ' msg_timeout_ms=30000 pcm_buffer_ms=1000' : '';
  return `insmod /lib/modules/${module}.ko*${options}`;
}).join('\n');

/** Of `aplay` and `arecord`: 16 periods, the most that the driver has. */
export const LONG_BUFFER = '--buffer-time=960000 --period-time=60000';

/** The name of the kernel's package, or null where apt knows no backports. */
function backportedKernel(): string | null {
  const { stdout } = spawnSync('apt-cache', ['show', KERNEL_METAPACKAGE], { encoding: 'utf8' });
  const names = [...(stdout ?? '').matchAll(/^Depends: (linux-image-\S+)/gm)].map(([, name = '']) => name);
  return names.find((name) => /^linux-image-(?:6\.(?:1[0-9]|[7-9])|[7-9])\b/.test(name)) ?? null;
}

export function hasNewerPlatform(): boolean {
  return backportedKernel() !== null;
}

/** Unpacks what is missing. */
export async function newerPlatform(): Promise<MachinePlatform> {
  const kernel = backportedKernel();
  if (kernel === null) throw new Error(`apt knows no ${SUITE}`);
  const packages = join(CACHE, 'packages');
  const kernelRoot = await unpacked(kernel, packages);
  const busyboxRoot = await unpacked('busybox-static', packages);
  const [program, common, files, bios] = await Promise.all(PACKAGES.map((name) => unpacked(name, packages, SUITE)));
  return {
    image: await soundImage(kernel, kernelRoot, busyboxRoot),
    qemu: join(program ?? '', 'usr/bin/qemu-system-x86_64'),
    arguments: ['-L', join(files ?? '', 'usr/share/qemu'), '-L', join(bios ?? '', 'usr/share/seabios')],
    environment: { QEMU_MODULE_DIR: join(common ?? '', 'usr/lib/x86_64-linux-gnu/qemu') },
  };
}

async function soundImage(kernel: string, kernelRoot: string, busyboxRoot: string): Promise<GuestImage> {
  const directory = join(CACHE, kernel);
  const image = { kernel: join(directory, 'vmlinuz'), base: join(directory, 'base.cpio') };
  const isThere = await stat(image.base).then(
    () => true,
    () => false,
  );
  if (isThere) return image;
  const entries = new Map<string, Entry>();
  entries.set('init', { kind: 'file', bytes: Buffer.from(INIT_SCRIPT), mode: 0o755 });
  entries.set('dev/console', { kind: 'device', major: 5, minor: 1, mode: 0o600 });
  entries.set('bin/sh', { kind: 'link', target: 'busybox' });
  for (const name of ['proc', 'sys', 'tmp', 'run']) entries.set(name, { kind: 'directory', mode: 0o755 });
  const busybox = await readFile(join(busyboxRoot, 'bin/busybox'));
  entries.set('bin/busybox', { kind: 'file', bytes: busybox, mode: 0o755 });
  for (const module of MODULES) {
    const [path] = await findFiles(join(kernelRoot, 'lib/modules'), new RegExp(`^${module}\\.ko(?:\\.xz)?$`));
    if (path === undefined) throw new Error(`${kernel} has no module ${module}`);
    entries.set(`lib/modules/${basename(path)}`, { kind: 'file', bytes: await readFile(path), mode: 0o644 });
  }
  const [vmlinuz] = await findFiles(join(kernelRoot, 'boot'), /^vmlinuz-/);
  if (vmlinuz === undefined) throw new Error(`${kernel} has no vmlinuz`);
  const work = `${directory}.${process.pid}`;
  await mkdir(work, { recursive: true });
  await writeFile(join(work, 'vmlinuz'), await readFile(vmlinuz));
  await writeFile(join(work, 'base.cpio'), cpioArchive(entries));
  await rename(work, directory);
  return image;
}

/** `aplay` and `arecord` with what they need, as files of a guest; downloaded like the kernel. */
export async function soundPrograms(): Promise<Map<string, Entry>> {
  const packages = join(CACHE, 'packages');
  const names = ['alsa-utils', 'libasound2', 'libasound2-data'];
  const [utils = '', library = '', data = ''] = await Promise.all(names.map((name) => unpacked(name, packages)));
  const entries = new Map<string, Entry>();
  const add = async (path: string, from: string): Promise<void> =>
    void entries.set(path, { kind: 'file', bytes: await readFile(from), mode: 0o755 });
  await add('bin/aplay', join(utils, 'usr/bin/aplay'));
  entries.set('bin/arecord', { kind: 'link', target: 'aplay' });
  const libraries = 'usr/lib/x86_64-linux-gnu';
  await add('lib/libasound.so.2', join(library, libraries, 'libasound.so.2'));
  for (const name of ['libc.so.6', 'libm.so.6']) await add(`lib/${name}`, join('/lib/x86_64-linux-gnu', name));
  await add('lib64/ld-linux-x86-64.so.2', '/lib64/ld-linux-x86-64.so.2');
  const shared = 'usr/share/alsa';
  for (const path of await findFiles(join(data, shared), /\.conf$/)) await add(path.slice(data.length + 1), path);
  return entries;
}
