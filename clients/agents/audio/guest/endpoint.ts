/**
 * The VM's side: sends the VM's playback and its commands, and delivers the captured sound to the VM.
 *
 * It tells both its states (does it listen, does it play) with every session, every new AudioVM and every new start of
 * the service, so that neither side ever acts on what the other has forgotten. Each session's messages carry a number
 * of its own as message type, by which the service knows an old session's late words.
 *
 * What policy refuses is not tried again until another policy is in force: a VM without a speaker is silent, not a
 * flood of denials. A denial waits for its record on disk, so it may come after the news of the next policy; it then says
 * nothing of that policy.
 */
import { randomInt } from 'node:crypto';
import { ArgusError, type Ring, type Vm } from '../../../sdk/index.ts';
import { CAPTURE_PORT, Code, encodeCode, PLAYBACK_PORT } from '../codes.ts';
import { CAPTURE_RING_BYTES, LIVENESS_MS, PLAYBACK_DEADLINE_MS, PLAYBACK_IN_FLIGHT, SEND_AHEAD_MS } from '../limits.ts';
import { type AudioClock, NODE_CLOCK } from '../pcm/audio-clock.ts';
import { FrameCutter } from '../pcm/frame-cutter.ts';
import { isWholeFrames, millisecondsOf } from '../pcm/pcm.ts';
import { SilenceWatch } from '../pcm/silence.ts';
import { firstStream, MAX_START, nextStream } from '../stream-number.ts';

export interface AudioEndpointOptions {
  readonly vm: Vm;
  /** Name of the AudioVM; null = none, the agent idles. */
  readonly audioVm: string | null;
  /** The sound for the VM to hear: frames of 10 ms, only while the VM listens. */
  readonly onCapture?: (frame: Uint8Array) => void;
  readonly clock?: AudioClock;
  /** False: digital silence is sent like any other sound, for a caller that needs every sample. Default true. */
  readonly corksSilence?: boolean;
}

export interface AudioEndpointCounts {
  readonly sent: number;
  /** Playback frames that found no room in time, or no service. */
  readonly dropped: number;
  /** Playback frames not sent because policy refuses them. */
  readonly denied: number;
  readonly heard: number;
  /** Capture that came although the VM did not listen. */
  readonly unwanted: number;
}

export class AudioEndpoint {
  readonly #vm: Vm;
  readonly #clock: AudioClock;
  readonly #onCapture: (frame: Uint8Array) => void;
  readonly #cutter = new FrameCutter();
  /** Null: silence is sound. */
  readonly #silence: SilenceWatch | null;
  readonly #counts = { sent: 0, dropped: 0, denied: 0, heard: 0, unwanted: 0 };
  #audioVm: string | null;
  #ring: Ring | null = null;
  #stream = newStart();
  #isListening = false;
  #isCorked = false;
  /**
   * What policy has refused under this revision, and is not tried again before the next: playback, the capture ring, a
   * code.
   */
  #isMute = false;
  #isDeaf = false;
  #isUnheard = false;
  #inFlight = 0;
  #wake: (() => void) | null = null;
  /** When the frames sent so far will have been played, if nothing waits anywhere. */
  #sentUntil = 0;
  /** The service has been told both states and has not been seen to go since. */
  #isTold = false;
  /** Ends of sessions of partners: a service that started again knows nothing of what it was told before. */
  #ends = 0;
  #lastHeardAt = 0;
  #cancelLook: (() => void) | null = null;
  #isClosed = false;

  private constructor(options: AudioEndpointOptions) {
    const { vm, audioVm, onCapture = () => {}, clock = NODE_CLOCK, corksSilence = true } = options;
    this.#vm = vm;
    this.#clock = clock;
    this.#onCapture = onCapture;
    this.#audioVm = audioVm;
    this.#silence = corksSilence ? new SilenceWatch() : null;
  }

  static async start(options: AudioEndpointOptions): Promise<AudioEndpoint> {
    const agent = new AudioEndpoint(options);
    agent.#vm.on('reconnected', agent.#onReconnected);
    agent.#vm.on('revision', agent.#onRevision);
    agent.#vm.on('peer-gone', agent.#onGone);
    await agent.#attach();
    agent.#lookLater();
    return agent;
  }

  get counts(): AudioEndpointCounts {
    return { ...this.#counts };
  }

  get audioVm(): string | null {
    return this.#audioVm;
  }

  get isListening(): boolean {
    return this.#isListening;
  }

  get isCorked(): boolean {
    return this.#isCorked;
  }

  /** START or STOP: whether the VM's software wants to hear the microphone. */
  async listen(isListening: boolean): Promise<void> {
    if (isListening === this.#isListening) return;
    this.#isListening = isListening;
    this.#lastHeardAt = this.#clock.now();
    await this.#say(isListening ? Code.sourceStart : Code.sourceStop);
  }

  /** CORK or UNCORK, for a caller that knows the state better than the samples show it. */
  async cork(isCorked: boolean): Promise<void> {
    if (isCorked === this.#isCorked) return;
    this.#isCorked = isCorked;
    await this.#say(isCorked ? Code.sinkCork : Code.sinkUncork);
  }

  /**
   * Plays bytes of a stream, at the pace of the clock: resolves when more is wanted. Parts of a frame wait for the
   * rest. Two seconds of digital silence cork the stream, the first sound uncorks it.
   */
  async play(bytes: Uint8Array): Promise<void> {
    for (const frame of this.#cutter.push(bytes)) await this.#playFrame(frame);
  }

  /** What comes in real time, a burst after the other: no part of a burst waits for the next one. */
  async playBurst(bytes: Uint8Array): Promise<void> {
    await this.play(bytes);
    const rest = this.#cutter.takeRest();
    if (rest.length > 0) await this.#playFrame(rest);
  }

  /** The end of a stream: what is left of a frame goes out, and all that is under way has arrived or not. */
  async flush(): Promise<void> {
    const rest = this.#cutter.flush();
    if (rest.length > 0) await this.#playFrame(rest);
    while (this.#inFlight > 0) await this.#slot();
  }

  /** Another AudioVM, or none: both directions move, and the endpoint sends both states to the new AudioVM. */
  async moveTo(audioVm: string | null): Promise<void> {
    if (audioVm === this.#audioVm) return;
    await this.#detach();
    this.#audioVm = audioVm;
    this.#isMute = this.#isDeaf = false;
    await this.#attach();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelLook?.();
    this.#vm.off('reconnected', this.#onReconnected);
    this.#vm.off('revision', this.#onRevision);
    this.#vm.off('peer-gone', this.#onGone);
    await this.#detach();
  }

  async #attach(): Promise<void> {
    const partner = this.#audioVm;
    if (partner === null) return;
    const { revision } = this.#vm;
    try {
      this.#ring = await this.#vm.registerRing({ port: CAPTURE_PORT, partner, length: CAPTURE_RING_BYTES });
      void this.#hear(this.#ring);
    } catch (error) {
      // Without a capture ring it can still play; the next policy may give one.
      if (!(error instanceof ArgusError)) throw error;
      this.#isDeaf = error.code === 'EACCES' && revision === this.#vm.revision;
    }
    await this.#sayBoth();
  }

  async #detach(): Promise<void> {
    if (this.#audioVm !== null && this.#isTold) {
      await this.#send(Code.sourceStop);
      await this.#send(Code.sinkCork);
    }
    this.#isTold = false;
    const ring = this.#ring;
    this.#ring = null;
    await ring?.close().catch(() => {}); // gone with its session, then
  }

  async #hear(ring: Ring): Promise<void> {
    try {
      for await (const { payload } of ring) {
        if (payload.length === 0 || !isWholeFrames(payload)) continue;
        this.#lastHeardAt = this.#clock.now();
        if (this.#isListening) {
          this.#counts.heard++;
          this.#onCapture(payload);
        } else this.#counts.unwanted++;
      }
    } catch (error) {
      if (!(error instanceof ArgusError)) throw error; // policy took the ring; #look tries for another
    }
    if (this.#ring === ring) this.#ring = null;
  }

  async #playFrame(frame: Uint8Array): Promise<void> {
    const heard = this.#silence?.push(frame) ?? 'sound';
    // Sound that waited for the answer to a code would be late by that much, until the next pause.
    if (heard === 'sound') void this.cork(false);
    await this.#pace(millisecondsOf(frame.length));
    if (heard === 'paused' || this.#isClosed) return;
    if (this.#audioVm === null) this.#counts.dropped++;
    else if (this.#isMute) this.#counts.denied++;
    else await this.#sendFrame(this.#audioVm, frame);
    // Behind the last frame that was sent.
    if (heard === 'pause') void this.cork(true);
  }

  async #sendFrame(domain: string, frame: Uint8Array): Promise<void> {
    while (this.#inFlight >= PLAYBACK_IN_FLIGHT) await this.#slot();
    this.#inFlight++;
    const to = { domain, port: PLAYBACK_PORT };
    const { revision } = this.#vm;
    void this.#vm
      .sendv({ to, type: this.#stream, iov: frame, deadline: PLAYBACK_DEADLINE_MS })
      .then(
        () => void this.#counts.sent++,
        (error: unknown) => this.#onRefused(error, revision),
      )
      .finally(() => {
        this.#inFlight--;
        this.#wake?.();
      });
  }

  /** `revision`: the one in force when the frame was sent. */
  #onRefused(error: unknown, revision: number): void {
    if (!(error instanceof ArgusError)) throw error;
    if (error.code === 'EACCES') {
      if (revision === this.#vm.revision) this.#isMute = true;
      this.#counts.denied++;
      return;
    }
    this.#counts.dropped++;
    if (error.code === 'ECONNREFUSED') this.#isTold = false;
  }

  #slot(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Not more than SEND_AHEAD_MS ahead of the clock; after a pause it starts from now. */
  async #pace(ms: number): Promise<void> {
    const now = this.#clock.now();
    this.#sentUntil = Math.max(this.#sentUntil, now) + ms;
    const wait = this.#sentUntil - now - SEND_AHEAD_MS;
    if (wait > 0) await new Promise<void>((resolve) => void this.#clock.schedule(wait, resolve));
  }

  readonly #onReconnected = (): void => {
    this.#stream = nextStream(this.#stream) ?? newStart();
    this.#isMute = this.#isDeaf = false;
    void this.#sayBoth();
  };

  readonly #onRevision = (): void => {
    this.#isMute = this.#isDeaf = false;
    if (!this.#isTold || this.#isUnheard) void this.#sayBoth();
  };

  /** It may be back before the next look, with a ring like the one before. The event has a domid, and we know a name. */
  readonly #onGone = ({ port }: { readonly port: number | null }): void => {
    if (port !== null && port !== CAPTURE_PORT) return;
    this.#ends++;
    this.#isTold = false;
  };

  async #sayBoth(): Promise<void> {
    this.#isUnheard = false;
    const ends = this.#ends;
    const isHeard =
      (await this.#send(this.#isListening ? Code.sourceStart : Code.sourceStop)) &&
      (await this.#send(this.#isCorked ? Code.sinkCork : Code.sinkUncork));
    this.#isTold = isHeard && ends === this.#ends;
  }

  async #say(code: number): Promise<void> {
    if (!(await this.#send(code))) this.#isTold = false;
  }

  /** True when the service has the code, or may not have it; false when there is none. */
  async #send(code: number): Promise<boolean> {
    if (this.#audioVm === null) return false;
    const { revision } = this.#vm;
    try {
      const to = { domain: this.#audioVm, port: CAPTURE_PORT };
      await this.#vm.sendv({ to, type: this.#stream, iov: encodeCode(code), deadline: PLAYBACK_DEADLINE_MS });
      return true;
    } catch (error) {
      if (!(error instanceof ArgusError)) throw error;
      if (error.code !== 'EACCES' || revision !== this.#vm.revision) return false;
      this.#isUnheard = true;
      return true;
    }
  }

  #lookLater(): void {
    this.#cancelLook = this.#clock.schedule(LIVENESS_MS, () => {
      void this.#look().then(() => {
        if (!this.#isClosed && this.#vm.state !== 'closed') this.#lookLater();
      });
    });
  }

  /** Notices a service that went and came while nothing was sent, and a capture stream that has dried up. */
  async #look(): Promise<void> {
    const domain = this.#audioVm;
    if (domain === null || this.#vm.state !== 'connected') return;
    if (this.#ring === null && !this.#isDeaf) return this.#attach();
    try {
      const [ring] = await this.#vm.notify([{ to: { domain, port: CAPTURE_PORT }, spaceRequired: 0 }]);
      if (ring?.exists !== true) this.#isTold = false;
      else if (!this.#isTold || this.#hasDriedUp()) await this.#sayBoth();
    } catch (error) {
      if (!(error instanceof ArgusError)) throw error; // policy, or the session has just gone
    }
  }

  #hasDriedUp(): boolean {
    if (!this.#isListening || this.#counts.heard === 0) return false;
    const silence = this.#clock.now() - this.#lastHeardAt;
    return silence > LIVENESS_MS && silence < 3 * LIVENESS_MS;
  }
}

function newStart(): number {
  return firstStream(randomInt(1, MAX_START + 1));
}
