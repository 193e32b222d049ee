/** Brokers as witnesses of each other's audit logs: what they believe, and what a rollback does. In memory. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type CheckpointSigner,
  cosignerKeyOf,
  formatVerifierKey,
  noteKeyOf,
  openBrokerWitness,
  verifyAudit,
  WitnessFeed,
  type WitnessTrouble,
} from '../../broker/audit/index.ts';
import { CHECKPOINT_INTERVAL_MS } from '../../broker/audit/limits.ts';
import { type ClusterWitness, Cosigning, type CosigningOp } from '../../broker/federation/cosigning.ts';
import { decodeFederationFrame, FederationOp } from '../../broker/federation/frames.ts';
import { COSIGNING_MS, MAX_COSIGNING_BYTES } from '../../broker/federation/limits.ts';
import { durable, hostClock, type LogFixture, MemoryDisk, openOn, settle } from '../audit/fixtures.ts';
import { FakeClock } from '../support/clock.ts';

const cosigning = suite('cosigning between brokers');

interface Site extends LogFixture {
  readonly name: string;
  readonly thumbprint: string;
  readonly key: CheckpointSigner;
  readonly feed: WitnessFeed;
  readonly witness: ClusterWitness;
  readonly troubles: (WitnessTrouble | null)[];
  /** Brokers whose log was not a continuation. */
  readonly conflicts: string[];
}

interface Keys {
  readonly note: CheckpointSigner;
  readonly cosigner: CheckpointSigner;
}

function keysOf(name: string): Keys {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  const by = async (text: string): Promise<Uint8Array> => sign(null, Buffer.from(text), privateKey);
  return { note: { key: noteKeyOf(name, raw), sign: by }, cosigner: { key: cosignerKeyOf(name, raw), sign: by } };
}

/** A broker with a log, which witnesses others. The thumbprint of its key is the key itself. */
async function site(name: string, disk = new MemoryDisk(), keys = keysOf(name), version = '1'): Promise<Site> {
  const fixture = await openOn(disk, { broker: name, signer: keys.note, detail: { version } });
  const troubles: (WitnessTrouble | null)[] = [];
  const conflicts: string[] = [];
  const feed = new WitnessFeed(disk, hostClock(fixture.clock), (_, trouble) => troubles.push(trouble));
  fixture.log.onCheckpoint((state) => feed.offer(state));
  const own = await openBrokerWitness(disk, keys.cosigner, () => 1_700_000_000_000);
  const witness: ClusterWitness = {
    vkey: formatVerifierKey(keys.cosigner.key),
    nameOf: (broker) => `argus/${broker}`,
    isProved: async ({ publicKey }, thumbprint) => Buffer.from(publicKey).toString('hex') === thumbprint,
    cosign: async (broker, key, request) => {
      const { answer, isConflict } = await own.cosign(broker, key, request);
      if (isConflict) conflicts.push(broker);
      return answer;
    },
    showTo: (other) => feed.use(other),
  };
  const thumbprint = Buffer.from(keys.note.key.publicKey).toString('hex');
  await settle();
  return { ...fixture, name, thumbprint, key: keys.cosigner, feed, witness, troubles, conflicts };
}

interface Session {
  readonly of: Site;
  readonly ends: readonly [Cosigning, Cosigning];
  /** Frames that each side has sent, by op. */
  readonly sent: number[];
  /** Frames that an end did not accept. */
  readonly faults: number[];
}

/** Two brokers with a session between them. */
function join(one: Site, two: Site, proved = [one.thumbprint, two.thumbprint]): Session {
  const [sent, faults]: [number[], number[]] = [[], []];
  const clock = new FakeClock();
  const pass = (to: () => Cosigning, thumbprint: string) => (bytes: Uint8Array) => {
    const frame = decodeFederationFrame(bytes, 0, bytes.length);
    if (frame === null) throw new Error('no frame');
    sent.push(frame.op);
    setImmediate(() => {
      if (!to().receive(frame.op as CosigningOp, frame.domid, frame.body, thumbprint)) faults.push(frame.op);
    });
  };
  const [first = '', second = ''] = proved;
  const left: Cosigning = new Cosigning(
    two.name,
    one.witness,
    clock.after,
    pass(() => right, first),
  );
  const right: Cosigning = new Cosigning(
    one.name,
    two.witness,
    clock.after,
    pass(() => left, second),
  );
  return { of: one, ends: [left, right], sent, faults };
}

async function begin({ ends }: Session): Promise<void> {
  for (const end of ends) end.begin();
  await settle();
}

async function grow({ log, clock, feed }: Site, count: number): Promise<void> {
  for (let index = 0; index < count; index++) log.record({ event: 'admin.request', reason: `R${index}` });
  await durable(log);
  clock.advance(CHECKPOINT_INTERVAL_MS);
  await settle();
  await feed.idle();
}

const witnessedBy = (disk: MemoryDisk, by: Site) =>
  verifyAudit('unused', {
    reader: disk,
    witnessed: [{ from: by.name, text: by.disk.beside.get('witnessed') ?? '' }],
    witnessKeys: [by.key.key],
  });

cosigning('each broker cosigns the log of the other one, as it grows', async () => {
  const [one, two] = [await site('one'), await site('two')];
  const session = join(one, two);
  await begin(session);
  await grow(one, 5);
  await grow(two, 2);
  assert.equal([one.troubles, two.troubles, session.faults], [[], [], []]);
  for (const [log, by] of [
    [one, two],
    [two, one],
  ] as const) {
    const { problems, witnesses } = await witnessedBy(log.disk, by);
    assert.equal([problems, witnesses[0]?.name], [[], `argus/${by.name}`]);
    assert.is(witnesses[0]?.size, log.log.signedRecords);
  }
});

cosigning(
  'a log that was rolled back is known to the other broker, and found without a remembered checkpoint',
  async () => {
    const keys = keysOf('one');
    const two = await site('two');
    const one = await site('one', new MemoryDisk(), keys);
    await begin(join(one, two));
    await grow(one, 3);
    const old = one.disk.crashed();
    await grow(one, 3);
    // Last week's disk is put back, with its checkpoints, cosignatures and all.
    const again = await site('one', old, keys, '2');
    await begin(join(again, two));
    await again.feed.idle();
    assert.equal(again.troubles, ['CONFLICT']);
    assert.equal(two.conflicts, ['one']);
    const { problems } = await witnessedBy(again.disk, two);
    assert.equal(
      problems.map(({ code }) => code),
      ['WITNESS_BEYOND'],
    );
  },
);

cosigning('a broker that only forgot what others have cosigned is no conflict', async () => {
  const keys = keysOf('one');
  const two = await site('two');
  const one = await site('one', new MemoryDisk(), keys);
  await begin(join(one, two));
  await grow(one, 3);
  await one.log.close();
  for (const name of ['cosigned', 'cosigned.state']) one.disk.beside.delete(name);
  const again = await site('one', one.disk, keys);
  await begin(join(again, two));
  await again.feed.idle();
  assert.equal([again.troubles, two.conflicts], [[], []]);
});

cosigning('a key that was not proved in the handshake is neither asked nor answered', async () => {
  const [one, two] = [await site('one'), await site('two')];
  // `two` has proved another key than the one that it names.
  const session = join(one, two, [one.thumbprint, 'another']);
  await begin(session);
  assert.is(session.sent.filter((op) => op === FederationOp.shown).length, 1, 'only two asks');
  assert.is(one.disk.beside.get('witnessed'), undefined);
  assert.equal(two.troubles, ['UNREACHABLE']);
});

cosigning('a broker that has not said that it understands is sent nothing', async () => {
  const [one, two] = [await site('one'), await site('two')];
  const session = join(one, two);
  await grow(one, 3);
  assert.equal([session.sent, one.troubles], [[], []]);
});

/** One end that the test speaks to. */
async function lone(): Promise<{
  end: Cosigning;
  frames: Uint8Array[];
  clock: FakeClock;
  vkey: string;
  peer: Site;
  own: Site;
}> {
  const [own, peer] = [await site('one'), await site('two')];
  const frames: Uint8Array[] = [];
  const clock = new FakeClock();
  const end = new Cosigning('two', own.witness, clock.after, (frame) => frames.push(frame));
  return { end, frames, clock, vkey: peer.witness.vkey, peer, own };
}

cosigning('what a broker never sends ends the session', async () => {
  const say = async (op: CosigningOp, body: string | Uint8Array, first?: string): Promise<boolean> => {
    const { end, peer, vkey } = await lone();
    end.begin();
    if (first !== undefined)
      end.receive(FederationOp.witness, 0, Buffer.from(first === 'key' ? vkey : first), peer.thumbprint);
    return end.receive(op, 0, Buffer.from(body), peer.thumbprint);
  };
  const { vkey } = await lone();
  assert.not(await say(FederationOp.shown, 'old 0\n'), 'a request before the key');
  assert.not(await say(FederationOp.cosigned, ''), 'an answer to nothing');
  assert.not(await say(FederationOp.witness, 'no key'));
  assert.not(await say(FederationOp.witness, vkey.replace('argus/two', 'argus/six')), 'an invalid key');
  assert.not(await say(FederationOp.witness, (await site('six')).witness.vkey), 'the key of another broker');
  assert.not(await say(FederationOp.witness, vkey, 'key'), 'a second key');
  assert.not(await say(FederationOp.shown, new Uint8Array(MAX_COSIGNING_BYTES + 1), 'key'), 'too long');
  assert.ok(await say(FederationOp.shown, new Uint8Array(MAX_COSIGNING_BYTES), 'key'));
});

cosigning('a second request before the answer to the first one ends the session', async () => {
  const { end, peer, vkey } = await lone();
  end.receive(FederationOp.witness, 0, Buffer.from(vkey), peer.thumbprint);
  assert.ok(end.receive(FederationOp.shown, 0, Buffer.from('x'), peer.thumbprint));
  assert.not(end.receive(FederationOp.shown, 0, Buffer.from('x'), peer.thumbprint));
  await settle();
  assert.ok(end.receive(FederationOp.shown, 0, Buffer.from('x'), peer.thumbprint));
});

cosigning('a broker that does not answer is not waited for, and its late answer is dropped', async () => {
  const { end, frames, clock, peer, vkey, own } = await lone();
  end.begin();
  end.receive(FederationOp.witness, 0, Buffer.from(vkey), peer.thumbprint);
  await settle();
  assert.equal(
    frames.map((bytes) => decodeFederationFrame(bytes, 0, bytes.length)?.op),
    [FederationOp.witness, FederationOp.shown],
  );
  clock.advance(COSIGNING_MS);
  await settle();
  assert.equal(own.troubles, ['UNREACHABLE']);
  assert.ok(end.receive(FederationOp.cosigned, 200, Buffer.from(''), peer.thumbprint));
  assert.not(end.receive(FederationOp.cosigned, 200, Buffer.from(''), peer.thumbprint));
  end.close();
  assert.is(clock.pendingTimers, 0);
});

cosigning.run();
