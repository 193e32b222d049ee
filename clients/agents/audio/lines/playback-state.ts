/**
 * Cork, uncork and drain of one VM's playback, as in qubes-gui-daemon `playback_stream_drain`:
 *
 *   running --cork--> draining --drained, nothing queued--> corked --uncork--> running
 *
 * At most one drain is under way. An uncork during it only takes the wish back; a cork after that meets the drain that
 * is still under way, and data that came between the two is played before the stream stops.
 */
export type PlaybackPhase = 'running' | 'draining' | 'corked';

export class PlaybackState {
  #phase: PlaybackPhase = 'running';
  #wantsCork = false;

  get phase(): PlaybackPhase {
    return this.#phase;
  }

  /** The last request. */
  get wantsCork(): boolean {
    return this.#wantsCork;
  }

  /** 'drain': start one. */
  cork(): 'drain' | 'nothing' {
    this.#wantsCork = true;
    if (this.#phase !== 'running') return 'nothing';
    this.#phase = 'draining';
    return 'drain';
  }

  uncork(): 'resume' | 'nothing' {
    this.#wantsCork = false;
    if (this.#phase !== 'corked') return 'nothing';
    this.#phase = 'running';
    return 'resume';
  }

  /** The drain has ended. `isEmpty`: no data has been queued since. */
  drained(isEmpty: boolean): 'cork' | 'drain' | 'nothing' {
    if (this.#phase !== 'draining') return 'nothing';
    if (!this.#wantsCork) {
      this.#phase = 'running';
      return 'nothing';
    }
    if (!isEmpty) return 'drain';
    this.#phase = 'corked';
    return 'cork';
  }
}
