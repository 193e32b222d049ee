/** One compressed segment in a directory: writes it, checks it, reads ranges of it. An edge. */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { contentBytes, MEMBER_CONTENT_BYTES, type Member, packMember, readMember, readMembers } from './packed.ts';
import { readAt } from './read-at.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

interface Known {
  /** What the file was when its headers were read. */
  readonly identity: string;
  readonly members: readonly Member[] | null;
}

/** Remembers the headers of the files that it read, and the content that was read last. */
export class PackedSegments {
  readonly #known = new Map<string, Known>();
  #last: {
    readonly path: string;
    readonly identity: string;
    readonly at: number;
    readonly content: Uint8Array;
  } | null = null;

  /** Bytes of the segment; null: the file is damaged. */
  async bytes(path: string, stat: Stats): Promise<number | null> {
    const identity = identityOf(stat);
    const known = this.#known.get(path);
    const members = known?.identity === identity ? known.members : await this.#index(path);
    return members === null ? null : contentBytes(members);
  }

  /** Throws the host's error, ENOENT if there is no such file. */
  async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    const handle = await open(path, O_RDONLY | O_NOFOLLOW);
    try {
      const stat = await handle.stat();
      const identity = identityOf(stat);
      let known = this.#known.get(path);
      if (known?.identity !== identity) {
        known = { identity, members: await readMembers(reader(handle), stat.size) };
        this.#known.set(path, known);
      }
      const parts: Uint8Array[] = [];
      for (const member of known.members ?? []) {
        const [from, to] = [Math.max(offset, member.from), Math.min(offset + length, member.from + member.bytes)];
        if (from >= to) continue;
        const content = await this.#content(path, identity, handle, member);
        parts.push(content.subarray(from - member.from, to - member.from));
      }
      return parts.length === 1 ? Uint8Array.from(parts[0] ?? []) : Buffer.concat(parts);
    } finally {
      await handle.close();
    }
  }

  async #index(path: string): Promise<readonly Member[] | null> {
    const handle = await open(path, O_RDONLY | O_NOFOLLOW);
    try {
      const stat = await handle.stat();
      const members = await readMembers(reader(handle), stat.size);
      this.#known.set(path, { identity: identityOf(stat), members });
      return members;
    } finally {
      await handle.close();
    }
  }

  /** Lines are read in small pieces, so the member that was read last is needed again. */
  async #content(path: string, identity: string, handle: FileHandle, member: Member): Promise<Uint8Array> {
    const last = this.#last;
    if (last?.path === path && last.identity === identity && last.at === member.at) return last.content;
    const content = await readMember(reader(handle), member);
    this.#last = { path, identity, at: member.at, content };
    return content;
  }
}

/**
 * Compresses a file next to it, reads the result back, and only then gives it its name. The caller removes the
 * original. Throws the host's error, or one with code EBADMSG if what was written is not the content.
 */
export async function packFile(source: string, target: string, mode: number): Promise<void> {
  const fresh = join(dirname(target), `.${target.slice(dirname(target).length + 1)}.new`);
  await rm(fresh, { force: true });
  const from = await open(source, O_RDONLY | O_NOFOLLOW);
  try {
    const to = await open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    try {
      for (let at = 0; ; at += MEMBER_CONTENT_BYTES) {
        const content = await readAt(from, at, MEMBER_CONTENT_BYTES);
        if (content.length === 0) break;
        await to.writeFile(await packMember(content));
      }
      await to.datasync();
    } finally {
      await to.close();
    }
    await mustEqual(from, fresh);
  } finally {
    await from.close();
  }
  await rename(fresh, target);
}

async function mustEqual(source: FileHandle, packed: string): Promise<void> {
  const { size } = await source.stat();
  const segments = new PackedSegments();
  for (let at = 0; at < size; at += MEMBER_CONTENT_BYTES) {
    const [plain, read] = [
      await readAt(source, at, MEMBER_CONTENT_BYTES),
      await segments.read(packed, at, MEMBER_CONTENT_BYTES),
    ];
    if (Buffer.compare(plain, read) !== 0)
      throw Object.assign(new Error(`"${packed}" is not what was compressed`), { code: 'EBADMSG' });
  }
}

function reader(handle: FileHandle): (offset: number, length: number) => Promise<Uint8Array> {
  return (offset, length) => readAt(handle, offset, length);
}

function identityOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
}
