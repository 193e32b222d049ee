/**
 * The AudioVM's side for Qubes' own pacat-simple-vchan, in place of a sound server: for each VM the two vchans that the
 * VM's guest module would listen at, with the domids of the VM and of this AudioVM. The program at the other end brings
 * the sound to the loudspeaker, so it has the sound server, its volume and its pace.
 *
 * A VM without such a program is silent: its sound is dropped as it comes, like the sound of a VM without a daemon.
 */
import type { Socket } from 'node:net';
import { Code, encodeCode, encodeGreeting } from '../codes.ts';
import { PLAYBACK_BUFFER_MS, VCHAN_UNREAD_BYTES } from '../limits.ts';
import { type AudioClock, NODE_CLOCK } from '../pcm/audio-clock.ts';
import { SAMPLE_FRAME_BYTES } from '../pcm/pcm.ts';
import {
  type CaptureStream,
  ClockedStream,
  type OnLost,
  type PlaybackEvents,
  type PlaybackStream,
  type SoundServer,
} from '../service/sound-server.ts';
import { type Listening, listenAtVchan } from './listen.ts';
import { audioVchans } from './names.ts';

/** A VM's sockets could not be made: the reason, in words. */
export type OnVchanFault = (vm: string, error: unknown) => void;

export interface VchanServerOptions {
  readonly directory: string;
  /** This AudioVM's domid. */
  readonly client: number;
  readonly onFault?: OnVchanFault;
  readonly clock?: AudioClock;
}

export class VchanServer implements SoundServer {
  readonly #directory: string;
  readonly #client: number;
  readonly #onFault: OnVchanFault;
  readonly #clock: AudioClock;
  readonly #vms = new Map<string, VchanVm>();
  #closing: Promise<unknown> = Promise.resolve();

  constructor({ directory, client, onFault = () => {}, clock = NODE_CLOCK }: VchanServerOptions) {
    this.#directory = directory;
    this.#client = client;
    this.#onFault = onFault;
    this.#clock = clock;
  }

  attach(vm: string, domid: number): void {
    const made = new VchanVm();
    this.#vms.set(vm, made);
    const paths = audioVchans(this.#directory, { server: domid, client: this.#client });
    // A VM that comes back at once finds the files of its last start taken away.
    this.#closing = this.#closing
      .then(() => made.listen(paths.playback, paths.capture))
      .catch((error: unknown) => this.#onFault(vm, error));
  }

  detach(vm: string): void {
    const gone = this.#vms.get(vm);
    this.#vms.delete(vm);
    this.#closing = this.#closing.then(() => gone?.close());
  }

  /** Where it plays, `device`, is decided at the other end. */
  openPlayback(vm: string, _device: string | null, events: PlaybackEvents): PlaybackStream {
    const end = this.#vms.get(vm);
    end?.cork(false);
    const sink = { write: (bytes: Uint8Array) => end?.play(bytes), close: () => end?.cork(true) };
    return new ClockedStream(this.#clock, PLAYBACK_BUFFER_MS, sink, events);
  }

  openCapture(vm: string, onBytes: (bytes: Uint8Array) => void, _onLost: OnLost): CaptureStream {
    const end = this.#vms.get(vm);
    end?.listenFor(onBytes);
    return { close: () => end?.listenFor(null) };
  }

  /** How many bytes the program of a VM did not read in time. */
  droppedOf(vm: string): number {
    return this.#vms.get(vm)?.dropped ?? 0;
  }

  /** Resolves when all files of VMs that came and went are made and taken away. */
  async settled(): Promise<void> {
    await this.#closing;
  }
}

/** One VM's two vchans, and what the program at their other end was told. */
class VchanVm {
  readonly #listening: Listening[] = [];
  #playback: Socket | null = null;
  #capture: Socket | null = null;
  #onBytes: ((bytes: Uint8Array) => void) | null = null;
  /** Qubes' sink runs at first; here there is no stream before the first sound, so the first greeting says "corked". */
  #isCorked = true;
  dropped = 0;

  async listen(playback: string, capture: string): Promise<void> {
    this.#listening.push(await listenAtVchan(playback, (socket) => this.#onPlayback(socket)));
    this.#listening.push(await listenAtVchan(capture, (socket) => this.#onCapture(socket)));
  }

  async close(): Promise<void> {
    await Promise.all(this.#listening.splice(0).map((each) => each.close()));
  }

  play(bytes: Uint8Array): void {
    const socket = this.#playback;
    if (socket === null) return;
    if (socket.writableLength > VCHAN_UNREAD_BYTES) this.dropped += bytes.length;
    else socket.write(bytes);
  }

  cork(isCorked: boolean): void {
    if (isCorked === this.#isCorked) return;
    this.#isCorked = isCorked;
    this.#capture?.write(encodeCode(isCorked ? Code.sinkCork : Code.sinkUncork));
  }

  listenFor(onBytes: ((bytes: Uint8Array) => void) | null): void {
    this.#onBytes = onBytes;
    this.#capture?.write(encodeCode(onBytes === null ? Code.sourceStop : Code.sourceStart));
  }

  #onPlayback(socket: Socket): void {
    this.#playback = socket;
    socket.resume(); // Qubes' daemon says nothing here, and what another program says is nothing
    socket.once('close', () => {
      if (this.#playback === socket) this.#playback = null;
    });
  }

  /** Sound that comes while the VM does not listen is read and thrown away, as the guest module does. */
  #onCapture(socket: Socket): void {
    this.#capture = socket;
    socket.write(encodeGreeting(this.#onBytes !== null, this.#isCorked));
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      const bytes = Buffer.concat([rest, chunk]);
      const whole = bytes.length - (bytes.length % SAMPLE_FRAME_BYTES);
      rest = bytes.subarray(whole);
      if (whole > 0 && this.#capture === socket) this.#onBytes?.(bytes.subarray(0, whole));
    });
    socket.once('close', () => {
      if (this.#capture === socket) this.#capture = null;
    });
  }
}
