/** What the machines of the demo go through, from the first boot to the last hash. */

import { Tap } from '../carriers/tap.ts';
import type { AttackResult } from '../roles/messages.ts';
import type { House } from './host.ts';
import type { Entry } from './image/cpio.ts';
import type { Machine } from './machine.ts';
import * as network from './network.ts';
import { Listening, MESSAGES, SOUND_HASH } from './sound-check.ts';

/** As much of chrome-vm's bytes as an attacker is given: its handshake and more. */
const RECORDED_BYTES = 4_096;

export interface Heard {
  /** What the sound had just survived. */
  readonly after: string;
  readonly hash: string;
}

export interface Story {
  readonly heard: readonly Heard[];
  /** Hashes of sounds that arrived whole, but not as they were sent. */
  readonly altered: readonly string[];
  readonly network: { readonly lease: string; readonly near: string; readonly outside: string };
  readonly attacks: readonly AttackResult[];
  /** The others noticed nothing of the attacks. */
  readonly undisturbed: boolean;
}

/** `house` has its broker running; `say` gets what happens as it happens. */
export async function playStory(house: House, say: (line: string) => void): Promise<Story> {
  // The carrier is outside the trusted base, so the attacker may have it: chrome-vm's bytes pass through a tap.
  const tap = await Tap.open(house.path('tapped.sock'), house.socketOf('chrome-vm'));
  try {
    say('audio-vm, chrome-vm and net-vm boot; no network card, no shared memory, one serial port each (10 to 30 s) …');
    const audio = await house.boot('audio-vm', `node /guest.mjs sink ${MESSAGES}`);
    const net = await house.boot('net-vm', network.NET_VM_MAIN, { files: network.NET_VM_FILES });
    const chrome = await house.boot('chrome-vm', CHROME_VM_MAIN, { socket: tap.path, files: chromeFiles() });
    await Promise.all([audio.line(/^listening$/), chrome.line(/^session /), net.line(/^network ready$/)]);
    say('they have booted, and each has a session with the broker; chrome-vm plays sound to audio-vm …');

    const listening = new Listening(audio);
    const heard: Heard[] = [];
    const isWholeAfter = async (after: string): Promise<void> => {
      const hash = await listening.nextHash();
      heard.push({ after, hash });
      say(`sound arrived ${hash === SOUND_HASH ? 'byte for byte' : 'ALTERED'} after ${after}`);
    };
    await isWholeAfter('the first boot');
    const connected = await connection(chrome);
    say(
      `chrome-vm got ${connected.lease} from net-vm, and through it reaches ${network.OUTSIDE}: ${connected.outside}`,
    );

    say('rogue-vm boots, with a copy of chrome-vm’s bytes and its private key (10 to 40 s) …');
    await tap.recorded(RECORDED_BYTES);
    const attacks = await attacksOf(house, tap);
    const undisturbed =
      audio.matches(/rogue-vm|^lost|^cut off/).length === 0 && chrome.matches(/^lost|^stopped/).length === 0;
    say(`rogue-vm tried ${attacks.length} things, ${attacks.filter(({ refused }) => refused).length} were refused`);
    await isWholeAfter('the attacks');

    await listening.isPlaying();
    say('in the middle of a sound, chrome-vm’s reset button is pressed …');
    await chrome.reset();
    await chrome.line(/^session /, 2);
    await isWholeAfter('a reset of chrome-vm');

    await listening.isPlaying();
    say('in the middle of a sound, the broker is killed (kill -9), and started again …');
    await house.killBroker();
    await audio.line(/^lost /);
    await house.startBroker();
    await audio.line(/^again$/);
    await isWholeAfter('kill -9 of the broker');

    await listening.isPlaying();
    say('in the middle of a sound, audio-vm’s reset button is pressed …');
    await audio.reset();
    await audio.line(/^listening$/, 2);
    await isWholeAfter('a reset of audio-vm');
    return { heard, altered: listening.altered, network: connected, attacks, undisturbed };
  } finally {
    tap.close();
  }
}

const CHROME_VM_MAIN = `
node /guest.mjs source ${MESSAGES} /etc/argus/network.yaml &
${network.CHROME_VM_USE}
wait
`;

function chromeFiles(): Map<string, Entry> {
  const identity = '/etc/argus/identity';
  const carrier = 'serial:/dev/virtio-ports/argus.0';
  const config = network.yaml('etc/argus/network.yaml', { carrier, identity, ...network.CHROME_VM_NETWORK });
  return new Map([...network.CHROME_VM_FILES, config]);
}

async function connection(chrome: Machine): Promise<Story['network']> {
  const [, lease = ''] = await chrome.line(/^lease (\S+) from /);
  const [, near = ''] = await chrome.line(/^near: (.*)$/);
  const [, outside = ''] = await chrome.line(/^outside: (.*)$/);
  return { lease, near, outside };
}

/** rogue-vm's life; the machine is gone when this resolves. */
async function attacksOf(house: House, tap: Tap): Promise<AttackResult[]> {
  const recorded = { kind: 'file', bytes: Buffer.from(tap.recording(), 'base64'), mode: 0o600 } as const;
  const files = new Map<string, Entry>([['recorded', recorded]]);
  house.addIdentity(files, 'chrome-vm', 'stolen');
  const rogue = await house.boot(
    'rogue-vm',
    'node /guest.mjs crash 2>/dev/null; echo "crashed with $?"\nnode /guest.mjs attack /stolen /recorded',
    { files },
  );
  await rogue.line(/^crashed with 1$/);
  await rogue.line(/^attacks over$/);
  const attacks = rogue.matches(/^attack (.+?): (.*)$/).map(([, name = '', how = '']) => {
    return { name, refused: how !== 'DONE', how };
  });
  await rogue.kill();
  return attacks;
}
