/**
 * The AudioVM's service: for each VM that sends, one stream of its own in the sound server, and a record stream while
 * it has asked and may. It takes messages as fast as they come; what a VM does can fill that VM's bounded buffers only.
 *
 * Who a message is from is what the broker says. Whether a VM may play or hear is the broker's decision as well, frame
 * by frame; the label that grants the microphone is only looked at so that no record stream exists in vain.
 */
import { ArgusError, type Message, type Ring, type Vm } from '../../../sdk/index.ts';
import { CAPTURE_PORT, MIXER_PORT, PLAYBACK_PORT } from '../codes.ts';
import { AudioError } from '../errors.ts';
import {
  CAPTURE_DEADLINE_MS,
  CONTROL_RING_BYTES,
  IDLE_MS,
  LIVENESS_MS,
  MAX_VMS,
  MIXER_RING_BYTES,
  PLAYBACK_RING_BYTES,
} from '../limits.ts';
import type { SendFrame } from '../lines/capture-sender.ts';
import { decodeCommand, encodeState, type MixerCommand, StateFlag } from '../mixer/mixer-messages.ts';
import { checkRoute, DEFAULT_SETTING, type MixerSetting } from '../mixer/mixer-state.ts';
import { type AudioClock, NODE_CLOCK } from '../pcm/audio-clock.ts';
import { checkVolume } from '../pcm/gain.ts';
import type { SoundServer } from './sound-server.ts';
import type { ServiceStatus, VmAudioStatus } from './status.ts';
import { VmAudio } from './vm-audio.ts';

export interface AudioServiceOptions {
  readonly vm: Vm;
  readonly server: SoundServer;
  /** The grantable label whose owners may hear, default `@mic`. */
  readonly micLabel?: string;
  /** What was set before, by VM. */
  readonly settings?: ReadonlyMap<string, MixerSetting>;
  /** Called after each change of a setting. */
  readonly onSettings?: (settings: ReadonlyMap<string, MixerSetting>) => void;
  /** Called after each change of what `status` says of the microphone. */
  readonly onStatus?: (status: VmAudioStatus) => void;
  readonly clock?: AudioClock;
}

export class AudioService {
  readonly #vm: Vm;
  readonly #server: SoundServer;
  readonly #micLabel: string;
  readonly #clock: AudioClock;
  readonly #onSettings: (settings: ReadonlyMap<string, MixerSetting>) => void;
  readonly #onStatus: (status: VmAudioStatus) => void;
  readonly #settings: Map<string, MixerSetting>;
  readonly #vms = new Map<string, VmAudio>();
  readonly #told = new Map<string, string>();
  readonly #rings: Ring[] = [];
  #cancelLook: (() => void) | null = null;
  #isClosed = false;

  private constructor(options: AudioServiceOptions) {
    const { vm, server, micLabel = '@mic', clock = NODE_CLOCK } = options;
    this.#vm = vm;
    this.#server = server;
    this.#micLabel = micLabel;
    this.#clock = clock;
    this.#settings = new Map(options.settings ?? []);
    this.#onSettings = options.onSettings ?? (() => {});
    this.#onStatus = options.onStatus ?? (() => {});
  }

  /**
   * Registers the service's rings. A second service for the same domain cannot run: the first one's rings are there.
   *
   * @throws AudioError ERR_AUDIO_SERVICE_BUSY; ArgusError EACCES when policy does not let this domain serve
   */
  static async start(options: AudioServiceOptions): Promise<AudioService> {
    const service = new AudioService(options);
    await service.#start();
    return service;
  }

  status(): ServiceStatus {
    const vms = [...this.#vms.values()].map((each) => this.#describe(each));
    return { domain: this.#vm.name, revision: this.#vm.revision, vms };
  }

  /** @throws AudioError ERR_AUDIO_VOLUME */
  setVolume(vm: string, percent: number): void {
    this.#set(vm, { volume: checkVolume(percent) });
  }

  setMuted(vm: string, isMuted: boolean): void {
    this.#set(vm, { isMuted });
  }

  /** @throws AudioError ERR_AUDIO_ROUTE */
  setRoute(vm: string, route: string | null): void {
    this.#set(vm, { route: checkRoute(route) });
  }

  /** The present clients. A program reads this before it stops the AudioVM. */
  get clients(): readonly string[] {
    return [...this.#vms.keys()];
  }

  /** Ends every stream. Refused while there are clients, unless forced. @throws AudioError ERR_AUDIO_CLIENTS */
  async stop({ force }: { readonly force: boolean }): Promise<void> {
    if (!force && this.#vms.size > 0)
      throw new AudioError(
        'ERR_AUDIO_CLIENTS',
        `${this.clients.join(', ')} would lose their sound; force it if that is meant`,
      );
    this.#isClosed = true;
    this.#cancelLook?.();
    this.#vm.off('labels', this.#onLabels);
    this.#vm.off('revision', this.#onRevision);
    for (const each of this.#vms.values()) {
      each.end();
      this.#server.detach?.(each.name);
    }
    this.#vms.clear();
    await Promise.allSettled(this.#rings.map((ring) => ring.close()));
  }

  async #start(): Promise<void> {
    const take: readonly (readonly [port: number, length: number, take: (message: Message) => void])[] = [
      [PLAYBACK_PORT, PLAYBACK_RING_BYTES, (m) => this.#of(m)?.onPlayback(m.payload, m.type)],
      [CAPTURE_PORT, CONTROL_RING_BYTES, (m) => this.#onCode(m)],
      [MIXER_PORT, MIXER_RING_BYTES, (m) => this.#onMixer(m)],
    ];
    for (const [port, length, onMessage] of take) {
      const ring = await this.#register(port, length);
      this.#rings.push(ring);
      void this.#read(ring, onMessage);
    }
    this.#vm.on('labels', this.#onLabels);
    this.#vm.on('revision', this.#onRevision);
    this.#lookLater();
  }

  async #register(port: number, length: number): Promise<Ring> {
    try {
      return await this.#vm.registerRing({ port, partner: 'any', length, failExist: true });
    } catch (error) {
      if (!(error instanceof ArgusError) || error.code !== 'EEXIST') throw error;
      throw new AudioError('ERR_AUDIO_SERVICE_BUSY', `an audio service runs already in "${this.#vm.name}"`, {
        cause: error,
      });
    }
  }

  /**
   * During delivery, so that codes and the news of labels come in the order in which the broker sent them: a code that is
   * looked at later would bring back the labels from before a grant.
   */
  async #read(ring: Ring, onMessage: (message: Message) => void): Promise<void> {
    try {
      await ring.consume(onMessage);
    } catch (error) {
      if (!(error instanceof ArgusError)) throw error; // the ring was closed: its owner has the event
    }
  }

  /** The VM that a message is from; undefined past MAX_VMS. */
  #of({ source }: Message): VmAudio | undefined {
    const known = this.#vms.get(source.name);
    if (known !== undefined || this.#vms.size >= MAX_VMS || this.#isClosed) return known;
    const { name, domid } = source;
    const vm = new VmAudio(name, domid, this.#server, this.#clock, this.#sendTo(domid));
    this.#vms.set(name, vm);
    this.#server.attach?.(name, domid);
    vm.apply(this.#setting(name));
    vm.capture.grant(source.labels.includes(this.#micLabel));
    void this.#look(vm); // its ring is there now; that it was is what makes its absence mean something
    return vm;
  }

  #sendTo(domid: number): SendFrame {
    const to = { domain: domid, port: CAPTURE_PORT };
    return async (iov) => {
      for (;;) {
        const { revision } = this.#vm;
        try {
          await this.#vm.sendv({ to, iov, deadline: CAPTURE_DEADLINE_MS });
          return 'sent';
        } catch (error) {
          if (!(error instanceof ArgusError)) throw error;
          if (error.code !== 'EACCES') return error.code === 'ECONNREFUSED' ? 'gone' : 'late';
          // A denial waits for its record on disk: the news of the next policy may have come before it.
          if (revision === this.#vm.revision) return 'denied';
          if (iov.length > 0) return 'late'; // the sound of a moment in which it was not permitted
        }
      }
    };
  }

  #onCode(message: Message): void {
    const vm = this.#of(message);
    if (vm === undefined) return;
    // The label may have come with this very message.
    vm.capture.grant(message.source.labels.includes(this.#micLabel));
    vm.onCode(message.payload, message.type);
    this.#tell(vm);
  }

  readonly #onLabels = ({ name, labels }: { readonly name: string; readonly labels: readonly string[] }): void => {
    const vm = this.#vms.get(name);
    if (vm === undefined) return;
    vm.capture.grant(labels.includes(this.#micLabel));
    this.#tell(vm);
  };

  readonly #onRevision = (): void => {
    for (const vm of this.#vms.values()) {
      vm.capture.reconsider();
      this.#tell(vm);
    }
  };

  #onMixer({ source, payload }: Message): void {
    const command = decodeCommand(payload);
    if (command === null) return;
    if (command.kind !== 'read') this.#obey(command);
    void this.#sendStates(source.domid);
  }

  #obey(command: Exclude<MixerCommand, { readonly kind: 'read' }>): void {
    const vm = [...this.#vms.values()].find(({ domid }) => domid === command.domid);
    if (vm === undefined) return; // the answer shows who is there
    try {
      if (command.kind === 'set-volume') this.setVolume(vm.name, command.percent);
      else if (command.kind === 'mute') this.setMuted(vm.name, command.isMuted);
      else this.setRoute(vm.name, command.route);
    } catch (error) {
      if (!(error instanceof AudioError)) throw error; // out of range: the answer shows what holds
    }
  }

  async #sendStates(domid: number): Promise<void> {
    const vms = [...this.#vms.values()];
    const states = vms.map((vm, index) => {
      const { asked, granted, actual, playback } = this.#describe(vm);
      const flags =
        StateFlag.present |
        (playback === 'corked' ? StateFlag.corked : 0) |
        (asked ? StateFlag.asked : 0) |
        (granted ? StateFlag.granted : 0) |
        (actual ? StateFlag.capturing : 0) |
        (index === vms.length - 1 ? StateFlag.last : 0);
      return encodeState({ domid: vm.domid, name: vm.name, ...this.#setting(vm.name), flags });
    });
    if (states.length === 0)
      states.push(encodeState({ domid: 0, name: '', ...DEFAULT_SETTING, flags: StateFlag.last }));
    for (const iov of states) {
      try {
        await this.#vm.sendv({ to: { domain: domid, port: MIXER_PORT }, iov, deadline: CAPTURE_DEADLINE_MS });
      } catch (error) {
        if (error instanceof ArgusError) return; // the asking domain has gone, or policy denies the answer
        throw error;
      }
    }
  }

  #setting(vm: string): MixerSetting {
    return this.#settings.get(vm) ?? DEFAULT_SETTING;
  }

  #set(vm: string, change: Partial<MixerSetting>): void {
    const setting = { ...this.#setting(vm), ...change };
    this.#settings.set(vm, setting);
    this.#vms.get(vm)?.apply(setting);
    this.#onSettings(this.#settings);
  }

  #describe(vm: VmAudio): VmAudioStatus {
    const { volume, isMuted, route } = this.#setting(vm.name);
    const { asked, granted, actual } = vm.capture;
    return {
      vm: vm.name,
      domid: vm.domid,
      asked,
      granted,
      actual,
      playback: vm.playback.phase,
      playing: vm.playback.isOpen,
      volume,
      muted: isMuted,
      route,
      played: vm.playback.counts,
      timing: vm.playback.timing,
      captured: vm.capture.counts,
    };
  }

  #tell(vm: VmAudio): void {
    const status = this.#describe(vm);
    const { asked, granted, actual } = status;
    const told = `${asked} ${granted} ${actual}`;
    if (this.#told.get(vm.name) === told) return;
    this.#told.set(vm.name, told);
    this.#onStatus(status);
  }

  #lookLater(): void {
    this.#cancelLook = this.#clock.schedule(LIVENESS_MS, () => {
      void Promise.all([...this.#vms.values()].map((vm) => this.#look(vm))).then(() => {
        if (!this.#isClosed && this.#vm.state !== 'closed') this.#lookLater();
      });
    });
  }

  /** The broker does not tell a receiver that a sender has gone; its capture ring does. */
  async #look(vm: VmAudio): Promise<void> {
    this.#tell(vm);
    const heard = vm.lastHeard;
    try {
      const [ring] = await this.#vm.notify([{ to: { domain: vm.domid, port: CAPTURE_PORT }, spaceRequired: 0 }]);
      if (ring?.exists === true) {
        vm.hadRing = true;
        return;
      }
      // A VM that was heard meanwhile began a new session: the answer is about the one before.
      if (vm.hadRing && vm.lastHeard === heard) return this.#forget(vm);
    } catch (error) {
      if (!(error instanceof ArgusError)) throw error;
      if (error.code === 'ECONNRESET') return; // our own session is away: nothing is known of others
    }
    if (this.#clock.now() - vm.lastHeard > IDLE_MS) this.#forget(vm);
  }

  #forget(vm: VmAudio): void {
    vm.end();
    if (this.#vms.get(vm.name) === vm) {
      this.#vms.delete(vm.name);
      this.#server.detach?.(vm.name);
    }
    this.#onStatus(this.#describe(vm));
    this.#told.delete(vm.name);
  }
}
