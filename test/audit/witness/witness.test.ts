/** Witnesses: what they cosign, what the log does with it, and what `verify` finds by them. All in memory. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  parseCheckpoint,
  SIGNATURE_COSIGNATURE,
  verifierKey,
  verifyNote,
} from '../../../broker/audit/evidence/index.ts';
import {
  type CheckpointSigner,
  type ProblemCode,
  verifyAudit,
  Witness,
  type WitnessAnswer,
  WitnessFeed,
  type WitnessTrouble,
} from '../../../broker/audit/index.ts';
import { CHECKPOINT_INTERVAL_MS, MAX_WITNESSED_LOGS, WITNESS_RETRY_MS } from '../../../broker/audit/limits.ts';
import { COSIGNED_FILE, formatWitnessRequest, parseWitnessRequest } from '../../../broker/audit/witness/index.ts';
import { durable, hostClock, type LogFixture, MemoryDisk, named, openOn, settle, signerOf } from '../fixtures.ts';

const witnesses = suite('audit witnesses');
const signer = signerOf('test');

class Store {
  text: string | null = null;
  isBroken = false;

  async read(): Promise<string | null> {
    return this.text;
  }

  async replace(text: string): Promise<void> {
    if (this.isBroken) throw new Error('ENOSPC');
    this.text = text;
  }
}

function cosigner(name = 'auditor.example'): CheckpointSigner {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  const key = verifierKey(name, SIGNATURE_COSIGNATURE, raw);
  return { key, sign: async (text) => sign(null, Buffer.from(text), privateKey) };
}

function witnessOf(store = new Store(), by = cosigner(), logs = [signer.key]): Promise<Witness> {
  return Witness.open({ logs: () => logs, signer: by, store, now: () => 1_700_000_000_000 });
}

interface Site extends LogFixture {
  readonly witness: Witness;
  readonly feed: WitnessFeed;
  readonly troubles: (WitnessTrouble | null)[];
  /** False: the witness cannot be reached. */
  isReachable: boolean;
  /** The records that each request says the witness knows, with its status. */
  readonly asked: string[];
}

/** A log whose checkpoints are shown to a witness. */
async function site(disk = new MemoryDisk(), witness?: Witness, version = '1'): Promise<Site> {
  const fixture = await openOn(disk, { signer, segmentBytes: 1_500, detail: { version } });
  const shown = witness ?? (await witnessOf());
  const troubles: (WitnessTrouble | null)[] = [];
  const feed = new WitnessFeed(disk, hostClock(fixture.clock), (_, trouble) => troubles.push(trouble));
  const made: Site = { ...fixture, witness: shown, feed, troubles, isReachable: true, asked: [] };
  await feed.use({
    name: shown.key.name,
    key: shown.key,
    add: async (request): Promise<WitnessAnswer> => {
      if (!made.isReachable) throw new Error('ECONNREFUSED');
      const answer = await shown.add(request);
      made.asked.push(`${parseWitnessRequest(request)?.old} ${answer.status}`);
      return answer;
    },
  });
  fixture.log.onCheckpoint((state) => feed.offer(state));
  await settle();
  return made;
}

/** Writes some records and lets their checkpoint be signed and shown. */
async function grow({ log, clock, feed }: Site, count: number): Promise<void> {
  for (let index = 0; index < count; index++)
    log.record({ event: 'session.open', src: named('audio-vm'), session: `s${index}` });
  await durable(log);
  clock.advance(CHECKPOINT_INTERVAL_MS);
  await settle();
  await feed.idle();
}

async function found(disk: MemoryDisk, witness: Witness, key = signer.key): Promise<readonly ProblemCode[]> {
  const witnessed = [{ from: 'witness', text: witness.notes }];
  const options = { reader: disk, keys: [key], witnessed, witnessKeys: [witness.key] };
  const { problems } = await verifyAudit('unused', options);
  return problems.map(({ code }) => code);
}

witnesses('each checkpoint is cosigned, and the proof needs only the records since the last one', async () => {
  const one = await site();
  for (const count of [5, 1, 12]) await grow(one, count);
  assert.equal(one.asked, ['0 200', '1 200', '6 200', '7 200']);
  assert.equal(await found(one.disk, one.witness), []);
  const cosigned = parseCheckpoint(one.disk.beside.get(COSIGNED_FILE) ?? '');
  assert.is(cosigned?.size, 19);
  for (const key of [signer.key, one.witness.key])
    assert.is(cosigned === null || verifyNote(cosigned.note, key), 'verified');
  const result = await verifyAudit('unused', {
    reader: one.disk,
    witnessed: [{ from: 'w', text: one.witness.notes }],
    witnessKeys: [one.witness.key],
  });
  assert.equal(result.witnesses, [{ from: 'w', name: 'auditor.example', size: 19, cosignedAt: 1_700_000_000 }]);
});

witnesses('a quorum counts witnesses that have seen the log, and one at two places is one', async () => {
  const one = await site();
  await grow(one, 5);
  const found = async (places: readonly string[], quorum: number): Promise<readonly ProblemCode[]> => {
    const witnessed = places.map((from) => ({ from, text: one.witness.notes }));
    const options = { reader: one.disk, witnessed, witnessKeys: [one.witness.key], quorum };
    return (await verifyAudit('unused', options)).problems.map(({ code }) => code);
  };
  assert.equal(await found(['here'], 1), []);
  assert.equal(await found(['here', 'there'], 2), ['WITNESS_QUORUM']);
  assert.equal(await found([], 1), ['WITNESS_QUORUM']);
  assert.equal(await found([], 0), []);
});

witnesses('after a restart the log goes on where the witness is, also without its own memory of it', async () => {
  const first = await site();
  await grow(first, 4);
  await first.log.close();
  await first.feed.close();
  const second = await site(first.disk, first.witness);
  assert.equal(second.asked, ['6 200']);
  await second.log.close();
  await second.feed.close();
  for (const name of ['cosigned.state', COSIGNED_FILE]) second.disk.beside.delete(name);
  const third = await site(second.disk, first.witness);
  assert.equal(third.asked, ['0 409', '8 200'], 'the proof is made from all records');
  assert.equal(third.troubles, []);
});

witnesses('a witness that cannot be reached delays nothing, and gets the newest checkpoint later', async () => {
  const one = await site();
  one.isReachable = false;
  await grow(one, 3);
  assert.ok(one.log.healthy);
  assert.equal(one.troubles, ['UNREACHABLE']);
  one.isReachable = true;
  one.clock.advance(WITNESS_RETRY_MS);
  await settle();
  await one.feed.idle();
  assert.equal(one.troubles, ['UNREACHABLE', null]);
  assert.equal(one.asked, ['0 200', '1 200']);
});

witnesses('a log that is rolled back to a copy is found, though nobody remembers anything', async () => {
  const one = await site();
  await grow(one, 4);
  const copy = one.disk.crashed();
  await grow(one, 4);
  await one.log.close();
  await one.feed.close();
  assert.equal(await found(copy, one.witness), ['WITNESS_BEYOND']);
  const again = await site(copy, one.witness);
  assert.equal(again.troubles, ['CONFLICT'], 'the witness does not cosign it');
  await grow(again, 9);
  assert.equal(await found(copy, one.witness), ['WITNESS_MISMATCH'], 'nor does growing past the lost records hide it');
  assert.equal(new Set(again.troubles), new Set(['CONFLICT']));
});

witnesses('a log that was rewritten by the same key is found', async () => {
  const one = await site();
  await grow(one, 4);
  const forged = await site(new MemoryDisk(), await witnessOf(), '2');
  await grow(forged, 9);
  assert.equal(await found(forged.disk, one.witness), ['WITNESS_OTHER_LOG']);
  // Even if the witness is shown the new log, the old one is not forgotten: its own records go on to be compared.
  const shown = await site(new MemoryDisk(), one.witness, '2');
  await grow(shown, 2);
  assert.equal(await found(shown.disk, one.witness), []);
  assert.equal(await found(one.disk, one.witness), ['WITNESS_OTHER_LOG'], 'a second log has taken its place');
});

witnesses('what no witness knows, or another key signed, does not pass', async () => {
  const one = await site();
  await grow(one, 4);
  assert.equal(await found(one.disk, await witnessOf()), ['WITNESS_UNKNOWN']);
  const text = one.witness.notes;
  const options = { reader: one.disk, keys: [signer.key], witnessed: [{ from: 'w', text }] };
  const other = await verifyAudit('unused', { ...options, witnessKeys: [cosigner().key] });
  assert.equal(
    other.problems.map(({ code }) => code),
    ['WITNESS_UNSIGNED'],
  );
  const damaged = await verifyAudit('unused', { ...options, witnessed: [{ from: 'w', text: `${text}rubbish` }] });
  assert.equal(
    damaged.problems.map(({ code }) => code),
    ['WITNESS_MALFORMED'],
  );
});

witnesses('a cosignature by another key is not kept', async () => {
  const one = await site();
  const stranger = await witnessOf();
  await one.feed.use({ name: one.witness.key.name, key: one.witness.key, add: (request) => stranger.add(request) });
  await settle();
  await grow(one, 2);
  assert.equal(one.troubles.at(-1), 'BAD_COSIGNATURE');
});

// ---- the witness's own checks

/** A request of a log of `sizes[0]`, then `sizes[1]` records … that is not shown to any witness yet. */
async function requests(): Promise<{ first: string; second: string; fork: string }> {
  const made: string[] = [];
  const fixture = await openOn(new MemoryDisk(), { signer });
  const feed = new WitnessFeed(fixture.disk, hostClock(fixture.clock), () => undefined);
  const real = await witnessOf();
  await feed.use({
    name: real.key.name,
    key: real.key,
    add: (request) => {
      made.push(request);
      return real.add(request);
    },
  });
  fixture.log.onCheckpoint((state) => feed.offer(state));
  await settle();
  for (const count of [3, 4]) await grow({ ...fixture, feed } as Site, count);
  const [, first = '', second = ''] = made;
  const whole = parseWitnessRequest(second);
  if (whole === null) throw new Error('no request');
  const fork = formatWitnessRequest({ ...whole, path: whole.path.map(() => '0'.repeat(64)) });
  return { first: formatWitnessRequest({ ...parseOrThrow(first), old: 0, path: [] }), second, fork };
}

function parseOrThrow(request: string): NonNullable<ReturnType<typeof parseWitnessRequest>> {
  const parsed = parseWitnessRequest(request);
  if (parsed === null) throw new Error('not a request');
  return parsed;
}

witnesses('each fault of a request has its answer, and changes nothing', async () => {
  const { first, second, fork } = await requests();
  const store = new Store();
  const witness = await witnessOf(store);
  const statusOf = async (request: string, of = witness): Promise<number> => (await of.add(request)).status;
  assert.is(await statusOf(first), 200);
  const before = store.text;
  const { old, path, checkpoint } = parseOrThrow(second);
  const broken = checkpoint.replace(/\n\d+\n/, '\n9\n');
  for (const [label, request, status] of [
    ['no request', 'old', 400],
    ['a hash that is not one', second.replace('\n\n', '\nAAAA\n\n'), 400],
    [
      'more hashes than a tree has',
      formatWitnessRequest({ old, checkpoint, path: Array(64).fill('0'.repeat(64)) }),
      400,
    ],
    ['more old records than new', formatWitnessRequest({ old: 99, path, checkpoint }), 400],
    ['a changed note', formatWitnessRequest({ old, path, checkpoint: broken }), 403],
    ['other old records', formatWitnessRequest({ old: old + 1, path, checkpoint }), 409],
    ['a fork', fork, 422],
    ['a hash too many', formatWitnessRequest({ old, path: [...path, '0'.repeat(64)], checkpoint }), 422],
  ] as const)
    assert.is(await statusOf(request), status, label);
  assert.is(await statusOf(second, await witnessOf(store, cosigner(), [signerOf('else').key])), 404);
  assert.is(await statusOf(second, await witnessOf(store, cosigner(), [signerOf('test').key])), 403);
  assert.is(store.text, before);
  assert.is(await statusOf(second), 200);
});

witnesses('nothing is cosigned before it is on the disk of the witness', async () => {
  const { first, second } = await requests();
  const store = new Store();
  const by = cosigner();
  const witness = await witnessOf(store, by);
  await witness.add(first);
  store.isBroken = true;
  const refused = await witness.add(second).then(
    () => 'answered',
    () => 'failed',
  );
  assert.is(refused, 'failed');
  store.isBroken = false;
  assert.is((await witness.add(second)).status, 200, 'it still stands where it stood');
  const reopened = await witnessOf(store, by);
  assert.is((await reopened.add(first)).status, 409, 'and does not forget over a restart');
});

witnesses('a witness whose memory is damaged does not start', async () => {
  const store = new Store();
  store.text = 'half a note';
  const outcome = await witnessOf(store).then(
    () => 'started',
    (error: { code: string }) => error.code,
  );
  assert.is(outcome, 'ERR_AUDIT_WITNESS');
});

witnesses('a broker that begins log after log does not fill the memory of the witness', async () => {
  const { first } = await requests();
  const store = new Store();
  const note = parseOrThrow(first).checkpoint;
  store.text = Array.from({ length: MAX_WITNESSED_LOGS }, (_, index) =>
    note.replace(/^\S+/, `argus/test/${index}`),
  ).join('');
  assert.is((await (await witnessOf(store)).add(first)).status, 403);
});

witnesses.run();
