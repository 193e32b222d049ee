/**
 * A TAP device whose kernel hands over, and takes, segments of up to 64 KiB with their checksums left out. Frames pass
 * between the device and the link during the call: nothing waits here, and nothing is allocated per frame.
 */
import { MAX_SEGMENT_FRAME_BYTES, TAP_READS_PER_TURN } from '../limits.ts';
import type { LinkAttachment, SegmentPort } from './attachment.ts';
import { NET_HEADER_BYTES } from './headers.ts';
import { OFFLOAD_VERSION, writeHeader } from './offload.ts';
import type { TapDevice } from './tap-calls.ts';

const PACKET_BYTES = NET_HEADER_BYTES + MAX_SEGMENT_FRAME_BYTES;

export class SegmentTap implements LinkAttachment, SegmentPort {
  dropped = 0;
  readonly isReady = true;
  readonly segments: SegmentPort = this;
  readonly #device: TapDevice;
  readonly #onPacket: (packet: Buffer) => void;
  readonly #onEnd: (error: Error | null) => void;
  readonly #incoming = Buffer.alloc(PACKET_BYTES);
  readonly #outgoing = Buffer.alloc(PACKET_BYTES);
  #isPaused = false;
  #hasEnded = false;
  #isReadDue = false;
  readonly #onReadable = (): void => this.#read();
  readonly #readDue = (): void => {
    this.#isReadDue = false;
    this.#read();
  };

  /** `onPacket` gets a view that is valid during the call, and may change it; `onEnd` is called once. */
  constructor(device: TapDevice, onPacket: (packet: Buffer) => void, onEnd: (error: Error | null) => void) {
    this.#device = device;
    this.#onPacket = onPacket;
    this.#onEnd = onEnd;
  }

  /** Reads from now on. */
  start(): void {
    this.#device.watch(this.#onReadable);
  }

  write(frame: Uint8Array): void {
    this.writeSegment(frame, OFFLOAD_VERSION);
  }

  /** False: the type does not fit the frame, so the kernel did not get it. */
  writeSegment(frame: Uint8Array, type: number): boolean {
    const length = NET_HEADER_BYTES + frame.length;
    if (length > PACKET_BYTES) return false;
    this.#outgoing.set(frame, NET_HEADER_BYTES);
    if (!writeHeader(this.#outgoing.subarray(0, length), type)) return false;
    if (!this.#device.write(this.#outgoing, length)) this.dropped++;
    else if (!this.#isReadDue) {
      // The kernel has often answered before `write` returns, with an acknowledgement or a reply to a ping. So the answer
      // leaves in this turn of the event loop, and the process need not be woken for it.
      this.#isReadDue = true;
      process.nextTick(this.#readDue);
    }
    return true;
  }

  setOffload(isOn: boolean): void {
    this.#device.setOffload(isOn);
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  pause(): void {
    this.#isPaused = true;
    this.#device.unwatch();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#hasEnded) this.#device.watch(this.#onReadable);
  }

  close(): void {
    this.#end(null);
  }

  #read(): void {
    for (let count = 0; count < TAP_READS_PER_TURN && !this.#isPaused && !this.#hasEnded; count++) {
      const length = this.#device.read(this.#incoming);
      if (length === 0) return;
      if (length < 0) {
        this.#end(null);
        return;
      }
      this.#onPacket(this.#incoming.subarray(0, length));
    }
  }

  #end(error: Error | null): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#device.close();
    this.#onEnd(error);
  }
}
