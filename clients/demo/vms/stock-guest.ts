/**
 * A stock guest that plays through its virtual sound card. It has no Argus inside: `aplay` and the kernel's driver talk
 * to a device process on this host, and the audio service of audio-vm, here without a sound server, keeps what arrives
 * in a WAV file. QEMU 10 and Linux 6.12 come from Debian's backports; without them the guest is left out, and the
 * summary says so.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { AudioService, RecordingServer } from '../../agents/audio/index.ts';
import {
  type Accelerator,
  type Entry,
  endWithUs,
  hasNewerPlatform,
  LOAD_SOUND_CARD,
  LONG_BUFFER,
  Machine,
  newerPlatform,
  nodeArguments,
  ROOT,
  soundPrograms,
} from '../../machines/index.ts';
import { connect } from '../../sdk/index.ts';
import { DemoError } from '../errors.ts';
import type { DemoHost } from './host.ts';

export const STOCK_GUEST = 'mail-vm';
export const TONE_HERTZ = 1_000;

export type StockSound =
  | { readonly missing: string }
  /** What arrived in audio-vm: its frequency by zero crossings, and its length. */
  | { readonly hertz: number; readonly seconds: number };

const MISSING =
  'its QEMU 10 and Linux 6.12 are in bookworm-backports, which apt does not list here: add ' +
  '"deb http://deb.debian.org/debian bookworm-backports main" to /etc/apt/sources.list.d/backports.list, then apt-get update';
const MEMORY_MIB = 768;
const RATE = 44_100;
const FRAME_BYTES = 4;
const WAV_HEADER_BYTES = 44;
const TONE_SECONDS = 2;
const LEVEL = 16_384;
/** Samples below this are silence. */
const SILENCE = 64;

const MAIN = `
${LOAD_SOUND_CARD}
aplay -D hw:0,0 ${LONG_BUFFER} -f S16_LE -r ${RATE} -c 2 -t raw /tone
echo "aplay: exit code $?"
`;

/** @param host its broker runs, and no other audio-vm does  @param say prints progress */
export async function playThroughCard(
  host: DemoHost,
  accelerator: Accelerator,
  say: (line: string) => void,
): Promise<StockSound> {
  if (!hasNewerPlatform()) {
    say(`a stock guest with a virtual sound card is left out: ${MISSING}`);
    return { missing: MISSING };
  }
  say(
    `${STOCK_GUEST} boots: a stock guest with no Argus inside, and a virtual sound card (10 to 40 s, more with the download) …`,
  );
  const platform = await newerPlatform();
  const vm = await connect({ carrier: `unix:${host.socketOf('audio-vm')}`, identity: host.path('audio-vm') });
  const recordings = host.path('recordings');
  const service = await AudioService.start({ vm, server: new RecordingServer(recordings) });
  const socket = host.path('sound.sock');
  const device = await startDevice(host, socket);
  const machine = await Machine.start({
    name: STOCK_GUEST,
    directory: host.path('machine-stock'),
    accelerator,
    socket: null,
    main: MAIN,
    files: new Map<string, Entry>([...(await soundPrograms()), ['tone', { kind: 'file', bytes: tone(), mode: 0o644 }]]),
    platform,
    more: [
      ...['-object', `memory-backend-memfd,id=mem,size=${MEMORY_MIB}M,share=on`, '-machine', 'memory-backend=mem'],
      ...['-chardev', `socket,id=sound,path=${socket}`, '-device', 'vhost-user-snd-pci,chardev=sound'],
    ],
  });
  try {
    const [, code] = await machine.line(/^aplay: exit code (\d+)$/);
    if (code !== '0') throw new DemoError('ERR_DEMO_SOUND', `aplay in ${STOCK_GUEST} failed:\n${machine.console}`);
  } finally {
    await machine.kill();
    device.stop();
    await service.stop({ force: true });
    await vm.close();
  }
  const [file] = readdirSync(recordings).filter((name) => name.endsWith('.wav'));
  const heard = measure(file === undefined ? Buffer.alloc(0) : readFileSync(join(recordings, file)));
  say(`${STOCK_GUEST}’s aplay arrived in audio-vm: ${heard.seconds.toFixed(2)} s of ${heard.hertz.toFixed(0)} Hz`);
  return heard;
}

/** The tone arrived as one. Software emulation may cost some of it. */
export function isSoundHeard(sound: StockSound): boolean {
  return (
    'missing' in sound || (Math.abs(sound.hertz - TONE_HERTZ) < TONE_HERTZ / 50 && sound.seconds > TONE_SECONDS / 2)
  );
}

/** `argus device` as an operator starts it. Resolves when it waits for the machine. */
async function startDevice(host: DemoHost, socket: string): Promise<{ stop(): void }> {
  const child = spawn(
    process.execPath,
    [
      ...[...nodeArguments('clients/cli/main'), 'device', '--domain', STOCK_GUEST, '--sound', socket],
      ...['--carrier', `unix:${host.socketOf(STOCK_GUEST)}`, '--identity', host.path(STOCK_GUEST)],
    ],
    { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  endWithUs(child);
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    if (!line.includes('waiting for a VMM')) continue;
    child.stderr.resume();
    return { stop: () => child.kill('SIGTERM') };
  }
  throw new DemoError('ERR_DEMO_PROCESS', `argus device ended before it ran:\n${said.join('\n')}`);
}

function tone(): Buffer {
  const pcm = Buffer.alloc(TONE_SECONDS * RATE * FRAME_BYTES);
  for (let at = 0; at < pcm.length; at += FRAME_BYTES) {
    const sample = Math.round(Math.sin((2 * Math.PI * TONE_HERTZ * at) / FRAME_BYTES / RATE) * LEVEL);
    pcm.writeInt16LE(sample, at);
    pcm.writeInt16LE(sample, at + 2);
  }
  return pcm;
}

/** Of the left channel, from the first sample that is not silent to the last one. */
function measure(wav: Buffer): { readonly hertz: number; readonly seconds: number } {
  let [first, last, crossings, before] = [-1, -1, 0, 0];
  for (let at = WAV_HEADER_BYTES; at + FRAME_BYTES <= wav.length; at += FRAME_BYTES) {
    const sample = wav.readInt16LE(at);
    if (Math.abs(sample) > SILENCE) {
      if (first < 0) first = at;
      last = at;
    }
    if (before < 0 && sample >= 0) crossings++;
    before = sample;
  }
  const seconds = (last - first) / FRAME_BYTES / RATE;
  return { hertz: seconds > 0 ? crossings / seconds : 0, seconds };
}
