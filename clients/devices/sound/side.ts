/** What the sound card needs of the world: the AudioVM, and the question for the microphone. */
export interface SoundSide {
  /** The guest may hear the microphone now. */
  readonly mayHear: boolean;
  /** Plays 44 100 Hz S16LE stereo, which comes at the pace of the clock. */
  play(pcm: Uint8Array): void;
  /** The guest's sound begins or ends. */
  setPlaying(isPlaying: boolean): void;
  /** The guest records, or has stopped. */
  setListening(isListening: boolean): void;
  /** The guest asked for the microphone in vain: a person who may grant it can see that. */
  ask(): void;
}
