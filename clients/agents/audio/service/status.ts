/** What the service tells of itself: per VM the three facts of the microphone, as Qubes keeps them in QubesDB, and more. */
import type { PlaybackCounts, PlaybackTiming } from '../lines/playback-line.ts';
import type { PlaybackPhase } from '../lines/playback-state.ts';

export interface VmAudioStatus {
  readonly vm: string;
  readonly domid: number;
  /** `/audio-input-request/VM`: the VM's software wants to hear. */
  readonly asked: boolean;
  /** `/audio-input-config/VM`: an admin lets it. */
  readonly granted: boolean;
  /** `/audio-input/VM`: there is a record stream for it. */
  readonly actual: boolean;
  readonly playback: PlaybackPhase;
  /** It has a playback stream in the sound server. */
  readonly playing: boolean;
  readonly volume: number;
  readonly muted: boolean;
  readonly route: string | null;
  readonly played: PlaybackCounts;
  readonly timing: PlaybackTiming;
  readonly captured: { readonly sent: number; readonly dropped: number };
}

export interface ServiceStatus {
  readonly domain: string;
  readonly revision: number;
  readonly vms: readonly VmAudioStatus[];
}
