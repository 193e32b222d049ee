/** The AudioVM: the real service on a simulated sound server. */
import { AudioService, type AudioServiceOptions } from '../../../clients/agents/audio/index.ts';
import type { Vm } from '../../../clients/sdk/index.ts';
import type { Process } from '../engine/process.ts';
import { audioClock, SimulatedSound } from '../engine/sound.ts';
import { GuestAgent } from './guest-agent.ts';
import type { Parts } from './parts.ts';

export class AudioVm extends GuestAgent {
  service: AudioService | null = null;
  sound: SimulatedSound | null = null;
  #nextNumber = 1;
  /** What the mixer has set, as its file keeps it. */
  #settings: AudioServiceOptions['settings'] = new Map();

  protected start(vm: Vm, process: Process, parts: Parts): void {
    const events = {
      played: (of: string, bytes: Uint8Array) => this.witness.played(of, bytes),
      spoke: (to: string, number: number) => this.witness.spoke(to, number),
    };
    const server = new SimulatedSound(process, events, this.#nextNumber);
    this.sound = server;
    parts.keep(
      'audio service',
      () =>
        AudioService.start({
          vm,
          server,
          clock: audioClock(process.clock),
          settings: this.#settings ?? new Map(),
          onSettings: (settings) => {
            this.#settings = new Map(settings);
          },
        }),
      (service) => {
        this.service = service;
        return () => service.stop({ force: true });
      },
    );
  }

  protected forget(): void {
    this.#nextNumber = this.sound?.nextNumber ?? this.#nextNumber;
    this.service = null;
    this.sound = null;
  }
}
