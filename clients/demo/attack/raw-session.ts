/** A session without the SDK's checks: it writes any bytes and reports how the broker reacts. */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { beginHello, type Established, type HandshakeContext } from '../../../broker/channel/index.ts';
import {
  type BrokerFrame,
  closeWord,
  type DeframedRecord,
  Deframer,
  decodeBrokerFrame,
  encodeDomainFrame,
  Op,
  RecordType,
} from '../../../broker/wire/index.ts';
import type { Identity } from '../../../keys/index.ts';

const MAX_BODY_BYTES = 1 << 20;
const PATIENCE_MS = 5_000;
const CLOCK_TOLERANCE_SECONDS = 60;

const CONTEXT: HandshakeContext = {
  randomBytes,
  wallClock: Date.now,
  clock: () => performance.now(),
  clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS,
};

/** The broker's reaction: a frame, a close word, or the end of the carrier. */
export type Reaction =
  | { readonly kind: 'frame'; readonly frame: BrokerFrame }
  | { readonly kind: 'close'; readonly word: string }
  | { readonly kind: 'ended' };

export class RawSession {
  readonly #socket: Duplex;
  readonly #patienceMs: number;
  readonly #deframer = new Deframer(MAX_BODY_BYTES);
  readonly #reactions: Reaction[] = [];
  #established: Established | null = null;
  #accept: ((welcome: DeframedRecord) => void) | null = null;
  #wake: () => void = () => {};

  /** @param line path of a unix socket, or a connected stream */
  constructor(line: string | Duplex, patienceMs = PATIENCE_MS) {
    this.#patienceMs = patienceMs;
    this.#socket = typeof line === 'string' ? connect(line) : line;
    this.#socket.on('data', (chunk) => this.#take(chunk));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => this.#react({ kind: 'ended' }));
  }

  /** Writes bytes as they are. */
  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Performs the handshake; false when the broker refuses. */
  async open(identity: Identity): Promise<boolean> {
    const hello = await beginHello(identity, null, ['A256GCM'], CONTEXT);
    const welcome = new Promise<DeframedRecord>((resolve) => {
      this.#accept = resolve;
    });
    this.write(hello.record);
    // A close record instead of a welcome stays in the queue for the caller.
    const answer = await Promise.race([welcome, this.#anyReaction().then(() => null)]);
    if (answer === null) return false;
    const result = await hello.accept(answer);
    if (!result.ok) return false;
    this.#established = result.value;
    this.seal(encodeDomainFrame({ op: Op.ready, commitment: result.value.ourCommitment }));
    return true;
  }

  /** Seals frames into one record. */
  seal(frames: Uint8Array): void {
    const record = this.#established?.sealer.seal(RecordType.data, frames);
    if (record !== undefined) this.write(Buffer.concat([record.header, record.ciphertext, record.tag]));
  }

  /** The next reaction in order; 'ended' when the broker stays silent for `patienceMs`. */
  async reaction(): Promise<Reaction> {
    await this.#anyReaction();
    return this.#reactions.shift() ?? { kind: 'ended' };
  }

  async #anyReaction(): Promise<void> {
    const deadline = performance.now() + this.#patienceMs;
    while (this.#reactions.length === 0 && performance.now() < deadline) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, this.#patienceMs).unref();
      });
    }
  }

  /** The first reaction of a kind. */
  async until(kind: Reaction['kind']): Promise<Reaction> {
    for (;;) {
      const reaction = await this.reaction();
      if (reaction.kind === kind || reaction.kind === 'ended') return reaction;
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #react(reaction: Reaction): void {
    this.#reactions.push(reaction);
    this.#wake();
  }

  #take(chunk: Uint8Array): void {
    this.#deframer.push(chunk);
    for (let record = this.#deframer.next(); typeof record !== 'string'; record = this.#deframer.next())
      this.#read(record);
  }

  #read(record: DeframedRecord): void {
    if (record.type === RecordType.welcome) {
      // Copied: the views die with the next chunk, and the handshake waits for signatures.
      this.#accept?.({
        ...record,
        headerBytes: Uint8Array.from(record.headerBytes),
        body: Uint8Array.from(record.body),
      });
      return;
    }
    const plaintext = this.#established?.opener.open(record) ?? null;
    if (record.type === RecordType.close) {
      this.#react({ kind: 'close', word: closeWord((plaintext ?? record.body)[0]) ?? 'unknown' });
      return;
    }
    if (plaintext === null) return;
    const view = new DataView(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength);
    for (let at = 0; at < plaintext.length; ) {
      const length = view.getUint32(at, true);
      const frame = decodeBrokerFrame(plaintext, at, at + length);
      if (frame !== null) this.#react({ kind: 'frame', frame });
      at += length;
    }
  }
}
