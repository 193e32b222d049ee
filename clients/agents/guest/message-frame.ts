/**
 * Messages on a local connection, little-endian, length first:
 *
 *   agent -> program (recv)   u32 length, u16 source domid, u16 length of its name, u32 source port, u32 type,
 *                             then the name, then `length` bytes of payload
 *   program -> agent (send)   u32 length, then `length` bytes of payload
 *
 * `length` is the payload's alone in both. Each message of a sender is answered in order by a line, `ok` or
 * `error CODE reason`.
 *
 * In place of a message a receiver may get a last line: `gone` (the session of the partner has ended) or
 * `error CODE reason`. As a `length` their first four bytes are far beyond the largest message.
 */
import type { Message } from '../../sdk/index.ts';

export const RECEIVED_HEADER_BYTES = 16;
export const SENT_HEADER_BYTES = 4;
/** The last line of a receiver that asked for `until-gone`. */
export const GONE_LINE = 'gone\n';

export function receivedHeader(message: Message): Uint8Array {
  const name = Buffer.from(message.source.name);
  const header = Buffer.alloc(RECEIVED_HEADER_BYTES + name.length);
  header.writeUInt32LE(message.payload.length, 0);
  header.writeUInt16LE(message.source.domid, 4);
  header.writeUInt16LE(name.length, 6);
  header.writeUInt32LE(message.port, 8);
  header.writeUInt32LE(message.type, 12);
  name.copy(header, RECEIVED_HEADER_BYTES);
  return header;
}

export function sentHeader(length: number): Uint8Array {
  const header = Buffer.alloc(SENT_HEADER_BYTES);
  header.writeUInt32LE(length, 0);
  return header;
}

export interface ReceivedFrame {
  readonly source: string;
  readonly domid: number;
  readonly port: number;
  readonly type: number;
  readonly payload: Uint8Array;
}

/** Gathers bytes and gives them back in the pieces that a reader asks for. */
export class ByteQueue {
  #chunks: Buffer[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    // Copied: the caller's buffer may be the socket's.
    this.#chunks.push(Buffer.from(chunk));
    this.#length += chunk.length;
  }

  /** The first `length` bytes without taking them, or null if they are not there yet. */
  peek(length: number): Buffer | null {
    if (this.#length < length) return null;
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= length) return first.subarray(0, length);
    this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]?.subarray(0, length) ?? Buffer.alloc(0);
  }

  take(length: number): Buffer | null {
    const bytes = this.peek(length);
    if (bytes === null) return null;
    const [first, ...rest] = this.#chunks;
    if (first !== undefined) this.#chunks = first.length === length ? rest : [first.subarray(length), ...rest];
    this.#length -= length;
    return bytes;
  }

  /** Up to and without the next line feed; null when there is none yet. */
  takeLine(): string | null {
    const all = this.peek(this.#length);
    const end = all?.indexOf(0x0a) ?? -1;
    return end < 0 ? null : (this.take(end + 1)?.toString('utf8', 0, end) ?? null);
  }
}

/** The payload of the next message that a program sends; 'more' until it is whole, 'too-long' past `maxLength`. */
export function takeSent(bytes: ByteQueue, maxLength: number): Uint8Array | 'more' | 'too-long' {
  const header = bytes.peek(SENT_HEADER_BYTES);
  if (header === null) return 'more';
  const length = header.readUInt32LE(0);
  if (length > maxLength) return 'too-long';
  const whole = bytes.take(SENT_HEADER_BYTES + length);
  return whole === null ? 'more' : whole.subarray(SENT_HEADER_BYTES);
}

/** The next message that an agent delivers; null until it is whole. */
export function takeReceived(bytes: ByteQueue): ReceivedFrame | null {
  const header = bytes.peek(RECEIVED_HEADER_BYTES);
  if (header === null) return null;
  const length = header.readUInt32LE(0);
  const nameLength = header.readUInt16LE(6);
  const whole = bytes.take(RECEIVED_HEADER_BYTES + nameLength + length);
  if (whole === null) return null;
  const payloadAt = RECEIVED_HEADER_BYTES + nameLength;
  return {
    source: whole.toString('utf8', RECEIVED_HEADER_BYTES, payloadAt),
    domid: whole.readUInt16LE(4),
    port: whole.readUInt32LE(8),
    type: whole.readUInt32LE(12),
    payload: whole.subarray(payloadAt),
  };
}
