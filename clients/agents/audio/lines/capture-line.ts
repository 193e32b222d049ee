/** The sound that one VM hears: a record stream exists only while the VM's gate is open. */

import { REOPEN_MS } from '../limits.ts';
import type { AudioClock } from '../pcm/audio-clock.ts';
import { FrameCutter } from '../pcm/frame-cutter.ts';
import type { CaptureStream, SoundServer } from '../service/sound-server.ts';
import { CaptureGate } from './capture-gate.ts';
import { CaptureSender, type SendFrame } from './capture-sender.ts';

const NOTHING = new Uint8Array(0);

export class CaptureLine {
  readonly #vm: string;
  readonly #server: SoundServer;
  readonly #clock: AudioClock;
  readonly #gate = new CaptureGate();
  readonly #sender: CaptureSender;
  readonly #send: SendFrame;
  /** Wishes for a probe since the last one was answered. */
  #probes = 0;
  #stream: CaptureStream | null = null;
  #cancelReopen: (() => void) | null = null;

  constructor(vm: string, server: SoundServer, clock: AudioClock, send: SendFrame) {
    this.#vm = vm;
    this.#server = server;
    this.#clock = clock;
    this.#send = send;
    this.#sender = new CaptureSender(send, (why) => this.#onRefused(why));
  }

  get asked(): boolean {
    return this.#gate.asked;
  }

  get granted(): boolean {
    return this.#gate.granted;
  }

  /** Samples flow: there is a record stream. */
  get actual(): boolean {
    return this.#stream !== null;
  }

  get counts(): { readonly sent: number; readonly dropped: number } {
    return { sent: this.#sender.sent, dropped: this.#sender.dropped };
  }

  ask(asked: boolean): void {
    this.#gate.asked = asked;
    this.#apply();
  }

  grant(granted: boolean): void {
    this.#gate.granted = granted;
    this.#apply();
  }

  /** Another policy is in force. */
  reconsider(): void {
    this.#gate.reconsider();
    this.#apply();
  }

  /** The VM has gone or starts again, so its earlier request is void. */
  reset(): void {
    this.ask(false);
  }

  #onRefused(why: 'denied' | 'gone'): void {
    if (why === 'denied') this.#gate.refuse();
    else this.#gate.asked = false; // the VM's ring is gone, so the VM asks no more
    this.#apply();
  }

  #apply(): void {
    if (!this.#gate.isOpen) this.#close();
    else if (this.#stream === null && this.#cancelReopen === null) void this.#probe();
  }

  /** An empty frame asks the broker first: without its permission the sound server must not even show a record stream. */
  async #probe(): Promise<void> {
    this.#probes++;
    if (this.#probes > 1) return; // the one under way asks again
    let asked = 0;
    let outcome: Awaited<ReturnType<SendFrame>> = 'sent';
    while (asked !== this.#probes) {
      asked = this.#probes;
      outcome = await this.#send(NOTHING);
    }
    this.#probes = 0;
    if (outcome === 'denied' || outcome === 'gone') this.#onRefused(outcome);
    else if (this.#gate.isOpen) this.#open();
  }

  #open(): void {
    if (this.#stream !== null) return;
    const cutter = new FrameCutter();
    const stream = this.#server.openCapture(
      this.#vm,
      (bytes) => {
        if (this.#stream !== stream) return;
        for (const frame of cutter.push(bytes)) this.#sender.push(frame);
      },
      () => {
        if (this.#stream !== stream) return;
        this.#stream = null;
        this.#cancelReopen = this.#clock.schedule(REOPEN_MS, () => {
          this.#cancelReopen = null;
          this.#apply();
        });
      },
    );
    this.#stream = stream;
  }

  #close(): void {
    this.#cancelReopen?.();
    this.#cancelReopen = null;
    const stream = this.#stream;
    this.#stream = null;
    stream?.close();
    this.#sender.clear();
  }
}
