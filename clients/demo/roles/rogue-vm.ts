/** rogue-vm: has a genuine credential, its own carrier, a copy of chrome-vm's bytes, and bad intentions. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeDataFrame, Op, statusWord } from '../../../broker/wire/index.ts';
import { type Identity, loadIdentity } from '../../../keys/index.ts';
import { ArgusError, connect } from '../../sdk/index.ts';
import { AUDIO_VM, PLAYBACK_PORT } from '../playback.ts';
import { RawSession, type Reaction } from '../raw-session.ts';
import { openLine, refusedByServer } from './line.ts';
import { type AttackResult, readTask, tell } from './messages.ts';

const AUDIO_VM_DOMID = 1;
const CHROME_VM = 'chrome-vm';
const CHROME_VM_DOMID = 101;
const ROGUE_VM = 'rogue-vm';
const RING_BYTES = 4_096;
/** A frame's length field that promises more than there is, an operation that does not exist, and noise. */
const GARBAGE = Uint8Array.from({ length: 64 }, (_, index) => (index * 37 + 11) & 0xff);

const task = readTask<{
  identity: string;
  carrier: string;
  /** Everything of chrome-vm's but its identity's key: its carrier, its credential, and its first bytes (base64). */
  stolen: { carrier: string; identity: string; recorded: string };
}>();
const identity = await loadIdentity(task.identity);

type Attack = readonly [name: string, attack: () => Promise<string | null>];

/** Where the carrier has a server that refuses, it is tried first. */
const ATTACKS_ON_SERVER: readonly Attack[] = [
  [
    "publish to chrome-vm's subject",
    () => refusedByServer(() => openLine(task.carrier, CHROME_VM, ROGUE_VM, task.identity)),
  ],
  ["hear chrome-vm's subject", () => refusedByServer(() => openLine(task.carrier, ROGUE_VM, CHROME_VM, task.identity))],
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
        return refusalOf(await session.until('frame'), await session.until('frame'));
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

/** An attempt with the ordinary SDK; the code it was refused with, or null when it was not. */
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

/** An attempt from inside a genuine session of its own. */
async function raw(attempt: (session: RawSession) => Promise<string | null>): Promise<string | null> {
  const session = new RawSession(await openLine(task.carrier, ROGUE_VM, ROGUE_VM, task.identity));
  try {
    if (!(await session.open(identity))) return 'not even let in';
    return await attempt(session);
  } finally {
    session.close();
  }
}

/** An attempt on the carrier that belongs to chrome-vm. */
async function strange(attempt: (session: RawSession) => Promise<string | null>): Promise<string | null> {
  const session = new RawSession(await openLine(task.stolen.carrier, CHROME_VM, CHROME_VM, task.identity));
  try {
    return await attempt(session);
  } finally {
    session.close();
  }
}

function sendFrame(source: number): Uint8Array {
  const bytes = new Uint8Array(64);
  const length = encodeDataFrame(new DataView(bytes.buffer), 0, {
    op: Op.sendv,
    flags: 0,
    id: 1,
    source,
    destination: AUDIO_VM_DOMID,
    sourcePort: 0,
    destinationPort: PLAYBACK_PORT,
    messageType: 0,
    payload: new Uint8Array(4),
  });
  return bytes.subarray(0, length);
}

/** The status of the refused send among the reactions (the first frame is the broker's welcome). */
function refusalOf(...reactions: readonly Reaction[]): string | null {
  for (const reaction of reactions) {
    if (reaction.kind !== 'frame') return closing(reaction);
    if (reaction.frame.op === Op.refused) return statusWord(reaction.frame.status) ?? `status ${reaction.frame.status}`;
  }
  return null;
}

function closing(reaction: Reaction): string | null {
  if (reaction.kind === 'close') return `closed: ${reaction.word}`;
  return reaction.kind === 'ended' ? 'carrier closed' : null;
}
