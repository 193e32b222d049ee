/**
 * The socket under the client library's connection. The library handles the protocol (CONNECT with the nkey, SUB, PING,
 * errors of the server). Messages bypass it in both directions, directly between socket and pipe; server-stream.ts says
 * why. The library has this interface for other platforms.
 */
import { once } from 'node:events';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls';
import type { ConnectionOptions, Server, Transport } from 'nats/lib/nats-base-client/internal_mod.js';
import { Fifo } from '../../../base/index.ts';
import { NatsCarrierError } from '../errors.ts';
import { BATCH_BYTES, MAX_PAYLOAD_BYTES, MIN_PAYLOAD_BYTES, SERVER_READ_BYTES } from '../limits.ts';
import { type LinePace, LineReader } from './line-reader.ts';
import { MAX_PADDING_BYTES, paddingOf } from './padding.ts';
import { giveBatch, takeBatch } from './pool.ts';
import { ServerStream } from './server-stream.ts';
import { readInto } from './tls-reads.ts';

/** Our addition to the library's options. The library passes all options to the transport unchanged. */
export interface DirectTransportOptions extends ConnectionOptions {
  readonly direct: DirectPath;
}

export interface DirectPath {
  readonly host: string;
  /** Null: the server must use plain TCP. */
  readonly secure: TlsOptions | null;
  /** Makes the job that pays for reading the line. Null: this process serves only this line. */
  readonly pace: LinePace | null;
  /** Called before the first byte is exchanged. */
  onTransport(transport: DirectTransport): void;
  /** The payload is valid only during the call. */
  onMessage(payload: Uint8Array): void;
}

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const END_BYTES = 2;
/** Digits of a size and two line ends. */
const FRAME_BYTES = 16;

/** A write that waits for the one before it. `batch`: the memory to give back. */
interface Waiting {
  readonly bytes: Uint8Array;
  readonly batch: Buffer | null;
}

/** All lines read into this buffer. The bytes of a read are processed completely before the next read. */
let readBuffer: Uint8Array | null = null;

function memoryForReads(): Uint8Array {
  readBuffer ??= Buffer.allocUnsafeSlow(SERVER_READ_BYTES);
  return readBuffer;
}

export class DirectTransport implements Transport {
  /** Shown in the server's log. */
  readonly lang = 'argus';
  readonly version = '1';
  closeError?: Error;
  /** The smaller of the server's message limit and ours. */
  maxPayload = MAX_PAYLOAD_BYTES;
  #socket: Socket | null = null;
  #isConnected = false;
  #isClosed = false;
  #isEncrypted = false;
  #reader: LineReader | null = null;
  /** The messages that were published since the last write began: `#used` bytes. */
  #batch: Buffer | null = null;
  #used = 0;
  /** While a write is under way, the batch stays open for the messages of later turns. */
  readonly #flushLater = (): void => {
    if (!this.#isWriting) this.#flush();
  };
  /** Over TLS: what waits for the write before it. */
  readonly #waiting = new Fifo<Waiting>();
  #waitingBytes = 0;
  #isWriting = false;
  readonly #lines: Uint8Array[] = [];
  #wake: () => void = () => {};
  #tellClosed: (error: Error | undefined) => void = () => {};
  readonly #closed = new Promise<Error | undefined>((resolve) => {
    this.#tellClosed = resolve;
  });

  get isClosed(): boolean {
    return this.#isClosed;
  }

  isEncrypted(): boolean {
    return this.#isEncrypted;
  }

  /** Resolves once the server has sent its INFO, over TLS if that is required. */
  async connect(server: Server, options: ConnectionOptions): Promise<void> {
    const { direct } = options as DirectTransportOptions;
    const reader = new LineReader(
      {
        pause: () => this.#socket?.pause(),
        resume: () => this.#socket?.resume(),
        broken: () => this.#socket?.destroy(notNats()),
      },
      { onMessage: (payload) => direct.onMessage(payload), onLine: (line) => this.#say(line) },
      direct.pace,
    );
    this.#reader = reader;
    const read = (chunk: Uint8Array): void => reader.read(chunk);
    direct.onTransport(this);
    try {
      const socket = await this.#dial(server, direct, read);
      socket.on('error', (error) => {
        this.closeError ??= error;
      });
      socket.on('close', () => this.#finish());
      this.#isConnected = true;
    } catch (error) {
      reader.close();
      this.#socket?.destroy();
      throw error;
    }
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) yield line;
      else if (this.#isClosed) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  /** Published bytes that the kernel has not taken. */
  get waitingBytes(): number {
    return this.#used + this.#waitingBytes + (this.#socket?.writableLength ?? 0);
  }

  /** Sends a frame of the library. */
  send(frame: Uint8Array): void {
    this.#flush();
    this.#write(frame, null);
  }

  /** `head`: "PUB subject ". `write` must write the message's `length` bytes before it returns. */
  publish(head: string, length: number, write: (message: Uint8Array) => void): void {
    if (this.#isClosed) return;
    if (this.#used + head.length + length + FRAME_BYTES + MAX_PADDING_BYTES > BATCH_BYTES) this.#flush();
    if (this.#batch === null) {
      this.#batch = takeBatch();
      // All messages of one turn are written with one call.
      process.nextTick(this.#flushLater);
    }
    const batch = this.#batch;
    let at = this.#used;
    at += batch.write(head, at, 'latin1');
    const size = `${length}\r\n`;
    if (this.#isEncrypted) {
      const padding = paddingOf(at - this.#used + size.length + length + END_BYTES);
      batch.fill(SPACE, at, at + padding);
      at += padding;
    }
    at += batch.write(size, at, 'latin1');
    // Not subarray(): a Buffer's returns a Buffer, which costs more to create.
    write(new Uint8Array(batch.buffer, batch.byteOffset + at, length));
    at += length;
    batch[at] = CR;
    batch[at + 1] = LF;
    this.#used = at + 2;
  }

  #flush(): void {
    const batch = this.#batch;
    if (batch === null) return;
    this.#batch = null;
    this.#write(batch.subarray(0, this.#used), batch);
    this.#used = 0;
  }

  /**
   * Over TLS one write is under way at a time: Node copies all that wait into one fresh buffer before it encrypts them,
   * and the result into another one.
   */
  #write(bytes: Uint8Array, batch: Buffer | null): void {
    if (this.#isWriting) {
      this.#waiting.push({ bytes, batch });
      this.#waitingBytes += bytes.length;
      return;
    }
    this.#isWriting = this.#isEncrypted;
    this.#socket?.write(bytes, (error) => {
      // After an error the kernel may still be reading the batch, so it is not reused.
      if (error !== undefined && error !== null) return;
      if (batch !== null) giveBatch(batch);
      this.#isWriting = false;
      this.#writeNext();
    });
  }

  #writeNext(): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#flush();
      return;
    }
    this.#waitingBytes -= next.bytes.length;
    this.#write(next.bytes, next.batch);
  }

  async close(error?: Error): Promise<void> {
    if (error !== undefined) this.closeError ??= error;
    this.#socket?.destroy();
    if (this.#isConnected) this.#finish();
  }

  disconnect(): void {
    this.#flush();
    while (this.#waiting.length > 0) {
      this.#isWriting = false;
      this.#writeNext();
    }
    this.#socket?.destroySoon();
  }

  /** The library expects that this never settles for a connection that was never made. */
  closed(): Promise<Error | undefined> {
    return this.#closed;
  }

  discard(): void {}

  async #dial(
    { hostname, port }: Server,
    { host, secure }: DirectPath,
    read: (chunk: Uint8Array) => void,
  ): Promise<Socket> {
    if (secure === null) {
      const buffer = memoryForReads();
      const introduced = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const socket = connectTcp({
        host: hostname,
        port,
        noDelay: true,
        onread: {
          buffer,
          callback: (length) => {
            read(buffer.subarray(0, length));
            return true;
          },
        },
      });
      this.#socket = socket;
      await Promise.race([introduced, failed(socket)]);
      const [line] = this.#lines;
      if (line !== undefined) this.#meet(line, false);
      return socket;
    }
    const plain = connectTcp({ host: hostname, port, noDelay: true });
    this.#socket = plain;
    const line = await Promise.race([firstLine(plain), failed(plain)]);
    this.#meet(line, true);
    const socket = connectTls({ ...secure, socket: plain, ...(isIP(host) === 0 ? { servername: host } : {}) });
    this.#socket = socket;
    // Before anything that the server says over TLS: the library expects the INFO first.
    socket.once('secureConnect', () => {
      this.#isEncrypted = true;
      this.#say(line);
    });
    readInto(socket, memoryForReads(), read);
    await Promise.race([once(socket, 'secureConnect'), failed(socket)]);
    return socket;
  }

  /**
   * @throws NatsCarrierError ERR_NATS_TLS when the server's offer does not fit the options of the line;
   * ERR_NATS_PAYLOAD
   */
  #meet(line: Uint8Array, isTlsWanted: boolean): void {
    const { tls_required, tls_available, max_payload } = parseInfo(line);
    if ((tls_required === true || tls_available === true) !== isTlsWanted) {
      const what = isTlsWanted
        ? 'does not offer TLS; say ?tls=off in its address if that is meant'
        : 'wants TLS; leave ?tls=off out of its address';
      throw new NatsCarrierError('ERR_NATS_TLS', `the server ${what}`);
    }
    if (typeof max_payload !== 'number' || max_payload >= this.maxPayload) return;
    if (max_payload < MIN_PAYLOAD_BYTES)
      throw new NatsCarrierError(
        'ERR_NATS_PAYLOAD',
        `the server's max_payload is ${max_payload} bytes; write at least ${MIN_PAYLOAD_BYTES}, better ${MAX_PAYLOAD_BYTES}`,
      );
    this.maxPayload = Math.floor(max_payload);
  }

  #say(line: Uint8Array): void {
    this.#lines.push(line);
    this.#wake();
  }

  #finish(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reader?.close();
    this.#wake();
    this.#tellClosed(this.closeError);
  }
}

/** Rejects when the connection ends. Used in a race with the event that should come first. */
function failed(socket: Socket): Promise<never> {
  return new Promise((_, reject) => {
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
  });
}

/** The first line of a server, before TLS. The server sends nothing after it until it gets an answer. */
async function firstLine(socket: Socket): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const stream = new ServerStream({ onMessage: () => {}, onForeign: () => {}, onLine: () => {} });
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Uint8Array];
    chunks.push(chunk);
    if (!stream.push(chunk)) throw notNats();
    if (chunk.at(-1) === LF) {
      socket.removeAllListeners('data');
      return Buffer.concat(chunks);
    }
  }
}

/** The members that we read. The server controls them, so each can have any type. */
interface ServerInfo {
  readonly tls_required?: unknown;
  readonly tls_available?: unknown;
  readonly max_payload?: unknown;
}

/** Parses it before the library does, which would throw an error that cannot be caught. */
function parseInfo(line: Uint8Array): ServerInfo {
  try {
    const [, json = ''] = /^INFO (\{.*\})\s*$/.exec(Buffer.from(line).toString('utf8')) ?? [];
    return JSON.parse(json) as ServerInfo;
  } catch (cause) {
    throw notNats(cause);
  }
}

function notNats(cause?: unknown): NatsCarrierError {
  return new NatsCarrierError('ERR_NATS_UNREACHABLE', 'what answers there does not speak NATS', { cause });
}
