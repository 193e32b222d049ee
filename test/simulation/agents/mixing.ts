/** The mixer of one app, which mutes the VMs of the AudioVM. Volumes stay whole, so that each sample keeps its mark. */
import { AudioError, Mixer } from '../../../clients/agents/audio/index.ts';
import { ArgusError, type Vm } from '../../../clients/sdk/index.ts';
import type { Process } from '../engine/process.ts';
import { audioClock } from '../engine/sound.ts';
import type { Witness } from '../witness.ts';
import { AUDIO_VM } from './inventory.ts';
import type { Parts } from './parts.ts';

export class Mixing {
  readonly #witness: Witness;
  #process: Process | null = null;
  #mixer: Mixer | null = null;

  constructor(witness: Witness) {
    this.#witness = witness;
  }

  start(vm: Vm, process: Process, parts: Parts): void {
    this.#process = process;
    parts.keep(
      'mixer',
      () => Mixer.start(vm, AUDIO_VM, audioClock(process.clock)),
      (mixer) => {
        this.#mixer = mixer;
        return () => mixer.close();
      },
    );
  }

  forget(): void {
    this.#process = null;
    this.#mixer = null;
  }

  mute(of: string, isMuted: boolean): void {
    const process = this.#process;
    if (this.#mixer === null || process === null) return;
    this.#witness.muting(of, isMuted);
    const settle = (answer: boolean | null): void => {
      if (process.isAlive) this.#witness.muted(of, isMuted, answer);
    };
    this.#mixer.setMuted(of, isMuted).then(
      (entry) => settle(entry.isMuted),
      (error: unknown) => {
        if (error instanceof AudioError || error instanceof ArgusError) settle(null);
        else this.#witness.unexpected(error);
      },
    );
  }
}
