/**
 * rogue-vm: everything that a guest can try whose only wire is its port. It has a genuine credential, root in its own machine,
 * a copy of chrome-vm's bytes and even chrome-vm's private key; each line that it prints says what came of an attempt.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Identity, loadIdentity } from '../../../../keys/index.ts';
import { ArgusError, type Vm } from '../../../sdk/index.ts';
import {
  AUDIO_VM_DOMID,
  CHROME_VM_DOMID,
  closing as closingOf,
  GARBAGE,
  refusalOf,
  sendFrame,
} from '../../attack/forgery.ts';
import { RawSession, type Reaction } from '../../attack/raw-session.ts';
import { Port } from './port.ts';
import { IDENTITY, openSession, print } from './session.ts';
import { SOUND_PORT, soundMessage } from './sound.ts';

const PORT = '/dev/virtio-ports/argus.0';
const CLOSED = 'session closed';
const RING_BYTES = 4_096;
/** Under software emulation an answer takes its time. */
const PATIENCE_MS = 20_000;
/** A record's header of type "hello", and 8 bytes without a signature. */
const UNSIGNED_HELLO = Buffer.concat([
  Buffer.from('a76702010000000000000000000000000800000000000000', 'hex'),
  Buffer.alloc(8),
]);

/** An attempt with the ordinary SDK, from inside rogue-vm's own session. */
const POLITE: readonly (readonly [name: string, attempt: (vm: Vm) => Promise<unknown>])[] = [
  ['send without permission', (vm) => send(vm, AUDIO_VM_DOMID, SOUND_PORT, soundMessage(0))],
  ['look up a domain it may not reach', (vm) => send(vm, 'audio-vm', SOUND_PORT, soundMessage(0))],
  ['send to a domain that does not exist', (vm) => send(vm, 'no-such-vm', SOUND_PORT, soundMessage(0))],
  ['open the microphone', (vm) => send(vm, 'audio-vm', 4714, Buffer.from([1, 0, 0, 0]))],
  ['send to an app', (vm) => send(vm, 'chrome-vm', SOUND_PORT, soundMessage(0))],
  ['put a frame on the network', (vm) => send(vm, 'net-vm', 802, new Uint8Array(60))],
  ['give chrome-vm an address', (vm) => send(vm, 'chrome-vm', 68, new Uint8Array(300))],
  ['register a wildcard ring', (vm) => vm.registerRing({ port: SOUND_PORT, partner: 'any', length: RING_BYTES })],
  ['register a ring for chrome-vm', (vm) => vm.registerRing({ port: 1, partner: 'chrome-vm', length: RING_BYTES })],
];

type Attack = (session: RawSession, own: Identity) => Promise<string | null>;

/** An attempt with bytes of its own making; `stolen` is chrome-vm's identity, `recorded` what was heard on its wire. */
function rudeAttacks(stolen: string, recorded: string): readonly (readonly [name: string, attack: Attack])[] {
  return [
    [
      'name chrome-vm as the source',
      async (session, own) => {
        if (!(await session.open(own))) return 'not even let in';
        session.seal(sendFrame(CHROME_VM_DOMID));
        return refusalOf([await session.until('frame'), await session.until('frame')], CLOSED);
      },
    ],
    [
      'send malformed frames',
      async (session, own) => {
        if (!(await session.open(own))) return 'not even let in';
        session.seal(GARBAGE);
        return closing(await session.until('close'));
      },
    ],
    [
      "use chrome-vm's key on its own port",
      async (session) => ((await session.open(await loadIdentity(stolen))) ? null : closing(await session.reaction())),
    ],
    [
      'use a stolen credential without its key',
      async (session, own) => {
        const credentialJwt = (await readFile(join(stolen, 'credential.jwt'), 'utf8')).trim();
        const thief: Identity = {
          ...own,
          name: 'chrome-vm',
          credentialJwt,
          signStatement: (typ, claims) => own.signStatement(typ, claims),
        };
        return (await session.open(thief)) ? null : closing(await session.reaction());
      },
    ],
    [
      "replay chrome-vm's recorded bytes",
      async (session) => {
        session.write(await readFile(recorded));
        return closing(await session.reaction());
      },
    ],
    [
      'say hello without a signature, after garbage',
      async (session) => {
        session.write(Buffer.alloc(4000, 0x5a));
        session.write(UNSIGNED_HELLO);
        return closing(await session.reaction());
      },
    ],
  ];
}

export async function attack(stolen: string, recorded: string): Promise<void> {
  const report = (name: string, how: string | null): void => print(`attack ${name}: ${how ?? 'DONE'}`);
  const vm = await openSession();
  for (const [name, attempt] of POLITE) report(name, await outcome(() => attempt(vm)));
  await vm.close();
  const port = await Port.open(PORT);
  for (const [name, attempt] of rudeAttacks(stolen, recorded)) {
    const session = new RawSession(await port.line(), PATIENCE_MS);
    report(name, await attempt(session, await loadIdentity(IDENTITY)));
    session.close();
  }
  print('attacks over');
}

/** A program with a bug: it ends with its session open and a read waiting in the kernel. */
export async function crash(): Promise<void> {
  await openSession();
  throw new Error('a bug');
}

/** The code that an attempt was refused with, or null when it was not. */
async function outcome(attempt: () => Promise<unknown>): Promise<string | null> {
  try {
    await attempt();
    return null;
  } catch (error) {
    if (error instanceof ArgusError) return error.code;
    throw error;
  }
}

function send(vm: Vm, domain: string | number, port: number, iov: Uint8Array): Promise<number> {
  return vm.sendv({ to: { domain, port }, iov });
}

function closing(reaction: Reaction): string | null {
  return closingOf(reaction, CLOSED);
}
