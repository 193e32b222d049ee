/**
 * A vchan for software that knows the Qubes protocol and not Argus, on the VM's side: two streams that behave like the
 * vchans 4713 and 4714. On the first, raw samples come in; on the second, four-byte codes come in and raw samples go out.
 * No framing, no header: a stream of bytes, cut anywhere.
 *
 * Qubes' own guest module is the server of both and accepts one peer, so the bridge connects to it (`connect`). Other
 * software connects, and the bridge listens (`listen`).
 */
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { CAPTURE_PORT, Code, PLAYBACK_PORT } from '../codes.ts';
import { CodeReader } from '../guest/code-reader.ts';
import { CAPTURE_QUEUE_FRAMES } from '../limits.ts';
import { type AudioClock, NODE_CLOCK } from '../pcm/audio-clock.ts';
import { FRAME_BYTES } from '../pcm/pcm.ts';
import { type Attempt, attemptUnix, dialVchan, pause } from './dial.ts';
import { type Listening, listenAtVchan } from './listen.ts';
import type { VchanPaths } from './names.ts';

/** The part of an AudioEndpoint that a vchan needs. */
export interface GuestSound {
  play(bytes: Uint8Array): Promise<void>;
  flush(): Promise<void>;
  listen(isListening: boolean): Promise<void>;
  cork(isCorked: boolean): Promise<void>;
}

/** Where the other program listens now; null = there is no AudioVM, and nothing is connected. A rejection means null. */
export type FindVchans = () => Promise<VchanPaths | null>;

export class VchanBridge {
  readonly #agent: () => GuestSound;
  readonly #clock: AudioClock;
  readonly #attempt: Attempt;
  readonly #listening: Listening[] = [];
  readonly #end = new AbortController();
  #round = new AbortController();
  #dialling: Promise<void> = Promise.resolve();
  #capture: Socket | null = null;
  /** The peer before is played to its end first: samples of two peers in one stream would swap left and right. */
  #played: Promise<void> = Promise.resolve();
  /** Capture frames that the other end did not take in time. */
  dropped = 0;
  /** How often both vchans were connected. */
  rounds = 0;

  /** `agent` is asked when bytes come: it may be made after the bridge. */
  constructor(agent: () => GuestSound, clock: AudioClock = NODE_CLOCK, attempt: Attempt = attemptUnix) {
    this.#agent = agent;
    this.#clock = clock;
    this.#attempt = attempt;
  }

  /** Listens at DIRECTORY/vchan-4713.sock and vchan-4714.sock. */
  async listen(directory: string): Promise<void> {
    const at = async (port: number, onPeer: (socket: Socket) => void): Promise<void> =>
      void this.#listening.push(await listenAtVchan(join(directory, `vchan-${port}.sock`), onPeer));
    await at(PLAYBACK_PORT, (socket) => void this.#replacePlayback(socket));
    await at(CAPTURE_PORT, (socket) => void this.#control(socket));
  }

  /**
   * Connects to both vchans, and again after each end. Both have to be connected before a byte of either counts, and
   * the end of one ends the other, as with qubes-gui-daemon's pacat-simple-vchan.
   */
  connect(find: FindVchans): void {
    this.#dialling = this.#dialAgain(find);
  }

  /** The other program is another one now: `find` is asked again. */
  redial(): void {
    this.#round.abort();
  }

  /** The sound that the agent hears. */
  readonly hear = (frame: Uint8Array): void => {
    const socket = this.#capture;
    if (socket === null) return;
    if (socket.writableLength > FRAME_BYTES * CAPTURE_QUEUE_FRAMES) this.dropped++;
    else socket.write(frame);
  };

  async close(): Promise<void> {
    this.#end.abort();
    this.#round.abort();
    await Promise.all(this.#listening.map((each) => each.close()));
    await this.#dialling;
  }

  async #dialAgain(find: FindVchans): Promise<void> {
    while (!this.#end.signal.aborted) {
      this.#round = new AbortController();
      const { signal } = this.#round;
      const paths = await Promise.race([find().catch(() => null), aborted(signal)]);
      if (paths !== null) await this.#connectOnce(paths, signal);
      await pause(this.#clock, this.#end.signal);
    }
  }

  async #connectOnce(paths: VchanPaths, signal: AbortSignal): Promise<void> {
    const sockets = await Promise.all(
      [paths.playback, paths.capture].map((path) => dialVchan(path, this.#clock, signal, this.#attempt)),
    );
    const [playback, capture] = sockets;
    const hangUp = (): void => {
      for (const socket of sockets) socket?.destroy();
    };
    if (playback && capture && !signal.aborted) {
      this.rounds++;
      signal.addEventListener('abort', hangUp);
      const ends = [this.#replacePlayback(playback), this.#control(capture)];
      await Promise.race(ends);
      hangUp();
      await Promise.all(ends);
    }
    hangUp();
  }

  #replacePlayback(socket: Socket): Promise<void> {
    this.#played = this.#played.then(() => this.#play(socket));
    return this.#played;
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
    // Code.hello, Code.olderHello and undefined codes change nothing, as in qubes-gui-daemon.
  }
}

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(null), { once: true }));
}
