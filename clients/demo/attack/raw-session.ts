/** A session without the SDK's checks: it writes any bytes and reports how the broker reacts. */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { Channel, type HandshakeContext } from '../../../broker/channel/index.ts';
import {
  type BrokerFrame,
  closeWord,
  Deframer,
  decodeBrokerFrame,
  FrameWalker,
  MAX_HANDSHAKE_BODY_BYTES,
  RecordType,
} from '../../../broker/wire/index.ts';
import type { Identity } from '../../../keys/index.ts';

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
  /** Cuts the broker's records while there is no channel: the last one can only be an unsealed close. */
  readonly #deframer = new Deframer(MAX_HANDSHAKE_BODY_BYTES);
  readonly #walker = new FrameWalker();
  readonly #reactions: Reaction[] = [];
  #channel: Channel | null = null;
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

  /** Performs the handshake; false when the broker refuses. The welcome, or the close record, is the first reaction. */
  async open(identity: Identity): Promise<boolean> {
    const channel = new Channel({
      role: 'domain',
      identity,
      suites: ['A256GCM'],
      expected: null,
      context: CONTEXT,
      resynchronises: false,
      plaintext: 'owned',
    });
    this.#channel = channel;
    await channel.begin();
    this.#writeOutput(channel);
    await this.#anyReaction();
    return channel.session !== null;
  }

  /** Seals frames into one record. */
  seal(frames: Uint8Array): void {
    const record = this.#channel?.session?.seal(frames);
    if (record !== undefined) this.write(record);
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
    if (this.#channel === null) this.#takeAsStranger(chunk);
    else {
      this.#channel.push(chunk);
      this.#process(this.#channel);
      this.#channel.keep();
    }
  }

  #takeAsStranger(chunk: Uint8Array): void {
    this.#deframer.push(chunk);
    for (let record = this.#deframer.next(); typeof record !== 'string'; record = this.#deframer.next()) {
      if (record.type === RecordType.close) this.#closed(record.body[0]);
    }
  }

  #process(channel: Channel): void {
    for (;;) {
      switch (channel.next()) {
        case 'frames':
          this.#frames(channel.plaintext);
          break;
        case 'proven':
          if (channel.welcome !== null) this.#react({ kind: 'frame', frame: channel.welcome });
          break;
        case 'rekey':
          this.#writeOutput(channel);
          break;
        case 'handshake':
          void this.#verify(channel);
          return;
        case 'closed':
          this.#closed(channel.goodbye?.code);
          return;
        default:
          return;
      }
    }
  }

  async #verify(channel: Channel): Promise<void> {
    if ((await channel.verify()) !== 'answered') return;
    this.#writeOutput(channel);
    this.#process(channel);
  }

  #writeOutput(channel: Channel): void {
    for (const bytes of channel.takeOutput()) this.write(bytes);
  }

  #frames(plaintext: Uint8Array): void {
    const walker = this.#walker;
    walker.begin(plaintext);
    while (walker.next() === 'frame') {
      const frame = decodeBrokerFrame(walker.bytes, walker.at, walker.at + walker.length);
      if (frame !== null) this.#react({ kind: 'frame', frame });
    }
  }

  #closed(code: number | undefined): void {
    this.#react({ kind: 'close', word: closeWord(code) ?? 'unknown' });
  }
}
