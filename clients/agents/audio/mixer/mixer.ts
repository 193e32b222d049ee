/** The mixer reads the AudioVM's state of every VM. It sets volume, mute and route. It hears nothing. */
import { ArgusError, type Ring, type Vm } from '../../../sdk/index.ts';
import { MIXER_PORT } from '../codes.ts';
import { AudioError } from '../errors.ts';
import { MIXER_RING_BYTES, MIXER_TIMEOUT_MS } from '../limits.ts';
import { type AudioClock, NODE_CLOCK } from '../pcm/audio-clock.ts';
import { checkVolume } from '../pcm/gain.ts';
import { decodeState, encodeCommand, type MixerCommand, type MixerEntry, StateFlag } from './mixer-messages.ts';
import { checkRoute } from './mixer-state.ts';

export class Mixer {
  readonly #vm: Vm;
  readonly #audioVm: string;
  readonly #ring: Ring;
  readonly #clock: AudioClock;
  /** One question at a time: answers carry no number. */
  #turn: Promise<unknown> = Promise.resolve();
  #onAnswer: ((entries: readonly MixerEntry[]) => void) | null = null;
  #gathered: MixerEntry[] = [];

  private constructor(vm: Vm, audioVm: string, ring: Ring, clock: AudioClock) {
    this.#vm = vm;
    this.#audioVm = audioVm;
    this.#ring = ring;
    this.#clock = clock;
  }

  /** @throws ArgusError EACCES when policy does not let this domain mix */
  static async start(vm: Vm, audioVm: string, clock: AudioClock = NODE_CLOCK): Promise<Mixer> {
    const ring = await vm.registerRing({ port: MIXER_PORT, partner: audioVm, length: MIXER_RING_BYTES });
    const mixer = new Mixer(vm, audioVm, ring, clock);
    void mixer.#read();
    return mixer;
  }

  /** Every VM that the service knows. @throws AudioError ERR_AUDIO_MIXER_TIMEOUT; ArgusError EACCES, ECONNREFUSED */
  read(): Promise<readonly MixerEntry[]> {
    return this.#ask({ kind: 'read' });
  }

  /** 0 … 150 %. @throws AudioError ERR_AUDIO_VOLUME, ERR_AUDIO_NO_VM */
  async setVolume(vm: string, percent: number): Promise<MixerEntry> {
    checkVolume(percent);
    return this.#set(vm, (domid) => ({ kind: 'set-volume', domid, percent }));
  }

  async setMuted(vm: string, isMuted: boolean): Promise<MixerEntry> {
    return this.#set(vm, (domid) => ({ kind: 'mute', domid, isMuted }));
  }

  /** A sink of the AudioVM, or null for its default one. @throws AudioError ERR_AUDIO_ROUTE, ERR_AUDIO_NO_VM */
  async setRoute(vm: string, route: string | null): Promise<MixerEntry> {
    checkRoute(route);
    return this.#set(vm, (domid) => ({ kind: 'set-route', domid, route }));
  }

  close(): Promise<void> {
    return this.#ring.close().catch(() => {}); // gone with its session, then
  }

  async #set(vm: string, command: (domid: number) => MixerCommand): Promise<MixerEntry> {
    const entry = named(await this.read(), vm);
    return named(await this.#ask(command(entry.domid)), vm);
  }

  #ask(command: MixerCommand): Promise<readonly MixerEntry[]> {
    const answer = this.#turn.then(() => this.#askNow(command));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  async #askNow(command: MixerCommand): Promise<readonly MixerEntry[]> {
    this.#gathered = [];
    let cancel = (): void => {};
    const answered = new Promise<readonly MixerEntry[]>((resolve, reject) => {
      this.#onAnswer = resolve;
      cancel = this.#clock.schedule(MIXER_TIMEOUT_MS, () => {
        reject(
          new AudioError(
            'ERR_AUDIO_MIXER_TIMEOUT',
            `"${this.#audioVm}" did not answer the mixer; does an audio service run there?`,
          ),
        );
      });
    });
    try {
      const to = { domain: this.#audioVm, port: MIXER_PORT };
      const sent = this.#vm.sendv({ to, iov: encodeCommand(command), deadline: MIXER_TIMEOUT_MS });
      const [entries] = await Promise.all([answered, sent]);
      return entries;
    } finally {
      cancel();
      this.#onAnswer = null;
    }
  }

  async #read(): Promise<void> {
    try {
      for await (const { payload } of this.#ring) {
        const entry = decodeState(payload);
        if (entry === null) continue;
        if ((entry.flags & StateFlag.present) !== 0) this.#gathered.push(entry);
        if ((entry.flags & StateFlag.last) !== 0) this.#onAnswer?.(this.#gathered);
      }
    } catch (error) {
      if (!(error instanceof ArgusError)) throw error; // the ring was closed; the next question says why
    }
  }
}

function named(entries: readonly MixerEntry[], vm: string): MixerEntry {
  const entry = entries.find(({ name }) => name === vm);
  if (entry !== undefined) return entry;
  const there = entries.map(({ name }) => name).join(', ') || 'none';
  throw new AudioError('ERR_AUDIO_NO_VM', `"${vm}" has no sound now; these have: ${there}`);
}
