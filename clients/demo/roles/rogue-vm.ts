/** rogue-vm: an attacker with a genuine credential, its own carrier, and a copy of chrome-vm's bytes. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Identity, loadIdentity } from '../../../keys/index.ts';
import { ArgusError, connect } from '../../sdk/index.ts';
import { AUDIO_VM_DOMID, CHROME_VM_DOMID, closing, GARBAGE, refusalOf, sendFrame } from '../attack/forgery.ts';
import { openPipe, refusedByServer } from '../attack/raw-line.ts';
import { RawSession } from '../attack/raw-session.ts';
import { type AttackResult, AUDIO_VM, PLAYBACK_PORT, readTask, tell } from './messages.ts';

const CHROME_VM = 'chrome-vm';
const ROGUE_VM = 'rogue-vm';
const RING_BYTES = 4_096;

const task = readTask<{
  identity: string;
  carrier: string;
  /** All that chrome-vm has except its private key: its carrier, its credential, and its first bytes (base64). */
  stolen: { carrier: string; identity: string; recorded: string };
}>();
const identity = await loadIdentity(task.identity);

type Attack = readonly [name: string, attack: () => Promise<string | null>];

/** Attacks on the NATS server, which refuses them before the broker sees them. */
const ATTACKS_ON_SERVER: readonly Attack[] = [
  [
    "publish to chrome-vm's subject",
    () => refusedByServer(() => openPipe(task.carrier, CHROME_VM, ROGUE_VM, task.identity)),
  ],
  ["hear chrome-vm's subject", () => refusedByServer(() => openPipe(task.carrier, ROGUE_VM, CHROME_VM, task.identity))],
];

const ATTACKS: readonly Attack[] = [
  [
    'send without permission',
    () => withSdk((vm) => vm.sendv({ to: { domain: AUDIO_VM_DOMID, port: PLAYBACK_PORT }, iov: new Uint8Array(4) })),
  ],
  [
    'look up a domain it may not reach',
    () => withSdk((vm) => vm.sendv({ to: { domain: AUDIO_VM, port: PLAYBACK_PORT }, iov: new Uint8Array(4) })),
  ],
  [
    'register a wildcard ring',
    () => withSdk((vm) => vm.registerRing({ port: PLAYBACK_PORT, partner: 'any', length: RING_BYTES })),
  ],
  [
    'name chrome-vm as the source',
    () =>
      raw(async (session) => {
        session.seal(sendFrame(CHROME_VM_DOMID));
        return refusalOf([await session.until('frame'), await session.until('frame')]);
      }),
  ],
  [
    'send malformed frames',
    () =>
      raw(async (session) => {
        session.seal(GARBAGE);
        return closing(await session.until('close'));
      }),
  ],
  [
    "use chrome-vm's carrier",
    () => strange(async (session) => ((await session.open(identity)) ? null : closing(await session.reaction()))),
  ],
  [
    'use a stolen credential without its key',
    () =>
      strange(async (session) => {
        const stolen = (await readFile(join(task.stolen.identity, 'credential.jwt'), 'utf8')).trim();
        const thief: Identity = {
          ...identity,
          name: CHROME_VM,
          credentialJwt: stolen,
          signStatement: (typ, claims) => identity.signStatement(typ, claims),
        };
        return (await session.open(thief)) ? null : closing(await session.reaction());
      }),
  ],
  [
    "replay chrome-vm's recorded bytes",
    () =>
      strange(async (session) => {
        session.write(Buffer.from(task.stolen.recorded, 'base64'));
        return closing(await session.until('close'));
      }),
  ],
];

const attacks: AttackResult[] = [];
const isOverNats = task.carrier.startsWith('nats:');
for (const [name, attack] of [...(isOverNats ? ATTACKS_ON_SERVER : []), ...ATTACKS]) {
  const how = await attack();
  attacks.push({ name, refused: how !== null, how: how ?? 'it was let through' });
}
tell({ kind: 'done', attacks });
process.disconnect();

/** An attempt with the ordinary SDK. Returns the code of the refusal, or null when it succeeded. */
async function withSdk(attempt: (vm: Awaited<ReturnType<typeof connect>>) => Promise<unknown>): Promise<string | null> {
  const vm = await connect({ carrier: task.carrier, identity: task.identity });
  try {
    await attempt(vm);
    return null;
  } catch (error) {
    if (error instanceof ArgusError) return error.code;
    throw error;
  } finally {
    await vm.close();
  }
}

/** An attempt inside rogue-vm's own genuine session. */
async function raw(attempt: (session: RawSession) => Promise<string | null>): Promise<string | null> {
  const session = new RawSession(await openPipe(task.carrier, ROGUE_VM, ROGUE_VM, task.identity));
  try {
    if (!(await session.open(identity))) return 'not even let in';
    return await attempt(session);
  } finally {
    session.close();
  }
}

/** An attempt on the carrier that belongs to chrome-vm. */
async function strange(attempt: (session: RawSession) => Promise<string | null>): Promise<string | null> {
  const session = new RawSession(await openPipe(task.stolen.carrier, CHROME_VM, CHROME_VM, task.identity));
  try {
    return await attempt(session);
  } finally {
    session.close();
  }
}
