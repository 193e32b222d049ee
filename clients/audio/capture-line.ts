/** What one VM hears: a record stream while its gate is open, and none at all otherwise. */
import type { AudioClock } from './audio-clock.ts';
import { CaptureGate } from './capture-gate.ts';
import { CaptureSender, type SendFrame } from './capture-sender.ts';
import { FrameCutter } from './frame-cutter.ts';
import { REOPEN_MS } from './limits.ts';
import type { CaptureStream, SoundServer } from './sound-server.ts';

export class CaptureLine {
  readonly #vm: string;
  readonly #server: SoundServer;
  readonly #clock: AudioClock;
  readonly #gate = new CaptureGate();
  readonly #sender: CaptureSender;
  #stream: CaptureStream | null = null;
  #cancelReopen: (() => void) | null = null;

  constructor(vm: string, server: SoundServer, clock: AudioClock, send: SendFrame) {
    this.#vm = vm;
    this.#server = server;
    this.#clock = clock;
    this.#sender = new CaptureSender(send, (why) => {
      if (why === 'denied') this.#gate.refuse();
      else this.#gate.asked = false; // its ring is gone, so nobody is there who asks
      this.#apply();
    });
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

  /** The VM is gone, or starts anew: it has asked for nothing. */
  reset(): void {
    this.ask(false);
  }

  #apply(): void {
    if (this.#gate.isOpen) this.#open();
    else this.#close();
  }

  #open(): void {
    if (this.#stream !== null || this.#cancelReopen !== null) return;
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
