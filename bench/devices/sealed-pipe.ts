/**
 * Messages to another process over a unix socket, sealed with AES-256-GCM. The messages of a turn share a record, and
 * the product's own code seals, opens, reads and writes it. There is no handshake, policy, audit or receipt: it is the
 * least that a way through another process can be.
 *
 *   record: u32 bytes of plaintext · u32 zero · plaintext: (u32 length · message)… · tag
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { writeLent } from '../../broker/base/index.ts';
import { adopt, type ReadableSocket } from '../../broker/carrier/adopt.ts';
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, AEAD_TAG_BYTES, recordNonce, selectAead } from '../../keys/index.ts';

const HEADER_BYTES = 8;
const LENGTH_BYTES = 4;
/** As in the product: one message of 64 KiB, or many small ones. */
const PLAINTEXT_BYTES = 97_496;
const RECORD_BYTES = HEADER_BYTES + PLAINTEXT_BYTES + AEAD_TAG_BYTES;
const READ_BYTES = 262_144;

const aead = selectAead('A256GCM');
const iv = new Uint8Array(AEAD_NONCE_BYTES);

export class SealedPipe {
  readonly #socket: Socket;
  readonly #onMessage: (message: Buffer) => void;
  readonly #sealing;
  readonly #opening;
  readonly #nonce = new Uint8Array(AEAD_NONCE_BYTES);
  /** Records that nothing refers to. */
  readonly #spare: Buffer[] = [];
  #record: Buffer = Buffer.allocUnsafeSlow(RECORD_BYTES);
  #end = HEADER_BYTES;
  #sent = 0;
  #received = 0;
  /** A record whose rest has not come. */
  readonly #partial = Buffer.allocUnsafeSlow(RECORD_BYTES);
  #filled = 0;
  readonly #flushTask = (): void => this.#flush();

  private constructor(socket: Socket, isDialled: boolean, onMessage: (message: Buffer) => void) {
    this.#socket = socket;
    this.#onMessage = onMessage;
    const [first, second] = [1, 2].map((byte) => aead.importKey(new Uint8Array(AEAD_KEY_BYTES).fill(byte)));
    if (first === undefined || second === undefined) throw new Error('no keys');
    this.#sealing = isDialled ? first : second;
    this.#opening = isDialled ? second : first;
  }

  /** `onMessage` gets a view that is valid during the call. */
  static async dial(path: string, onMessage: (message: Buffer) => void): Promise<SealedPipe> {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    let read = (_bytes: Buffer): void => {};
    const socket = connect({
      path,
      onread: {
        buffer,
        callback: (length) => {
          read(buffer.subarray(0, length));
          return true;
        },
      },
    });
    await once(socket, 'connect');
    const pipe = new SealedPipe(socket, true, onMessage);
    read = (bytes) => pipe.#read(bytes);
    return pipe;
  }

  /** Listens until another process has dialled. */
  static async answer(path: string, onMessage: (message: Buffer) => void): Promise<SealedPipe> {
    const server = createServer({ pauseOnConnect: true });
    server.listen(path);
    const [accepted] = (await once(server, 'connection')) as [Socket];
    const { socket, read }: ReadableSocket = adopt(accepted);
    const pipe = new SealedPipe(socket, false, onMessage);
    read((chunk) => pipe.#read(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)));
    return pipe;
  }

  send(...parts: readonly Uint8Array[]): void {
    let length = 0;
    for (const part of parts) length += part.length;
    if (this.#end + LENGTH_BYTES + length > HEADER_BYTES + PLAINTEXT_BYTES) this.#flush();
    if (this.#end === HEADER_BYTES) setImmediate(this.#flushTask);
    this.#record.writeUInt32LE(length, this.#end);
    this.#end += LENGTH_BYTES;
    for (const part of parts) {
      this.#record.set(part, this.#end);
      this.#end += part.length;
    }
  }

  #flush(): void {
    if (this.#end === HEADER_BYTES) return;
    const record = this.#record;
    const length = this.#end - HEADER_BYTES;
    record.writeUInt32LE(length, 0);
    record.writeUInt32LE(0, 4);
    recordNonce(iv, this.#sent++, this.#nonce);
    const header = record.subarray(0, HEADER_BYTES);
    aead.sealInPlace(this.#sealing, this.#nonce, header, record, HEADER_BYTES, length);
    writeLent(this.#socket, [record.subarray(0, HEADER_BYTES + length + AEAD_TAG_BYTES)], 0, () =>
      this.#spare.push(record),
    );
    this.#record = this.#spare.pop() ?? Buffer.allocUnsafeSlow(RECORD_BYTES);
    this.#end = HEADER_BYTES;
  }

  #read(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      const end = this.#filled === 0 ? at + recordBytes(bytes, at) : Number.POSITIVE_INFINITY;
      if (end <= bytes.length) {
        this.#open(bytes, at);
        at = end;
      } else at += this.#keep(bytes, at);
    }
  }

  /** Adds bytes to the record that has begun, and returns how many. */
  #keep(bytes: Buffer, at: number): number {
    const wanted = this.#filled < HEADER_BYTES ? HEADER_BYTES : recordBytes(this.#partial, 0);
    const count = Math.min(wanted - this.#filled, bytes.length - at);
    bytes.copy(this.#partial, this.#filled, at, at + count);
    this.#filled += count;
    if (this.#filled > HEADER_BYTES && this.#filled === wanted) {
      this.#filled = 0;
      this.#open(this.#partial, 0);
    }
    return count;
  }

  #open(bytes: Buffer, start: number): void {
    const length = bytes.readUInt32LE(start);
    recordNonce(iv, this.#received++, this.#nonce);
    let at = start + HEADER_BYTES;
    const end = at + length;
    if (!aead.openInPlace(this.#opening, this.#nonce, bytes.subarray(start, at), bytes, at, length))
      throw new Error('a record could not be opened');
    while (at < end) {
      const from = at + LENGTH_BYTES;
      at = from + bytes.readUInt32LE(at);
      this.#onMessage(bytes.subarray(from, at));
    }
  }
}

function recordBytes(bytes: Buffer, at: number): number {
  return bytes.length - at < HEADER_BYTES
    ? Number.POSITIVE_INFINITY
    : HEADER_BYTES + bytes.readUInt32LE(at) + AEAD_TAG_BYTES;
}
