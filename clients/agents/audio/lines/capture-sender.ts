/**
 * Capture frames on their way to one VM. What the VM does not take in time pushes out the oldest, counted; nobody else
 * waits for it.
 */
import { CAPTURE_IN_FLIGHT, CAPTURE_QUEUE_FRAMES } from '../limits.ts';

/** Sends one frame and resolves with the outcome. Never rejects. */
export type SendFrame = (frame: Uint8Array) => Promise<'sent' | 'denied' | 'gone' | 'late'>;

export class CaptureSender {
  readonly #send: SendFrame;
  readonly #onRefused: (why: 'denied' | 'gone') => void;
  readonly #queue: Uint8Array[] = [];
  #inFlight = 0;
  sent = 0;
  dropped = 0;

  constructor(send: SendFrame, onRefused: (why: 'denied' | 'gone') => void) {
    this.#send = send;
    this.#onRefused = onRefused;
  }

  push(frame: Uint8Array): void {
    this.#queue.push(frame);
    while (this.#queue.length > CAPTURE_QUEUE_FRAMES) {
      this.#queue.shift();
      this.dropped++;
    }
    this.#pump();
  }

  /** Drops the waiting frames: the VM has sent a stop, or is no longer allowed to hear. */
  clear(): void {
    this.#queue.length = 0;
  }

  #pump(): void {
    while (this.#inFlight < CAPTURE_IN_FLIGHT) {
      const frame = this.#queue.shift();
      if (frame === undefined) return;
      this.#inFlight++;
      void this.#send(frame).then((outcome) => {
        this.#inFlight--;
        if (outcome === 'sent') this.sent++;
        else if (outcome === 'late') this.dropped++;
        else this.#onRefused(outcome);
        this.#pump();
      });
    }
  }
}
