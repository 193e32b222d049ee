/**
 * A vchan for software that knows the Qubes protocol and not Argus: two unix sockets that behave like the vchans 4713 and
 * 4714 do for the VM's side. On the first, raw samples go in; on the second, four-byte codes go in and raw samples come out.
 * No framing, no header: a stream of bytes, cut anywhere. A vchan has one peer: a newer connection replaces the older one.
 */
import { unlink } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { CAPTURE_PORT, Code, PLAYBACK_PORT } from '../codes.ts';
import { CAPTURE_QUEUE_FRAMES } from '../limits.ts';
import { FRAME_BYTES } from '../pcm/pcm.ts';
import { CodeReader } from '../guest/code-reader.ts';
import type { AudioEndpoint } from '../guest/endpoint.ts';

export class VchanBridge {
  readonly #agent: () => AudioEndpoint;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #capture: Socket | null = null;
  #playback: Socket | null = null;
  /** The peer before is played to its end first: samples of two peers in one stream would swap left and right. */
  #played: Promise<void> = Promise.resolve();
  /** Capture frames that the other end did not take in time. */
  dropped = 0;

  /** `agent` is asked when bytes come: it may be made after the bridge. */
  constructor(agent: () => AudioEndpoint) {
    this.#agent = agent;
  }

  /** Listens at DIRECTORY/vchan-4713.sock and vchan-4714.sock. */
  async listen(directory: string): Promise<void> {
    await this.#serve(join(directory, `vchan-${PLAYBACK_PORT}.sock`), (socket) => this.#replacePlayback(socket));
    await this.#serve(join(directory, `vchan-${CAPTURE_PORT}.sock`), (socket) => void this.#control(socket));
  }

  /** The sound that the agent hears. */
  readonly hear = (frame: Uint8Array): void => {
    const socket = this.#capture;
    if (socket === null) return;
    if (socket.writableLength > FRAME_BYTES * CAPTURE_QUEUE_FRAMES) this.dropped++;
    else socket.write(frame);
  };

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  }

  async #serve(path: string, onSocket: (socket: Socket) => void): Promise<void> {
    const server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {}); // the close event follows and is handled
      socket.once('close', () => this.#sockets.delete(socket));
      onSocket(socket);
    });
    await unlink(path).catch(() => {});
    // The socket is its user's alone from the moment at which it exists.
    const mask = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(path, resolve);
      });
    } finally {
      process.umask(mask);
    }
    this.#servers.push(server);
  }

  #replacePlayback(socket: Socket): void {
    this.#playback?.destroy();
    this.#playback = socket;
    this.#played = this.#played.then(() => this.#play(socket));
  }

  /** Reads no faster than the agent plays. A new connection begins at a new sample, whatever the last one left. */
  async #play(socket: Socket): Promise<void> {
    const agent = this.#agent();
    try {
      for await (const chunk of socket as AsyncIterable<Buffer>) await agent.play(chunk);
    } catch {
      // cut off in the middle: the bytes that arrived are played
    }
    await agent.flush();
  }

  async #control(socket: Socket): Promise<void> {
    this.#capture?.destroy(); // a vchan has one peer
    this.#capture = socket;
    const reader = new CodeReader();
    try {
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        // In turn and awaited: a writer that is faster than the delivery finds the socket full.
        for (const code of reader.push(chunk)) await this.#obey(code);
      }
    } catch {
      // cut off: treated like a stop
    }
    if (this.#capture !== socket) return;
    this.#capture = null;
    // The next peer begins as Qubes' does: source stopped, sink running.
    await this.#agent().listen(false);
    await this.#agent().cork(false);
  }

  async #obey(code: number): Promise<void> {
    const agent = this.#agent();
    if (code === Code.sourceStart) await agent.listen(true);
    else if (code === Code.sourceStop) await agent.listen(false);
    else if (code === Code.sinkCork) await agent.cork(true);
    else if (code === Code.sinkUncork) await agent.cork(false);
    // Code.hello and undefined codes are tolerated.
  }
}
