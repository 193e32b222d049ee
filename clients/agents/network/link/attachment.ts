/** Where a link's frames come from and go to: a VM's NIC or a TAP device, as a pair of byte streams. */
import type { Readable, Writable } from 'node:stream';
import { ATTACHMENT_HIGH_WATER_BYTES } from '../limits.ts';
import { FrameReader, lengthPrefix } from './framing.ts';

/** The device at a link's end. */
export interface LinkAttachment {
  /** Frames that the other side did not take. */
  readonly dropped: number;
  /** True while the other side has taken all frames that it was given. */
  readonly isReady: boolean;
  /** The frame is given away: it must not be changed afterwards. A full attachment drops it, as a full NIC does. */
  write(frame: Uint8Array): void;
  /** Resolves when there is room again, or nothing will ever be taken. */
  ready(): Promise<void>;
  /** No more frames from it until `resume`. */
  pause(): void;
  resume(): void;
  close(): void;
  /** Absent: the device takes and gives whole frames only. */
  readonly segments?: SegmentPort;
}

/** What a device does whose kernel takes work that the other end left. */
export interface SegmentPort {
  /** The frame is lent for the call. False: the type does not fit it, and the kernel did not get it (offload.ts). */
  writeSegment(frame: Uint8Array, type: number): boolean;
  /** Whether the device's kernel may leave work to the other ends. */
  setOffload(isOn: boolean): void;
}

export class Attachment implements LinkAttachment {
  dropped = 0;
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #onEnd: (error: Error | null) => void;
  readonly #waiting: (() => void)[] = [];
  #hasEnded = false;
  #isCorked = false;

  /** `onFrame` gets views that are valid during the call only; `onEnd` is called once. */
  constructor(
    input: Readable,
    output: Writable,
    onFrame: (frame: Uint8Array) => void,
    onEnd: (error: Error | null) => void,
  ) {
    this.#input = input;
    this.#output = output;
    this.#onEnd = onEnd;
    const reader = new FrameReader(onFrame);
    input.on('data', (chunk: Uint8Array) => {
      try {
        reader.push(chunk);
      } catch (error) {
        this.#end(error instanceof Error ? error : new Error(String(error)));
      }
    });
    for (const stream of new Set([input, output])) {
      stream.on('error', (error: Error) => this.#end(error));
      stream.on('close', () => this.#end(null));
    }
    input.on('end', () => this.#end(null));
    output.on('drain', () => this.#wake());
  }

  get isReady(): boolean {
    return this.#output.writableLength < ATTACHMENT_HIGH_WATER_BYTES;
  }

  write(frame: Uint8Array): void {
    if (this.#hasEnded) return;
    if (!this.isReady) {
      this.dropped++;
      return;
    }
    // One system call for all frames of this turn.
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#output.cork();
      process.nextTick(() => {
        this.#isCorked = false;
        this.#output.uncork();
      });
    }
    this.#output.write(lengthPrefix(frame.length));
    this.#output.write(frame);
  }

  ready(): Promise<void> {
    if (this.isReady || this.#hasEnded) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  pause(): void {
    this.#input.pause();
  }

  resume(): void {
    this.#input.resume();
  }

  close(): void {
    this.#end(null);
  }

  #end(error: Error | null): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#input.destroy();
    this.#output.destroy();
    this.#wake();
    this.#onEnd(error);
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
