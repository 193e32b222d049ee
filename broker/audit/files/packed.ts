/**
 * Compressed segments: gzip files (RFC 1952) of several members, so that a place in the middle can be read without the
 * bytes before it. `zcat` reads them.
 *
 * Each member holds up to 1 MiB of the segment. Its header has an extra field with the lengths of the member and of its
 * content, as in BGZF. Nothing in the file is trusted: lengths are bounded before memory is allocated, and content that
 * cannot be inflated reads as zero bytes, which no verification takes for records.
 */
import { promisify } from 'node:util';
import { crc32, deflateRaw, inflateRaw } from 'node:zlib';

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** ID, method deflate, flag "extra field", no time, no hints, unknown system, 12 bytes extra: `AG`, 8 bytes. */
const PREFIX = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 12, 0, 0x41, 0x47, 8, 0]);
const MEMBER_LENGTH_AT = PREFIX.length;
const CONTENT_LENGTH_AT = MEMBER_LENGTH_AT + 4;
const HEADER_BYTES = CONTENT_LENGTH_AT + 4;
/** CRC-32 and length of the content. */
const TRAILER_BYTES = 8;
/** Bytes of the segment in one member: what one read of the log inflates. */
export const MEMBER_CONTENT_BYTES = 1024 * 1024;

export interface Member {
  /** Its place in the compressed file, and its whole length. */
  readonly at: number;
  readonly length: number;
  /** The place of its content in the segment, and the length of that. */
  readonly from: number;
  readonly bytes: number;
}

/** Up to `length` bytes of the file at `offset`. */
type ReadAt = (offset: number, length: number) => Promise<Uint8Array>;

export async function packMember(content: Uint8Array): Promise<Buffer> {
  const body = await deflate(content);
  const member = Buffer.alloc(HEADER_BYTES + body.length + TRAILER_BYTES);
  PREFIX.copy(member);
  member.writeUInt32LE(member.length, MEMBER_LENGTH_AT);
  member.writeUInt32LE(content.length, CONTENT_LENGTH_AT);
  body.copy(member, HEADER_BYTES);
  member.writeUInt32LE(crc32(content), HEADER_BYTES + body.length);
  member.writeUInt32LE(content.length, HEADER_BYTES + body.length + 4);
  return member;
}

/** Reads the headers of all members. Null: not such a file, or a damaged one. */
export async function readMembers(readAt: ReadAt, size: number): Promise<readonly Member[] | null> {
  const members: Member[] = [];
  let from = 0;
  for (let at = 0; at < size; ) {
    const header = Buffer.from(await readAt(at, HEADER_BYTES));
    if (header.length < HEADER_BYTES || !header.subarray(0, PREFIX.length).equals(PREFIX)) return null;
    const length = header.readUInt32LE(MEMBER_LENGTH_AT);
    const bytes = header.readUInt32LE(CONTENT_LENGTH_AT);
    if (length < HEADER_BYTES + TRAILER_BYTES || at + length > size) return null;
    if (bytes === 0 || bytes > MEMBER_CONTENT_BYTES) return null;
    members.push({ at, length, from, bytes });
    at += length;
    from += bytes;
  }
  return members;
}

/** The content of a member; zero bytes where it is damaged. */
export async function readMember(readAt: ReadAt, { at, length, bytes }: Member): Promise<Uint8Array> {
  const packed = await readAt(at + HEADER_BYTES, length - HEADER_BYTES - TRAILER_BYTES);
  try {
    const content = await inflate(packed, { maxOutputLength: bytes });
    if (content.length === bytes) return content;
  } catch {
    // Not deflated data, or more than it says: the same as damage.
  }
  return new Uint8Array(bytes);
}

export function contentBytes(members: readonly Member[]): number {
  const last = members.at(-1);
  return last === undefined ? 0 : last.from + last.bytes;
}
