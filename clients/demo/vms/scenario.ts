/** The scenario of the machines, from the first boot to the last hash. */

import type { Entry, Machine } from '../../machines/index.ts';
import { Tap } from '../carriers/tap.ts';
import type { AttackResult } from '../roles/messages.ts';
import type { DemoHost } from './host.ts';
import * as network from './network.ts';
import { MESSAGES, SOUND_HASH, SoundCheck } from './sound-check.ts';

/** The attacker gets this many of chrome-vm's bytes: its handshake and some sound. */
const RECORDED_BYTES = 4_096;

export interface Heard {
  /** The event just before this sound. */
  readonly after: string;
  readonly hash: string;
}

export interface ScenarioResult {
  readonly heard: readonly Heard[];
  /** Hashes of complete sounds that differ from the sound that was sent. */
  readonly altered: readonly string[];
  readonly network: { readonly lease: string; readonly near: string; readonly outside: string };
  readonly attacks: readonly AttackResult[];
  /** The attacks had no effect on the other VMs. */
  readonly undisturbed: boolean;
}

/** @param host its broker runs already  @param say prints progress */
export async function runScenario(host: DemoHost, say: (line: string) => void): Promise<ScenarioResult> {
  // Carriers are outside the trusted base, so the attacker may read them: chrome-vm's bytes pass through a tap.
  const tap = await Tap.open(host.path('tapped.sock'), host.socketOf('chrome-vm'));
  try {
    say('audio-vm, chrome-vm and net-vm boot; no network card, no shared memory, one serial port each (10 to 30 s) …');
    const audio = await host.boot('audio-vm', `node /guest.mjs sink ${MESSAGES}`);
    const net = await host.boot('net-vm', network.NET_VM_MAIN, { files: network.NET_VM_FILES });
    const chrome = await host.boot('chrome-vm', CHROME_VM_MAIN, { socket: tap.path, files: chromeFiles() });
    await Promise.all([audio.line(/^listening$/), chrome.line(/^session /), net.line(/^network ready$/)]);
    say('they have booted, and each has a session with the broker; chrome-vm plays sound to audio-vm …');

    const listening = new SoundCheck(audio);
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
    const attacks = await attacksOf(host, tap);
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
    await host.killBroker();
    await audio.line(/^lost /);
    await host.startBroker();
    await audio.line(/^again$/);
    await isWholeAfter('kill -9 of the broker');

    await listening.isPlaying();
    say('in the middle of a sound, audio-vm’s reset button is pressed …');
    await audio.reset();
    await audio.line(/^listening$/, 2);
    await isWholeAfter('a reset of audio-vm');
    // The next part of the demo plays to the audio service of audio-vm on this host.
    await Promise.all([audio.kill(), chrome.kill(), net.kill()]);
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

async function connection(chrome: Machine): Promise<ScenarioResult['network']> {
  const [, lease = ''] = await chrome.line(/^lease (\S+) from /);
  const [, near = ''] = await chrome.line(/^near: (.*)$/);
  const [, outside = ''] = await chrome.line(/^outside: (.*)$/);
  return { lease, near, outside };
}

/** Boots rogue-vm and collects its attacks; the machine is gone when this resolves. */
async function attacksOf(host: DemoHost, tap: Tap): Promise<AttackResult[]> {
  const recorded = { kind: 'file', bytes: Buffer.from(tap.recording(), 'base64'), mode: 0o600 } as const;
  const files = new Map<string, Entry>([['recorded', recorded]]);
  host.addIdentity(files, 'chrome-vm', 'stolen');
  const rogue = await host.boot(
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
