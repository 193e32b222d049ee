/**
 * Writes archives that the kernel unpacks as its first root file system: "newc" cpio, as in the kernel's
 * Documentation/driver-api/early-userspace/buffer-format.rst.
 *
 * Owners, times and inode numbers are fixed and names are sorted, so the same files give the same bytes. Archives may be
 * put one behind the other: a guest's own files follow the image that all guests share.
 */

/** A file of the guest: its bytes, a directory, a symbolic link or a character device. */
export type Entry =
  | { readonly kind: 'file'; readonly bytes: Uint8Array; readonly mode: number }
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'device'; readonly major: number; readonly minor: number; readonly mode: number };

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const S_IFCHR = 0o020000;
const ALIGNMENT = 4;
const TRAILER = 'TRAILER!!!';

/** @param entries by path without the leading slash; missing parent directories are added */
export function cpioArchive(entries: ReadonlyMap<string, Entry>): Buffer {
  const all = new Map<string, Entry>();
  for (const path of [...entries.keys()].sort()) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth++) {
      const parent = parts.slice(0, depth).join('/');
      if (!all.has(parent)) all.set(parent, entries.get(parent) ?? { kind: 'directory', mode: 0o755 });
    }
    const entry = entries.get(path);
    if (entry !== undefined) all.set(path, entry);
  }
  const parts: Uint8Array[] = [];
  let inode = 1;
  for (const [path, entry] of all) parts.push(...member(path, entry, inode++));
  parts.push(...member(TRAILER, { kind: 'file', bytes: new Uint8Array(0), mode: 0 }, 0));
  return Buffer.concat(parts);
}

function member(path: string, entry: Entry, inode: number): Uint8Array[] {
  const body = bodyOf(entry);
  const [major, minor] = entry.kind === 'device' ? [entry.major, entry.minor] : [0, 0];
  const name = Buffer.from(`${path}\0`);
  const mode = path === TRAILER ? 0 : modeOf(entry);
  const links = entry.kind === 'directory' ? 2 : 1;
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, mode, 0, 0, links, 0, body.length, 0, 0, major, minor, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return [header, name, padding(header.length + name.length), body, padding(body.length)];
}

function modeOf(entry: Entry): number {
  switch (entry.kind) {
    case 'file':
      return S_IFREG | entry.mode;
    case 'directory':
      return S_IFDIR | entry.mode;
    case 'link':
      return S_IFLNK | 0o777;
    case 'device':
      return S_IFCHR | entry.mode;
  }
}

function bodyOf(entry: Entry): Uint8Array {
  if (entry.kind === 'file') return entry.bytes;
  return entry.kind === 'link' ? Buffer.from(entry.target) : new Uint8Array(0);
}

function padding(length: number): Uint8Array {
  return new Uint8Array((ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT);
}
