/**
 * The sound server of the AudioVM: it plays what it is given at the pace of the clock, and its microphone speaks into each
 * record stream that is open. Every frame of the microphone has a number, so that a VM that hears one can be asked which.
 */
import type { Clock } from '../../../broker/base/index.ts';
import {
  type CaptureStream,
  ClockedStream,
  type OnLost,
  type PlaybackEvents,
  type PlaybackStream,
  type SoundServer,
} from '../../../clients/agents/audio/index.ts';
import { FRAME_BYTES } from '../../../clients/agents/audio/pcm/pcm.ts';
import type { Process } from './process.ts';

/** What the server takes ahead of time. */
const AHEAD_MS = 40;
/** Between two frames of the microphone: more would be more events, and find nothing more. */
const SPEAK_MS = 50;

export interface SoundEvents {
  readonly played: (vm: string, bytes: Uint8Array) => void;
  /** The microphone gives frame `number` to the record stream that was opened for this VM. */
  readonly spoke: (vm: string, number: number) => void;
}

interface OpenStream {
  readonly vm: string;
  readonly lose: OnLost;
}

export class SimulatedSound implements SoundServer {
  readonly playbacks = new Set<OpenStream>();
  readonly captures = new Set<OpenStream>();
  readonly #process: Process;
  readonly #events: SoundEvents;
  #nextNumber: number;

  /** `firstNumber`: above those of all servers before. */
  constructor(process: Process, events: SoundEvents, firstNumber: number) {
    this.#process = process;
    this.#events = events;
    this.#nextNumber = firstNumber;
  }

  get nextNumber(): number {
    return this.#nextNumber;
  }

  openPlayback(vm: string, _device: string | null, events: PlaybackEvents): PlaybackStream {
    const stream: OpenStream = { vm, lose: events.onLost };
    this.playbacks.add(stream);
    const write = (bytes: Uint8Array): void => {
      if (this.playbacks.has(stream)) this.#events.played(vm, bytes);
    };
    const close = (): void => void this.playbacks.delete(stream);
    return new ClockedStream(audioClock(this.#process.clock), AHEAD_MS, { write, close }, events);
  }

  openCapture(vm: string, onBytes: (bytes: Uint8Array) => void, onLost: OnLost): CaptureStream {
    const stream: OpenStream = { vm, lose: onLost };
    this.captures.add(stream);
    const speak = (): void => {
      if (!this.captures.has(stream)) return;
      const number = this.#nextNumber++;
      this.#events.spoke(vm, number);
      onBytes(frameOf(number));
      this.#process.schedule(SPEAK_MS, 'microphone', speak);
    };
    this.#process.schedule(SPEAK_MS, 'microphone', speak);
    return { close: () => void this.captures.delete(stream) };
  }

  /** The server goes away and comes again: all its streams are lost. */
  restart(): void {
    const lost = [...this.playbacks, ...this.captures];
    this.playbacks.clear();
    this.captures.clear();
    for (const { lose } of lost) this.#process.schedule(0, 'stream lost', lose);
  }
}

export function audioClock({ mono, after }: Clock): { now: () => number; schedule: Clock['after'] } {
  return { now: mono, schedule: after };
}

function frameOf(number: number): Uint8Array {
  const frame = Buffer.alloc(FRAME_BYTES);
  for (let at = 0; at < FRAME_BYTES; at += 4) frame.writeUInt32LE(number, at);
  return frame;
}

/** The number of a frame that was heard; null: no frame that the microphone gave. */
export function numberOf(frame: Uint8Array): number | null {
  const view = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.length !== FRAME_BYTES) return null;
  const number = view.readUInt32LE(0);
  for (let at = 0; at < view.length; at += 4) if (view.readUInt32LE(at) !== number) return null;
  return number;
}
