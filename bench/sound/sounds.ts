/** The programs that play: sounds and pauses in turns. A pause of more than two seconds makes an agent cork, and the next sound uncork. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PLAYBACK_BUFFER_MS, PLAYBACK_REQUEST_MS } from '../../clients/agents/audio/limits.ts';
import { writeWav } from '../../clients/demo/audio/wav.ts';
import type { Pulse } from '../../test/support/audio/pulse.ts';
import { tone } from '../../test/support/audio/tones.ts';
import { endWithThisProcess } from '../arms/server-process.ts';
import { RATE } from './heard.ts';

const SOUND_SECONDS = [20, 5, 12, 1.5];
const PAUSE_SECONDS = [0.6, 3, 1, 6];
/** Silence behind each sound of the control: a server that plays in blocks keeps an incomplete one for the next sound. */
const CONTROL_TAIL_SECONDS = 0.05;

/** A sound of each length. */
export interface Sounds {
  readonly pcm: ReadonlyMap<number, Buffer>;
  readonly files: ReadonlyMap<number, string>;
}

export interface Plays {
  readonly plays: number;
  readonly seconds: number;
}

/** Made before somebody listens: a sine of 20 s takes a while. */
export async function makeSounds(folder: string, hertz: number): Promise<Sounds> {
  const pcm = new Map<number, Buffer>();
  const files = new Map<number, string>();
  for (const length of SOUND_SECONDS) {
    const sound = tone(hertz, length);
    const file = join(folder, `${length}.wav`);
    await writeFile(file, writeWav(sound));
    files.set(length, file);
    pcm.set(length, Buffer.concat([sound, Buffer.alloc(RATE * 4 * CONTROL_TAIL_SECONDS)]));
  }
  return { pcm, files };
}

/** Programs of the guest play one sound after the other: `paplay`, and with PipeWire `pw-cat` in turns with it. */
export function playInGuest(pulse: Pulse, seconds: number, { files }: Sounds): Promise<Plays> {
  return takeTurns(seconds, async (length, turn) => {
    const isNative = pulse.kind === 'pipewire' && turn % 2 === 1;
    const [program, ...args] = isNative ? ['pw-cat', '--playback'] : ['paplay', '--device=argus'];
    const child = spawn(program ?? '', [...args, files.get(length) ?? ''], { env: pulse.environment, stdio: 'ignore' });
    endWithThisProcess(child);
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`${program} ended with ${code}`);
  });
}

/**
 * The control: one stream in the AudioVM's sound server for all sounds, which runs dry in each pause, with the buffer that
 * the service asks for. So it differs from the stream of a VM only in what feeds it.
 */
export async function playControl(audio: Pulse, sink: string, seconds: number, { pcm }: Sounds): Promise<Plays> {
  const format = ['--raw', '--format=s16le', `--rate=${RATE}`, '--channels=2'];
  const buffer = [`--latency-msec=${PLAYBACK_BUFFER_MS}`, `--process-time-msec=${PLAYBACK_REQUEST_MS}`];
  const stdio = ['pipe', 'ignore', 'ignore'] as const;
  const child = spawn('pacat', [...format, ...buffer, `--device=${sink}`], {
    env: audio.environment,
    stdio: [...stdio],
  });
  endWithThisProcess(child);
  const closed = once(child, 'close');
  const plays = await takeTurns(seconds, async (length) => {
    child.stdin?.write(pcm.get(length));
    await delay(length * 1_000);
  });
  child.stdin?.end();
  await closed;
  return plays;
}

/** `play` resolves when its sound has ended. */
async function takeTurns(seconds: number, play: (length: number, turn: number) => Promise<void>): Promise<Plays> {
  const end = performance.now() + seconds * 1_000;
  let [plays, played] = [0, 0];
  while (performance.now() < end) {
    const left = (end - performance.now()) / 1_000;
    const wanted = SOUND_SECONDS[plays % SOUND_SECONDS.length] ?? 1;
    const length = wanted <= left ? wanted : Math.min(...SOUND_SECONDS);
    const pause = PAUSE_SECONDS[plays % PAUSE_SECONDS.length] ?? 1;
    await play(length, plays);
    plays++;
    played += length;
    await delay(pause * 1_000);
  }
  return { plays, seconds: played };
}
