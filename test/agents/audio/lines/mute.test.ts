/**
 * Mute under load: many VMs play at once, their sound comes in bursts, late and too much of it, so that queues are full and
 * slips are under way, while a mixer mutes, unmutes and sets volumes all the time.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PLAYBACK_BUFFER_MS, PLAYBACK_REQUEST_MS } from '../../../../clients/agents/audio/limits.ts';
import { bytesOf } from '../../../../clients/agents/audio/pcm/pcm.ts';
import type {
  PlaybackEvents,
  PlaybackStream,
  SoundServer,
} from '../../../../clients/agents/audio/service/sound-server.ts';
import { VmAudio } from '../../../../clients/agents/audio/service/vm-audio.ts';
import { firstStream } from '../../../../clients/agents/audio/stream-number.ts';
import { FakeClock } from '../../../support/clock.ts';
import { Random } from '../../../support/random.ts';

const mute = suite('mute of playback');

const VMS = 40;
const SECONDS = 8;
/** Of each of its two samples, at full volume: quiet volumes leave something of it. */
const LEVEL = 16_000;
const BURST_MS = 40;

/** What one loudspeaker plays of a VM, in steps; a step begins at a moment of its own. */
class Loudspeaker implements SoundServer {
  isMuted = false;
  /** Sample bytes that were not zero, while muted and while not. */
  readonly heard = { muted: 0, unmuted: 0 };
  /** Bytes of any value that were played while muted. */
  silent = 0;
  #waiting: Uint8Array[] = [];
  #events: PlaybackEvents | null = null;

  constructor(clock: FakeClock, offsetMs: number) {
    const step = (): void => {
      this.#play(bytesOf(PLAYBACK_REQUEST_MS));
      clock.schedule(PLAYBACK_REQUEST_MS, step);
    };
    clock.schedule(offsetMs, step);
  }

  openPlayback(_vm: string, _device: string | null, events: PlaybackEvents): PlaybackStream {
    this.#events = events;
    const length = (): number => this.#waiting.reduce((sum, bytes) => sum + bytes.length, 0);
    return {
      isLive: true,
      stepMs: PLAYBACK_REQUEST_MS,
      get wanted() {
        return bytesOf(PLAYBACK_BUFFER_MS) - length();
      },
      get ahead() {
        return length();
      },
      get isEmpty() {
        return length() === 0;
      },
      write: (bytes) => void this.#waiting.push(bytes),
      flush: () => {
        this.#waiting = [];
      },
      close: () => {},
    };
  }

  openCapture(): { close(): void } {
    return { close: () => {} };
  }

  #play(bytes: number): void {
    let left = bytes;
    while (left > 0) {
      const [first, ...rest] = this.#waiting;
      if (first === undefined) break;
      const played = first.subarray(0, left);
      left -= played.length;
      this.#waiting = played.length === first.length ? rest : [first.subarray(played.length), ...rest];
      const sounding = played.reduce((sum, byte) => sum + (byte === 0 ? 0 : 1), 0);
      this.heard[this.isMuted ? 'muted' : 'unmuted'] += sounding;
      if (this.isMuted) this.silent += played.length;
    }
    this.#events?.onWanted();
  }
}

mute('a muted VM has not one sample more, however many play and however often the mixer changes something', () => {
  const clock = new FakeClock();
  const random = new Random(6_778);
  const tone = new Uint8Array(new Int16Array(bytesOf(10) / 2).fill(LEVEL).buffer);
  const vms = Array.from({ length: VMS }, (_, index) => {
    const server = new Loudspeaker(clock, 1 + random.below(10));
    return { server, vm: new VmAudio(`vm-${index}`, index + 1, server, clock, async () => 'sent') };
  });
  const stream = firstStream(7);
  for (const { vm } of vms) {
    // Some send more than is played: their queues fill up, and slips make their sound shorter.
    const messages = BURST_MS / 10 + (vm.domid % 4 === 0 ? 1 : 0);
    const burst = (): void => {
      for (let message = 0; message < messages; message++) vm.onPlayback(Uint8Array.from(tone), stream);
      clock.schedule(BURST_MS - 2 + random.below(5), burst);
    };
    clock.schedule(random.below(BURST_MS), burst);
  }
  for (let at = 0; at < SECONDS * 1_000; at++) {
    clock.advance(1);
    const { server, vm } = random.pick(vms);
    server.isMuted = random.below(2) === 0;
    vm.apply({ volume: 50 + random.below(100), isMuted: server.isMuted, route: null });
  }
  for (const { server, vm } of vms) {
    assert.is(server.heard.muted, 0, vm.name);
    assert.ok(server.silent > 0 && server.heard.unmuted > 0, `${vm.name} was muted for a while, and heard for a while`);
  }
  assert.ok(
    vms.some(({ vm }) => vm.playback.counts.dropped > 0) && vms.some(({ vm }) => vm.playback.counts.slipped > 0),
    'queues were full and slips under way',
  );
});

mute.run();
