/**
 * One client of a sound server, by PulseAudio's native protocol, which PipeWire speaks as well (pulsecore/pstream.c,
 * native-common.h). A message is a descriptor of 20 bytes and a payload: a command, or samples of one stream.
 *
 *   length u32 | channel u32 (-1: a command) | offset u64 | flags u32, all in network order
 *
 * Version 20 of the protocol: what came later (formats, shared memory) is not needed here.
 */
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { MAX_SOUND_MESSAGE_BYTES } from '../limits.ts';
import { TagReader, TagWriter, UNSET } from './tagstruct.ts';

export const Command = {
  error: 0,
  reply: 2,
  createPlayback: 3,
  deletePlayback: 4,
  createRecord: 5,
  auth: 8,
  setClientName: 9,
  drainPlayback: 12,
  playbackLatency: 14,
  flushPlayback: 42,
  request: 61,
  underflow: 63,
  playbackKilled: 64,
  recordKilled: 65,
} as const;

const PROTOCOL_VERSION = 20;
const DESCRIPTOR_BYTES = 20;

export interface ConnectionEvents {
  /** A command of the server that answers nothing. */
  readonly onCommand: (command: number, body: TagReader) => void;
  /** Samples of a record stream: a view that is valid during the call. */
  readonly onSamples: (bytes: Uint8Array) => void;
  /** The server went away, refused, or sent nonsense. Called once, never within a call of ours. */
  readonly onLost: () => void;
}

export class PulseConnection {
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #replies = new Map<number, (body: TagReader) => void>();
  #nextTag = 0;
  #received: Buffer = Buffer.alloc(0);
  #isOver = false;

  /** Commands may be sent at once: the server takes them in order. */
  constructor(address: NetConnectOpts, cookie: Uint8Array, name: string, events: ConnectionEvents) {
    this.#events = events;
    this.#socket = connect(address);
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    for (const end of ['error', 'close'] as const) this.#socket.once(end, () => this.#lose());
    this.request(Command.auth, new TagWriter().u32(PROTOCOL_VERSION).arbitrary(cookie), () => {});
    this.request(Command.setClientName, new TagWriter().properties({ 'application.name': name }), () => {});
  }

  /** A refusal ends the connection: none of our commands can be refused and the stream go on. */
  request(command: number, body: TagWriter, onReply: (body: TagReader) => void): void {
    if (this.#isOver) return;
    const tag = this.#nextTag++;
    this.#replies.set(tag, onReply);
    const head = new TagWriter().u32(command).u32(tag).finish();
    this.#send(UNSET, Buffer.concat([head, body.finish()]));
  }

  /** Samples for a stream, by the channel that the server gave it. */
  samples(channel: number, bytes: Uint8Array): void {
    if (!this.#isOver) this.#send(channel, bytes);
  }

  close(): void {
    this.#isOver = true;
    this.#replies.clear();
    this.#socket.destroy();
  }

  #send(channel: number, payload: Uint8Array): void {
    const descriptor = Buffer.alloc(DESCRIPTOR_BYTES);
    descriptor.writeUInt32BE(payload.length, 0);
    descriptor.writeUInt32BE(channel, 4);
    this.#socket.cork();
    this.#socket.write(descriptor);
    this.#socket.write(payload);
    this.#socket.uncork();
  }

  #read(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    while (!this.#isOver && this.#received.length >= DESCRIPTOR_BYTES) {
      const length = this.#received.readUInt32BE(0);
      if (length > MAX_SOUND_MESSAGE_BYTES) {
        this.#lose();
        return;
      }
      const end = DESCRIPTOR_BYTES + length;
      if (this.#received.length < end) return;
      const payload = this.#received.subarray(DESCRIPTOR_BYTES, end);
      const isCommand = this.#received.readUInt32BE(4) === UNSET;
      this.#received = this.#received.subarray(end);
      if (isCommand) this.#take(new TagReader(payload));
      else this.#events.onSamples(payload);
    }
  }

  #take(body: TagReader): void {
    const command = body.u32();
    const tag = body.u32();
    if (body.isFaulty || command === Command.error) {
      this.#lose();
      return;
    }
    if (command !== Command.reply) {
      this.#events.onCommand(command, body);
      return;
    }
    const onReply = this.#replies.get(tag);
    this.#replies.delete(tag);
    onReply?.(body);
  }

  #lose(): void {
    if (this.#isOver) return;
    this.close();
    queueMicrotask(this.#events.onLost);
  }
}
