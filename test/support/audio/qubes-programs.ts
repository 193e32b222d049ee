/**
 * Doubles of the two Qubes programs over libvchan-socket, byte by byte: the guest's PipeWire module (the server of both
 * vchans) and the AudioVM's pacat-simple-vchan (the client of both).
 *
 * From their sources, and compared with the programs themselves (qubes-gui-agent-linux bc84521, qubes-gui-daemon 95e379e,
 * qubes-core-vchan-socket e1da6da): a server unlinks the file, binds, serves one peer, and does it all again after that
 * peer. The kernel connects another peer meanwhile; it is never served, and cut off when the first one ends. A client tries
 * again until it is accepted, first at the playback vchan. The module greets with three codes when its capture vchan is
 * connected; while it plays nothing, its sink is corked. The end of one vchan makes pacat close both and begin again.
 */
import { unlinkSync } from 'node:fs';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import type { Random } from '../random.ts';

const CODE_BYTES = 4;
/** The original waits a tenth of it: CONNECT_DELAY_MS of libvchan-socket counts microseconds. */
const RETRY_MS = 1;
const BACKLOG = 1;

/** libvchan_server_init, and again after each end. */
class VchanServerDouble {
  readonly #path: string;
  readonly #onPeer: (socket: Socket) => void;
  #server: Server | null = null;
  #peer: Socket | null = null;

  constructor(path: string, onPeer: (socket: Socket) => void) {
    this.#path = path;
    this.#onPeer = onPeer;
  }

  listen(): void {
    try {
      unlinkSync(this.#path);
    } catch {
      // not there: as in the original
    }
    const waiting: Socket[] = [];
    const server = createServer((socket) => {
      socket.on('error', () => {});
      if (this.#peer !== null) {
        waiting.push(socket.pause());
        return;
      }
      this.#peer = socket;
      socket.once('close', () => {
        this.#peer = null;
        server.close();
        for (const each of waiting) each.destroy();
        if (this.#server === server) this.listen();
      });
      this.#onPeer(socket);
    });
    this.#server = server;
    server.listen({ path: this.#path, backlog: BACKLOG });
  }

  /** Ends the peer; listens again. */
  hangUp(): void {
    this.#peer?.end();
  }

  stop(): void {
    const server = this.#server;
    this.#server = null;
    if (this.#peer === null) server?.close();
    else this.#peer.destroy();
  }
}

export interface VchanFiles {
  readonly playback: string;
  readonly capture: string;
}

export class GuestModuleDouble {
  readonly playback: VchanServerDouble;
  readonly capture: VchanServerDouble;
  #sound: Socket | null = null;
  #control: Socket | null = null;
  isRecording = false;
  isPlaying = false;
  readonly recorded: Buffer[] = [];
  /** Connections of each vchan so far. */
  readonly connected = { playback: 0, capture: 0 };

  constructor(files: VchanFiles) {
    this.playback = new VchanServerDouble(files.playback, (socket) => {
      this.connected.playback++;
      this.#sound = socket;
      socket.resume();
    });
    this.capture = new VchanServerDouble(files.capture, (socket) => {
      this.connected.capture++;
      this.#control = socket;
      this.#say(0x0001_0004, this.isRecording ? 0x0001_0001 : 0x0001_0000, this.isPlaying ? 0x0002_0001 : 0x0002_0000);
      socket.on('data', (bytes) => {
        if (this.isRecording) this.recorded.push(bytes); // else discard_unwanted_recorded_data
      });
    });
  }

  start(): void {
    this.playback.listen();
    this.capture.listen();
  }

  play(chunk: Uint8Array): void {
    if (!this.isPlaying) {
      this.isPlaying = true;
      this.#say(0x0002_0001);
    }
    this.#sound?.write(chunk);
  }

  record(isRecording: boolean): void {
    this.isRecording = isRecording;
    this.#say(isRecording ? 0x0001_0001 : 0x0001_0000);
  }

  /** Any codes, also those that no document defines. */
  say(...codes: readonly number[]): void {
    this.#say(...codes);
  }

  stop(): void {
    this.playback.stop();
    this.capture.stop();
  }

  #say(...codes: readonly number[]): void {
    const bytes = Buffer.alloc(codes.length * CODE_BYTES);
    for (const [index, code] of codes.entries()) bytes.writeUInt32LE(code, index * CODE_BYTES);
    this.#control?.write(bytes);
  }
}

export class PacatDouble {
  readonly #files: VchanFiles;
  #sockets: Socket[] = [];
  #isStopped = false;
  #retry: NodeJS.Timeout | null = null;
  readonly played: Buffer[] = [];
  /** All codes in order, of all rounds. */
  readonly codes: number[] = [];
  isRequested = false;
  isCorked = false;
  rounds = 0;

  constructor(files: VchanFiles) {
    this.#files = files;
  }

  /** Label `main:` of the original. */
  start(): void {
    if (this.#isStopped) return;
    this.isRequested = this.isCorked = false;
    const sockets: Socket[] = [];
    this.#sockets = sockets;
    const beginAgain = (): void => {
      if (this.#sockets !== sockets) return;
      this.#sockets = [];
      for (const each of sockets) each.destroy();
      this.#retry = setTimeout(() => this.start(), RETRY_MS);
    };
    this.#connect(this.#files.playback, (playback) => {
      sockets.push(playback);
      playback.on('data', (bytes) => void this.played.push(bytes));
      this.#connect(this.#files.capture, (capture) => {
        sockets.push(capture);
        this.rounds++;
        let rest = Buffer.alloc(0);
        capture.on('data', (bytes) => {
          rest = Buffer.concat([rest, bytes]);
          for (; rest.length >= CODE_BYTES; rest = rest.subarray(CODE_BYTES)) this.#obey(rest.readUInt32LE(0));
        });
        // The original looks at neither vchan before both are connected.
        for (const each of sockets) {
          each.once('close', beginAgain);
          if (each.destroyed) beginAgain();
        }
      });
    });
  }

  /** What the microphone hears, if the VM has asked. */
  speak(bytes: Uint8Array): void {
    this.#sockets[1]?.write(bytes);
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(path: string, onConnected: (socket: Socket) => void): void {
    if (this.#isStopped) return;
    const socket = dial(path);
    const tryAgain = (): void => {
      this.#retry = setTimeout(() => this.#connect(path, onConnected), RETRY_MS);
    };
    socket.once('error', tryAgain);
    socket.once('connect', () => {
      socket.off('error', tryAgain).on('error', () => {});
      if (this.#isStopped) socket.destroy();
      else onConnected(socket);
    });
  }

  #obey(code: number): void {
    this.codes.push(code);
    if (code === 0x0001_0001) this.isRequested = true;
    else if (code === 0x0001_0000) this.isRequested = false;
    else if (code === 0x0002_0000) this.isCorked = true;
    else if (code === 0x0002_0001) this.isCorked = false;
  }
}

/** Sizes of one burst as the real programs cut it: 16 to 8 260 bytes, whole sample frames, the same ones for each seed. */
export function chunksOf(sound: Uint8Array, random: Random): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < sound.length; ) {
    const size = 16 + 4 * random.below(2_062);
    chunks.push(sound.subarray(at, at + size));
    at += size;
  }
  return chunks;
}
