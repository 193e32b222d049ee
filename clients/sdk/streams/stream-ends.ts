/**
 * A byte stream over messages: the writer of a flow and the reader of a ring.
 *
 *   message type  the number of the message in its stream: 0, 1, 2 … modulo 2^32
 *   payload       bytes; an empty payload is the end of the stream
 *
 * A message can be refused or revoked while those behind it pass. The reader notices by the numbers, so a stream with a hole
 * and a stream that was cut off never look like a complete one. The broker says when the session of the writer's domain
 * ends; a writer that ends alone, while its domain goes on, says nothing.
 */
import { ArgusError, wordError } from '../errors.ts';
import { STREAM_PIECE_BYTES } from '../limits.ts';
import type { Ring } from '../ring.ts';
import type { OpenFlow } from './open-flow.ts';

const NOTHING = new Uint8Array(0);

export class StreamWriter {
  readonly #flow: OpenFlow;
  readonly #pieceBytes: number;
  #next = 0;
  #failure: ArgusError | null = null;
  #onFailure: (error: ArgusError) => void = () => {};

  constructor(flow: OpenFlow, pieceBytes: number = STREAM_PIECE_BYTES) {
    this.#flow = flow;
    this.#pieceBytes = pieceBytes;
    flow.on('refused', ({ error }) => this.#fail(error));
  }

  /** Called once, when the stream has failed. */
  onFailure(listener: (error: ArgusError) => void): void {
    this.#onFailure = listener;
    if (this.#failure !== null) listener(this.#failure);
  }

  /** Resolves when there is room for more. An empty chunk says nothing. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; at += this.#pieceBytes) {
      if (this.#say(chunk.subarray(at, at + this.#pieceBytes)) <= 0) await this.#flow.ready();
    }
    this.#check();
  }

  /** Says the end; resolves when all of the stream is in the receiver's ring. */
  async end(): Promise<void> {
    this.#say(NOTHING);
    await this.#flow.close();
    this.#check();
  }

  /** Gives up: the reader gets no end. */
  abort(): void {
    this.#flow.cancel();
  }

  #say(piece: Uint8Array): number {
    this.#check();
    const room = this.#flow.send(piece, this.#next);
    this.#next = (this.#next + 1) >>> 0;
    return room;
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  #fail(error: ArgusError): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    // What waits behind the hole would be sent for nothing.
    this.#flow.cancel();
    this.#onFailure(error);
  }
}

export class StreamReader {
  readonly #ring: Ring;
  #next = 0;
  #isDone = false;

  constructor(ring: Ring) {
    if (ring.partner === 'any')
      throw wordError('EINVAL', 'stream', 'the ring takes messages of any domain; a stream has one source');
    this.#ring = ring;
    ring.endWithPartner(
      new ArgusError('ERR_CLIENT_STREAM', 'the session of the sender ended before the end of the stream'),
    );
  }

  /**
   * The next bytes; null at the end of the stream.
   *
   * @throws ArgusError ERR_CLIENT_STREAM: messages are missing, or the ring was closed or the
   *   session of the sender ended before the end; EACCES, ERR_CLIENT_… as `receive`
   */
  async read(): Promise<Uint8Array | null> {
    if (this.#isDone) return null;
    const message = await this.#ring.receive();
    if (message === undefined)
      throw new ArgusError('ERR_CLIENT_STREAM', 'the ring was closed before the end of the stream');
    if (message.type !== this.#next)
      throw new ArgusError('ERR_CLIENT_STREAM', `message ${this.#next} of the stream is missing, ${message.type} came`);
    this.#next = (this.#next + 1) >>> 0;
    if (message.payload.length > 0) return message.payload;
    this.#isDone = true;
    return null;
  }
}
