/** A broker that takes its policies from a bucket: what a server that lies or breaks can do, and what it cannot. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  BucketSource,
  firstPolicy,
  publishBundle,
  SignedPolicy,
  signedPolicyOf,
} from '../../../broker/service/index.ts';
import {
  type Bundle,
  copyShippedPolicy,
  makeBundle,
  memoryArchive,
  readPolicyFiles,
  signBundle,
  volatileBundleMemory,
} from '../../../policy/index.ts';
import { FakeClock } from '../../support/clock.ts';
import { MemoryBucket } from '../../support/nats/memory-bucket.ts';
import { type TestSigner, testSigner } from '../../support/policy-signer.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { PolicyHarness } from './policy-harness.ts';

const source = suite('policies from a bucket');

const EXPIRY = 1_800_086_400;
const LOOK_MS = 5_000;
const SILENT = { error: () => undefined };
const IDENTITY = {
  credentialJwt: 'credential',
  signStatement: async (_: string, claims: object) => JSON.stringify(claims),
};

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  );
}

async function bundleOf(key: TestSigner, version: number, edit = ''): Promise<Bundle> {
  const directory = join(temporaryDirectory(), 'policy');
  await copyShippedPolicy(directory);
  appendFileSync(join(directory, 'policy.csv'), edit);
  const terms = { version, issuedAt: EXPIRY - 86_400, expiresAt: EXPIRY };
  return signBundle(makeBundle(await readPolicyFiles(directory), terms), 'policy', key);
}

/** What a broker says of itself. */
interface Row {
  readonly version: number | null;
  readonly refusal: { readonly code: string } | null;
}

/** A bucket, an admin's key, and brokers. */
class Site {
  readonly server = new MemoryBucket();
  readonly clock = new FakeClock((EXPIRY - 86_400) * 1_000);
  readonly key: TestSigner;
  /** Brokers that follow the bucket: each has one timer, except during a look. */
  followers = 0;

  private constructor(key: TestSigner) {
    this.key = key;
  }

  /** Until no broker looks any more. */
  async quiet(): Promise<void> {
    while (this.clock.pendingTimers !== this.followers) await new Promise((resolve) => setImmediate(resolve));
  }

  static async make(): Promise<Site> {
    return new Site(await testSigner());
  }

  async publish(version: number, edit = '', key = this.key): Promise<void> {
    const admin = await this.server.open({ onPublished: () => undefined, onClosed: () => undefined });
    await publishBundle(admin, await bundleOf(key, version, edit), this.clock.mono);
    admin.close();
  }

  async broker(name = 'one', memory = volatileBundleMemory()): Promise<BrokerUnderTest> {
    const bucket = new BucketSource({ open: this.server.open, clock: this.clock });
    const signed = await SignedPolicy.open({
      source: bucket,
      memory,
      trust: { keys: [this.key.thumbprint], assertionKeys: [] },
      now: this.clock.wall,
      log: { error: () => undefined },
    });
    return new BrokerUnderTest(this, name, bucket, await PolicyHarness.open({}, memoryArchive(), { signed }));
  }
}

class BrokerUnderTest {
  readonly #site: Site;
  readonly #name: string;
  readonly bucket: BucketSource;
  readonly harness: PolicyHarness;
  loads = 0;

  constructor(site: Site, name: string, bucket: BucketSource, harness: PolicyHarness) {
    this.#site = site;
    this.#name = name;
    this.bucket = bucket;
    this.harness = harness;
  }

  follow(): void {
    const { reload } = this.harness;
    this.#site.followers++;
    this.bucket.follow({
      name: this.#name,
      identity: IDENTITY,
      load: () => {
        this.loads++;
        return reload.run();
      },
      standing: () => ({
        revision: reload.policy.revision,
        policy: reload.policy.hash,
        version: reload.bundle?.version ?? null,
        expiresAt: reload.bundle?.expiresAt ?? null,
        refusal: reload.refusal === null ? null : { code: reload.refusal.code, message: reload.refusal.message },
      }),
    });
  }

  /** The time of the next look comes, and all that it causes. */
  async look(): Promise<void> {
    this.#site.clock.advance(LOOK_MS);
    await this.#site.quiet();
  }

  get state(): readonly [number | undefined, string | undefined] {
    const { reload } = this.harness;
    return [reload.bundle?.version, reload.refusal?.code];
  }

  /** The row that the server has. */
  get row(): readonly [number | null | undefined, string | undefined] {
    const text = this.#site.server.values.get(`status.${this.#name}`);
    if (text === undefined) return [undefined, undefined];
    const { statement } = JSON.parse(Buffer.from(text).toString()) as { readonly statement: string };
    const { version, refusal } = JSON.parse(statement) as Row;
    return [version, refusal?.code];
  }
}

source('two brokers start with the bundle of the bucket, take the next one, and say so', async () => {
  const site = await Site.make();
  await site.publish(1);
  const brokers = [await site.broker('one'), await site.broker('two')];
  for (const broker of brokers) broker.follow();
  await brokers[0]?.look();
  assert.equal(
    brokers.map(({ state, row, loads }) => [...state, ...row, loads]),
    [
      [1, undefined, 1, undefined, 0],
      [1, undefined, 1, undefined, 0],
    ],
  );
  await site.publish(2, '# two\n');
  site.clock.advance(1_000);
  await site.quiet();
  assert.equal(
    brokers.map(({ state, row, loads }) => [...state, ...row, loads]),
    [
      [2, undefined, 2, undefined, 1],
      [2, undefined, 2, undefined, 1],
    ],
    'the notice was enough',
  );
  assert.is(brokers[0]?.harness.reload.policy.hash, brokers[1]?.harness.reload.policy.hash);
  for (const { bucket } of brokers) await bucket.close();
  assert.equal([site.server.openLines, site.clock.pendingTimers], [0, 0]);
});

source(
  'without a notice a broker looks by itself, and reads the pieces only when the head is another one',
  async () => {
    const site = await Site.make();
    await site.publish(1);
    const broker = await site.broker();
    broker.follow();
    await broker.look();
    site.server.reads.length = 0;
    await broker.look();
    assert.equal(site.server.reads, ['head']);
    const later = new MemoryBucket();
    const admin = await later.open({ onPublished: () => undefined, onClosed: () => undefined });
    await publishBundle(admin, await bundleOf(site.key, 2, '# two\n'), site.clock.mono);
    site.server.restore(later.values);
    await broker.look();
    assert.equal(broker.state, [2, undefined]);
  },
);

source('an edited or missing piece changes nothing, is named once, and heals', async () => {
  const site = await Site.make();
  await site.publish(1);
  const broker = await site.broker();
  broker.follow();
  await broker.look();
  await site.publish(2, '# two\n');
  const whole = site.server.copyOf();
  const piece = whole.get('piece.b.1');
  assert.ok(piece !== undefined);
  for (const [label, says, spoil] of [
    [
      'edited',
      'not those that were published',
      () => site.server.values.set('piece.b.1', Buffer.from(piece).fill('x', 10, 11)),
    ],
    ['missing', 'lacks piece 2', () => site.server.values.delete('piece.b.1')],
    ['too long', 'has a piece of 17000 bytes', () => site.server.values.set('piece.b.1', new Uint8Array(17_000))],
  ] as const) {
    site.server.restore(whole);
    spoil();
    const before = broker.harness.audit.records.length;
    await broker.look();
    assert.equal([...broker.state, ...broker.row], [1, 'ERR_POLICY_BUCKET', 1, 'ERR_POLICY_BUCKET'], label);
    assert.match(broker.harness.reload.refusal?.message ?? '', says);
    await broker.look();
    await broker.look();
    const rejects = broker.harness.audit.records.slice(before).filter(({ event }) => event === 'policy.reject');
    assert.is(rejects.length, 1, `${label}: one record while nothing changes`);
  }
  site.server.restore(whole);
  await broker.look();
  assert.equal(broker.state, [2, undefined]);
});

source('an older bundle, or one of a stranger, does not come into force', async () => {
  const site = await Site.make();
  await site.publish(1);
  const older = site.server.copyOf();
  const broker = await site.broker();
  broker.follow();
  await site.publish(2, '# two\n');
  await broker.look();
  const { hash } = broker.harness.reload.policy;
  site.server.restore(older);
  await broker.look();
  assert.equal([...broker.state, ...broker.row], [2, 'ERR_POLICY_BUNDLE_OLD', 2, 'ERR_POLICY_BUNDLE_OLD']);
  site.server.values.clear();
  await site.publish(3, '# three\n', await testSigner());
  await broker.look();
  assert.equal([...broker.state, broker.harness.reload.policy.hash], [2, 'ERR_POLICY_BUNDLE_SIGNER', hash]);
  site.server.values.clear();
  await site.publish(2, '# two\n');
  await broker.look();
  assert.equal(broker.state, [2, undefined], 'the admin publishes again, and all is well');
});

source('a head that names another version than the signature decides nothing', async () => {
  const site = await Site.make();
  await site.publish(2, '# two\n');
  const broker = await site.broker();
  broker.follow();
  await broker.look();
  site.server.values.clear();
  await site.publish(1);
  const head = JSON.parse(Buffer.from(site.server.values.get('head') ?? []).toString());
  site.server.values.set('head', Buffer.from(JSON.stringify({ ...head, version: 9 })));
  await broker.look();
  assert.equal(broker.state, [2, 'ERR_POLICY_BUNDLE_OLD']);
});

source('a lost, empty or strange bucket leaves the last good policy in force, and the status says so', async () => {
  const site = await Site.make();
  await site.publish(1);
  const broker = await site.broker();
  broker.follow();
  await broker.look();
  const whole = site.server.copyOf();
  site.server.lose();
  await broker.look();
  assert.equal(broker.state, [1, 'ERR_POLICY_BUCKET']);
  assert.match(broker.harness.reload.refusal?.message ?? '', 'ERR_NATS_UNREACHABLE');
  site.server.isReachable = true;
  site.server.values.clear();
  await broker.look();
  assert.equal([...broker.state, ...broker.row], [1, 'ERR_POLICY_BUCKET', 1, 'ERR_POLICY_BUCKET']);
  assert.match(broker.harness.reload.refusal?.message ?? '', 'holds no bundle');
  site.server.values.set('head', Buffer.from('{}'));
  await broker.look();
  assert.match(broker.harness.reload.refusal?.message ?? '', 'not one of ours');
  site.server.restore(whole);
  await broker.look();
  assert.equal([...broker.state, ...broker.row], [1, undefined, 1, undefined]);
});

source('a broker that starts without the server takes the last bundle that it accepted', async () => {
  const site = await Site.make();
  await site.publish(1);
  const memory = volatileBundleMemory();
  const first = await site.broker('one', memory);
  await first.bucket.close();
  site.server.lose();
  const options = { directory: temporaryDirectory(), source: 'nats', strict: false } as const;
  const open = async (kept = memory) => {
    const bucket = new BucketSource({ open: site.server.open, clock: site.clock });
    const trust = { keys: [site.key.thumbprint], assertionKeys: [] };
    const log = { error: () => undefined };
    return SignedPolicy.open({ source: bucket, memory: kept, trust, now: site.clock.wall, log });
  };
  const { policy, refusal, restored } = await firstPolicy(options, memoryArchive(), await open());
  assert.equal([policy.hash, refusal?.code], [first.harness.reload.policy.hash, 'ERR_POLICY_BUCKET']);
  assert.match(restored ?? '', 'bundle 1');
  assert.is(
    await codeOf(firstPolicy({ ...options, strict: true }, memoryArchive(), await open())),
    'ERR_POLICY_BUCKET',
    'a strict broker refuses to start',
  );
  assert.is(
    await codeOf(firstPolicy(options, memoryArchive(), await open(volatileBundleMemory()))),
    'ERR_POLICY_BUCKET',
    'without any accepted bundle nothing replaces it',
  );
});

source('a server that changes its mind all the time causes one load a second', async () => {
  const site = await Site.make();
  await site.publish(1);
  const broker = await site.broker();
  broker.follow();
  await broker.look();
  const before = broker.loads;
  for (let turn = 0; turn < 20; turn++) {
    site.server.values.set('head', Buffer.from(`{"mind":${turn}}`));
    site.server.announce();
    site.clock.advance(100);
    await site.quiet();
    site.server.values.delete('head');
    site.server.announce();
    site.clock.advance(100);
    await site.quiet();
  }
  assert.ok(broker.loads - before <= 4, `${broker.loads - before} loads in 4 s`);
  assert.equal(broker.state[0], 1);
});

source('a server that answers slowly holds a load up for half a minute at most', async () => {
  const site = await Site.make();
  await site.publish(1);
  const broker = await site.broker();
  broker.follow();
  await site.publish(2, '# two\n');
  site.server.beforeRead = (key) => {
    if (key.startsWith('piece.')) site.clock.advance(30_001);
  };
  await broker.look();
  assert.equal(broker.state, [1, 'ERR_POLICY_BUCKET']);
  assert.match(broker.harness.reload.refusal?.message ?? '', 'took longer than 30 s');
});

source('a row is written again after half a minute, and not at each look', async () => {
  const site = await Site.make();
  await site.publish(1);
  const broker = await site.broker();
  broker.follow();
  const written = (): number => site.server.writes.filter((key) => key === 'status.one').length;
  await broker.look();
  assert.is(written(), 1);
  for (let look = 0; look < 5; look++) await broker.look();
  assert.is(written(), 1);
  await broker.look();
  assert.is(written(), 2);
});

source('a broker with this source accepts nothing but what is signed', async () => {
  const site = await Site.make();
  await site.publish(1, '', await testSigner());
  const bucket = new BucketSource({ open: site.server.open, clock: site.clock });
  const options = { directory: temporaryDirectory(), source: 'nats', strict: false } as const;
  const trust = { keys: [site.key.thumbprint], assertionKeys: [] };
  const host = { memory: volatileBundleMemory(), isRevoked: () => false, now: site.clock.wall, log: SILENT };
  const signed = await signedPolicyOf({ ...options, ...trust }, host, bucket);
  assert.is(await codeOf(firstPolicy(options, memoryArchive(), signed)), 'ERR_POLICY_BUNDLE_SIGNER');
});

const admin = suite('publishing into a bucket');

admin('an older version, or another bundle of the same version, is refused before anything is written', async () => {
  const site = await Site.make();
  await site.publish(2, '# two\n');
  const before = site.server.copyOf();
  assert.is(await codeOf(site.publish(1)), 'ERR_POLICY_BUNDLE_OLD');
  assert.is(await codeOf(site.publish(2, '# another two\n')), 'ERR_POLICY_BUNDLE_OLD');
  assert.equal(site.server.values, before);
});

admin('the same version can be published again over pieces that the server has damaged', async () => {
  const site = await Site.make();
  await site.publish(2, '# two\n');
  site.server.values.delete('piece.a.0');
  await site.publish(2, '# two again, signed again\n');
  const broker = await site.broker();
  assert.equal(broker.state, [2, undefined]);
});

admin('the pieces are there before the head, and what was stored is read back', async () => {
  const site = await Site.make();
  await site.publish(1);
  const { writes } = site.server;
  assert.is(writes.at(-1), 'head');
  assert.is(writes.filter((key) => key === 'head').length, 1);
  site.server.beforeRead = (key) => {
    if (key === 'piece.b.0') site.server.values.set(key, Buffer.from('lost'));
  };
  assert.is(await codeOf(site.publish(2, '# two\n')), 'ERR_POLICY_BUCKET');
});

admin('of two admins that publish at once, one is told', async () => {
  const site = await Site.make();
  await site.publish(1);
  let isFirst = true;
  let other: Promise<void> = Promise.resolve();
  site.server.beforeRead = (key) => {
    // The second read of the head is that after writing.
    if (key !== 'head' || site.server.writes.at(-1) !== 'head' || !isFirst || site.server.writes.length < 4) return;
    isFirst = false;
    const head = JSON.parse(Buffer.from(site.server.values.get('head') ?? []).toString());
    site.server.values.set('head', Buffer.from(JSON.stringify({ ...head, sha256: 'f'.repeat(64) })));
    other = Promise.resolve();
  };
  assert.is(await codeOf(site.publish(2, '# two\n')), 'ERR_POLICY_BUCKET');
  await other;
});

source.run();
admin.run();
