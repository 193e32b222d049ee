/**
 * The life of one PCM stream (VIRTIO 1.2 §5.14.6.6.1), as what the driver may ask in each phase:
 *
 *   idle -> set -> prepared -> running -> stopped -> (running | released)
 *
 * Linux leaves out RELEASE when no buffer is pending, so new parameters and PREPARE are taken in every phase but `running`.
 * It also stops a stream whose START was refused.
 */
import { SoundRequest, type StreamParameters } from './message.ts';
import type { SamplePace } from './sample-pace.ts';

export type StreamPhase = 'idle' | 'set' | 'prepared' | 'running' | 'stopped' | 'released';

const RESTING: readonly StreamPhase[] = ['set', 'prepared', 'stopped', 'released'];

const TRANSITIONS: ReadonlyMap<number, { readonly from: readonly StreamPhase[]; readonly to: StreamPhase }> = new Map([
  [SoundRequest.pcmSetParams, { from: ['idle', ...RESTING], to: 'set' }],
  [SoundRequest.pcmPrepare, { from: RESTING, to: 'prepared' }],
  [SoundRequest.pcmStart, { from: ['prepared', 'stopped'], to: 'running' }],
  [SoundRequest.pcmStop, { from: ['prepared', 'running'], to: 'stopped' }],
  [SoundRequest.pcmRelease, { from: ['prepared', 'stopped'], to: 'released' }],
]);

export class PcmStream {
  phase: StreamPhase = 'idle';
  parameters: StreamParameters | null = null;
  /** Null while the stream does not run. */
  pace: SamplePace | null = null;
  /** Sample bytes of the first chain that were taken already. */
  offset = 0;
  /** RELEASE was asked for, and buffers are still being given back. */
  isReleasing = false;
  /** The stream has run dry, and that was reported. */
  isDry = false;

  /** The phase after the request, or null: not now. */
  after(request: number): StreamPhase | null {
    const transition = TRANSITIONS.get(request);
    return transition?.from.includes(this.phase) === true ? transition.to : null;
  }

  /** True when buffers of the guest wait for their time; in the other phases they are given back. */
  get keepsBuffers(): boolean {
    return this.phase === 'prepared' || this.phase === 'running' || this.phase === 'stopped';
  }

  halt(): void {
    this.pace = null;
    this.isDry = false;
  }

  reset(): void {
    this.halt();
    this.phase = 'idle';
    this.parameters = null;
    this.offset = 0;
    this.isReleasing = false;
  }
}
