/** A broker that accepts only signed bundles: what it starts with, what it refuses, and what it remembers. */
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bundleFile, firstPolicy, SignedPolicy } from '../../../broker/service/index.ts';
import {
  type Bundle,
  type BundleMemory,
  type BundleTrust,
  copyShippedPolicy,
  encodeBundle,
  hashFiles,
  makeBundle,
  memoryArchive,
  PolicyError,
  readPolicyFiles,
  signBundle,
  volatileBundleMemory,
} from '../../../policy/index.ts';
import { codeOf } from '../../support/installation/installation.ts';
import { type TestSigner, testSigner } from '../../support/policy-signer.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { PolicyHarness } from './policy-harness.ts';

const signed = suite('signed policies');

const EXPIRY = 1_800_086_400;
/** Takes the microphone away from one domain, whatever it is granted. */
const SILENT_ROW = 'p, @audio, mail-vm, audio-capture, send, deny\n';

class Site {
  readonly directory = temporaryDirectory();
  readonly key: TestSigner;
  readonly trust: BundleTrust;
  readonly memory: BundleMemory;
  readonly logged: string[] = [];
  /** Milliseconds. */
  now = (EXPIRY - 86_400) * 1_000;
  bundle: Bundle | PolicyError;

  private constructor(key: TestSigner, bundle: Bundle, memory: BundleMemory) {
    this.key = key;
    this.trust = { keys: [key.thumbprint], assertionKeys: [] };
    this.bundle = bundle;
    this.memory = memory;
  }

  static async make(memory = volatileBundleMemory()): Promise<Site> {
    const key = await testSigner();
    return new Site(key, await bundleOf(key, 1), memory);
  }

  async sign(version: number, edit = ''): Promise<void> {
    this.bundle = await bundleOf(this.key, version, edit);
  }

  open(trust = this.trust): Promise<SignedPolicy> {
    return SignedPolicy.open({
      source: {
        read: async () => {
          if (this.bundle instanceof PolicyError) throw this.bundle;
          return this.bundle;
        },
      },
      memory: this.memory,
      trust,
      now: () => this.now,
      log: { error: (_: object | string, text?: string) => void this.logged.push(text ?? '') },
    });
  }

  async start(strict = false, trust = this.trust) {
    const options = { directory: this.directory, source: 'signed', strict } as const;
    const bundles = await this.open(trust);
    return { ...(await firstPolicy(options, memoryArchive(), bundles)), bundles };
  }
}

async function bundleOf(key: TestSigner, version: number, edit = ''): Promise<Bundle> {
  const directory = join(temporaryDirectory(), 'policy');
  await copyShippedPolicy(directory);
  appendFileSync(join(directory, 'policy.csv'), edit);
  const terms = { version, issuedAt: EXPIRY - 86_400, expiresAt: EXPIRY };
  return signBundle(makeBundle(await readPolicyFiles(directory), terms), 'policy', key);
}

signed('a broker starts with the bundle, and says which one', async () => {
  const site = await Site.make();
  const { policy, refusal, restored, bundles } = await site.start();
  assert.equal([refusal, restored], [null, null]);
  assert.ok(!(site.bundle instanceof PolicyError));
  assert.is(policy.hash, hashFiles(site.bundle.files));
  assert.equal(bundles.status, {
    version: 1,
    signer: site.key.thumbprint,
    assertionsSigner: null,
    expiresAt: new Date(EXPIRY * 1_000).toISOString(),
    isExpired: false,
    isKept: true,
  });
});

signed('a rollback is refused, also after a restart, and the last good bundle is used', async () => {
  const site = await Site.make();
  await site.sign(2, '# two\n');
  const two = (await site.start()).policy.hash;
  await site.sign(1);
  const { policy, refusal, restored, bundles } = await site.start();
  assert.equal([policy.hash, refusal?.code, bundles.status?.version], [two, 'ERR_POLICY_BUNDLE_OLD', 2]);
  assert.match(restored ?? '', 'bundle 2');
  assert.ok(!(site.bundle instanceof PolicyError));
  assert.is(refusal?.policy, hashFiles(site.bundle.files), 'the refusal names the files that were refused');
  assert.is(await codeOf(site.start(true)), 'ERR_POLICY_BUNDLE_OLD', 'a strict broker refuses to start');
});

signed('a missing bundle, or one that does not compile, is replaced by the last good one', async () => {
  const site = await Site.make();
  const one = (await site.start()).policy.hash;
  await site.sign(2, 'p, half a row\n');
  const broken = await site.start();
  assert.equal([broken.policy.hash, broken.refusal?.code], [one, 'ERR_POLICY_ROW_ARITY']);
  await site.sign(2, '# mended\n');
  assert.is((await site.start()).refusal, null, 'a version that never counted can be used again');
  site.bundle = new PolicyError('ERR_POLICY_FILE', 'policy.bundle: the file is missing');
  assert.equal((await site.start()).refusal?.code, 'ERR_POLICY_FILE');
});

signed('without any accepted bundle a broker does not start, whatever is in the archive', async () => {
  const site = await Site.make();
  site.bundle = new PolicyError('ERR_POLICY_FILE', 'policy.bundle: the file is missing');
  const directory = join(temporaryDirectory(), 'policy');
  await copyShippedPolicy(directory);
  const archive = memoryArchive();
  const files = await readPolicyFiles(directory);
  const unsigned = hashFiles(files);
  await archive.keep(unsigned, files);
  const entry = { time: '', policy: unsigned, before: null, assertions: unsigned, rows: 1, grants: [] };
  await archive.note({ ...entry, revision: 1, cause: 'apply', by: 'test', reason: '' });
  const options = { directory: site.directory, source: 'signed', strict: false } as const;
  assert.is(await codeOf(firstPolicy(options, archive, await site.open())), 'ERR_POLICY_FILE');
});

signed('the last good bundle is used after its expiry, and not when its key is trusted no more', async () => {
  const site = await Site.make();
  const { policy } = await site.start();
  site.now = EXPIRY * 1_000;
  const late = await site.start();
  assert.equal([late.policy.hash, late.refusal?.code], [policy.hash, 'ERR_POLICY_BUNDLE_EXPIRED']);
  assert.is(late.bundles.status?.isExpired, true);
  const trust = { ...site.trust, isRevoked: () => true };
  assert.is(await codeOf(site.start(false, trust)), 'ERR_POLICY_BUNDLE_SIGNER');
});

signed('a running broker takes the next bundle, and nothing else', async () => {
  const site = await Site.make();
  const harness = await PolicyHarness.open({}, memoryArchive(), { signed: await site.open() });
  await harness.grant('mail-vm', '@mic');
  assert.is(harness.hears('mail-vm'), true);
  const before = harness.reload.policy.hash;
  assert.equal(await codeIn(harness.reload.run()), 'unchanged');
  await site.sign(2, SILENT_ROW);
  const terms = { version: 2, issuedAt: EXPIRY - 86_400, expiresAt: EXPIRY };
  const { bundle } = site;
  assert.ok(!(bundle instanceof PolicyError));
  site.bundle = makeBundle(bundle.files, terms);
  assert.equal(await codeIn(harness.reload.run()), 'ERR_POLICY_BUNDLE_SIGNER');
  assert.equal([harness.reload.policy.hash, harness.reload.refusal?.code], [before, 'ERR_POLICY_BUNDLE_SIGNER']);
  assert.equal(
    await codeIn(
      harness.reload.apply({
        files: bundle.files,
        token: before,
        attribution: { cause: 'apply', by: 'test', reason: '' },
      }),
    ),
    'ERR_BROKER_SOURCE',
  );
  site.bundle = bundle;
  assert.equal(await codeIn(harness.reload.run()), 'changed');
  assert.equal([harness.hears('mail-vm'), harness.reload.refusal, harness.reload.bundle?.version], [false, null, 2]);
  await site.sign(1);
  assert.equal(await codeIn(harness.reload.run()), 'ERR_POLICY_BUNDLE_OLD');
  assert.is(harness.hears('mail-vm'), false);
  assert.equal(
    harness.audit.records.filter(({ event }) => event === 'policy.reject').map(({ reason }) => reason),
    ['ERR_POLICY_BUNDLE_SIGNER', 'ERR_POLICY_BUNDLE_OLD'],
  );
});

signed('a higher version of the same files counts from then on', async () => {
  const site = await Site.make();
  const harness = await PolicyHarness.open({}, memoryArchive(), { signed: await site.open() });
  await site.sign(5);
  assert.equal(await codeIn(harness.reload.run()), 'unchanged');
  assert.is(harness.reload.bundle?.version, 5);
  await site.sign(4, '# four\n');
  assert.equal(await codeIn(harness.reload.run()), 'ERR_POLICY_BUNDLE_OLD');
});

signed('a disk that cannot be written keeps no removal out of force; the status says so', async () => {
  const memory = volatileBundleMemory();
  let isFull = false;
  const site = await Site.make({
    read: () => memory.read(),
    keep: async (kept) => {
      if (isFull) throw new Error('ENOSPC');
      await memory.keep(kept);
    },
  });
  const harness = await PolicyHarness.open({}, memoryArchive(), { signed: await site.open() });
  await harness.grant('mail-vm', '@mic');
  isFull = true;
  await site.sign(2, SILENT_ROW);
  assert.equal(await codeIn(harness.reload.run()), 'changed');
  assert.equal([harness.hears('mail-vm'), harness.reload.bundle?.isKept, site.logged.length], [false, false, 1]);
  await site.sign(1);
  assert.equal(await codeIn(harness.reload.run()), 'ERR_POLICY_BUNDLE_OLD', 'it counts while the broker runs');
  isFull = false;
  await site.sign(2, SILENT_ROW);
  assert.equal(await codeIn(harness.reload.run()), 'unchanged');
  assert.equal([harness.reload.bundle?.isKept, (await memory.read())?.versions.version], [true, 2]);
});

signed('a file that is not a bundle is refused by name', async () => {
  const directory = temporaryDirectory();
  assert.is(await codeOf(bundleFile(directory).read()), 'ERR_POLICY_FILE');
  writeFileSync(join(directory, 'policy.bundle'), '{}');
  assert.is(await codeOf(bundleFile(directory).read()), 'ERR_POLICY_BUNDLE');
  const { bundle } = await Site.make();
  assert.ok(!(bundle instanceof PolicyError));
  writeFileSync(join(directory, 'policy.bundle'), encodeBundle(bundle));
  assert.equal((await bundleFile(directory).read()).terms, bundle.terms);
});

async function codeIn(change: ReturnType<PolicyHarness['reload']['run']>): Promise<string> {
  const result = await change;
  if (!result.ok) return result.code;
  return result.changed ? 'changed' : 'unchanged';
}

signed.run();
