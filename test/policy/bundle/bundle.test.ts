/** A bundle counts when a trusted key signed it, nothing in it was changed, and it is neither expired nor older. */
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type AcceptedBundle,
  acceptBundle,
  type Bundle,
  type BundleTrust,
  bundleMemory,
  decodeBundle,
  encodeBundle,
  hashFiles,
  makeBundle,
  type PolicyError,
  readPolicyFiles,
  SHIPPED_POLICY_DIRECTORY,
  signBundle,
} from '../../../policy/index.ts';
import { codeOf } from '../../support/installation/installation.ts';
import { type TestSigner, testSigner } from '../../support/policy-signer.ts';
import { temporaryDirectory } from '../../support/temp.ts';

const bundles = suite('policy bundles');

const NOW = 1_800_000_000;
const DAY = 86_400;

interface Site {
  readonly alice: TestSigner;
  readonly owner: TestSigner;
  readonly trust: BundleTrust;
  readonly twofold: BundleTrust;
}

let made: Promise<Site> | null = null;
/** Two people: alice signs policies, owner signs assertions. */
function site(): Promise<Site> {
  made ??= (async () => {
    const [alice, owner] = [await testSigner(), await testSigner()];
    const trust = { keys: [alice.thumbprint], assertionKeys: [] };
    return { alice, owner, trust, twofold: { keys: [alice.thumbprint], assertionKeys: [owner.thumbprint] } };
  })();
  return made;
}

async function unsigned(version: number, edit = '', issuedAt = NOW): Promise<Bundle> {
  const files = await readPolicyFiles(SHIPPED_POLICY_DIRECTORY);
  const rows = Buffer.concat([files['policy.csv'], Buffer.from(edit)]);
  return makeBundle({ ...files, 'policy.csv': rows }, { version, issuedAt, expiresAt: issuedAt + DAY });
}

async function signed(version: number, edit = ''): Promise<Bundle> {
  return signBundle(await unsigned(version, edit), 'policy', (await site()).alice);
}

async function refusal(attempt: Promise<unknown>): Promise<string> {
  const code = await codeOf(attempt);
  return code === 'none' ? 'accepted' : code;
}

bundles('a signed bundle is accepted, also after a journey as text', async () => {
  const { alice, trust } = await site();
  const bundle = decodeBundle(encodeBundle(await signed(7)));
  assert.ok(bundle);
  assert.equal(await acceptBundle(bundle, trust, null, NOW), {
    version: 7,
    policy: hashFiles(bundle.files),
    assertionsVersion: 0,
    signer: alice.thumbprint,
    assertionsSigner: null,
    expiresAt: NOW + DAY,
  } satisfies AcceptedBundle);
});

bundles('an unsigned, foreign or revoked signature is refused', async () => {
  const { alice, owner, trust } = await site();
  assert.is(await refusal(acceptBundle(await unsigned(1), trust, null, NOW)), 'ERR_POLICY_BUNDLE_SIGNER');
  const foreign = await signBundle(await unsigned(1), 'policy', owner);
  assert.is(await refusal(acceptBundle(foreign, trust, null, NOW)), 'ERR_POLICY_BUNDLE_SIGNER');
  const isRevoked = (thumbprint: string) => thumbprint === alice.thumbprint;
  assert.is(
    await refusal(acceptBundle(await signed(1), { ...trust, isRevoked }, null, NOW)),
    'ERR_POLICY_BUNDLE_SIGNER',
  );
});

bundles('any changed byte of any file is refused, and so is a file that took the place of another', async () => {
  const { trust } = await site();
  const bundle = await signed(1);
  for (const name of Object.keys(bundle.files) as (keyof Bundle['files'])[]) {
    const files = { ...bundle.files, [name]: Buffer.concat([bundle.files[name], Buffer.from('\n')]) };
    assert.is(await refusal(acceptBundle({ ...bundle, files }, trust, null, NOW)), 'ERR_POLICY_BUNDLE', name);
  }
  const swapped = { ...bundle.files, 'tests.csv': bundle.files['assertions.csv'] };
  assert.is(await refusal(acceptBundle({ ...bundle, files: swapped }, trust, null, NOW)), 'ERR_POLICY_BUNDLE');
});

bundles('the version and the expiry that count are the signed ones, not those beside the signature', async () => {
  const { trust } = await site();
  const bundle = await signed(3);
  const said = { ...bundle, terms: { version: 9, issuedAt: NOW, expiresAt: NOW + 900 * DAY } };
  const accepted = await acceptBundle(said, trust, null, NOW);
  assert.equal([accepted.version, accepted.expiresAt], [3, NOW + DAY]);
  assert.is(await refusal(acceptBundle(said, trust, null, NOW + DAY)), 'ERR_POLICY_BUNDLE_EXPIRED');
});

bundles('a signature of another kind, or one that was edited, is not a signature of a policy', async () => {
  const { alice, trust } = await site();
  const bundle = await signed(1);
  const jws = bundle.signatures.policy ?? '';
  const other = await alice.signStatement('argus-hello+jws', { scope: 'policy', version: 1 });
  const [header = '', payload = '', signature = ''] = jws.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
  const edited = Buffer.from(JSON.stringify({ ...claims, version: 99 })).toString('base64url');
  const added = await alice.signStatement('argus-policy+jws', { ...claims, onlyFor: 'another site' });
  for (const policy of ['', 'x', other, `${header}.${edited}.${signature}`, added])
    assert.is(
      await refusal(acceptBundle({ ...bundle, signatures: { policy, assertions: null } }, trust, null, NOW)),
      'ERR_POLICY_BUNDLE',
      policy.slice(0, 40),
    );
});

bundles('a bundle counts until the second of its expiry', async () => {
  const { trust } = await site();
  const bundle = await signed(1);
  assert.is(await refusal(acceptBundle(bundle, trust, null, NOW + DAY - 1)), 'accepted');
  assert.is(await refusal(acceptBundle(bundle, trust, null, NOW + DAY)), 'ERR_POLICY_BUNDLE_EXPIRED');
  assert.is(await refusal(acceptBundle(bundle, trust, null, null)), 'accepted', 'the one that is in force already');
});

bundles('an older version is refused, and the same version with other files', async () => {
  const { trust } = await site();
  const five = await acceptBundle(await signed(5), trust, null, NOW);
  assert.is(await refusal(acceptBundle(await signed(4), trust, five, NOW)), 'ERR_POLICY_BUNDLE_OLD');
  assert.is(await refusal(acceptBundle(await signed(5, '# other\n'), trust, five, NOW)), 'ERR_POLICY_BUNDLE_OLD');
  assert.is(await refusal(acceptBundle(await signed(5), trust, five, NOW)), 'accepted', 'the same again');
  assert.is(await refusal(acceptBundle(await signed(6), trust, five, NOW)), 'accepted');
});

bundles('with two persons, neither signature is enough alone', async () => {
  const { alice, owner, twofold } = await site();
  const one = await signed(1);
  assert.is(await refusal(acceptBundle(one, twofold, null, NOW)), 'ERR_POLICY_BUNDLE_SIGNER');
  const other = await signBundle(await unsigned(1), 'assertions', owner);
  assert.is(await refusal(acceptBundle(other, twofold, null, NOW)), 'ERR_POLICY_BUNDLE_SIGNER');
  const byOnePerson = await signBundle(one, 'assertions', alice);
  assert.is(await refusal(acceptBundle(byOnePerson, twofold, null, NOW)), 'ERR_POLICY_BUNDLE_SIGNER');
  // The configuration refuses a key in both lists; this is the second line of defence.
  const both = { keys: [alice.thumbprint], assertionKeys: [alice.thumbprint] };
  assert.is(await refusal(acceptBundle(byOnePerson, both, null, NOW)), 'ERR_POLICY_BUNDLE_SIGNER');
  const accepted = await acceptBundle(await signBundle(one, 'assertions', owner), twofold, null, NOW);
  assert.equal([accepted.signer, accepted.assertionsSigner], [alice.thumbprint, owner.thumbprint]);
});

bundles(
  'a signature of the assertions stays valid while they stay, and is refused for others and for older ones',
  async () => {
    const { alice, owner, twofold } = await site();
    const first = await signBundle(await signed(4), 'assertions', owner);
    const accepted = await acceptBundle(first, twofold, null, NOW);
    assert.is(accepted.assertionsVersion, 4);
    const carried = { ...(await signed(5, '# an edit\n')).signatures, assertions: first.signatures.assertions };
    const next = { ...(await signed(5, '# an edit\n')), signatures: carried };
    assert.is((await acceptBundle(next, twofold, accepted, NOW)).assertionsVersion, 4);
    // Other assertions, signed by alice as part of the policy, with the signature for the former ones.
    const files = { ...next.files, 'assertions.csv': new Uint8Array() };
    const weaker = await signBundle({ ...next, files }, 'policy', alice);
    assert.is(await refusal(acceptBundle(weaker, twofold, accepted, NOW)), 'ERR_POLICY_BUNDLE');
    // Assertions that the owner signed long ago.
    const old = (await signBundle(await signed(3), 'assertions', owner)).signatures.assertions;
    const back = { ...next, signatures: { ...next.signatures, assertions: old } };
    assert.is(await refusal(acceptBundle(back, twofold, accepted, NOW)), 'ERR_POLICY_BUNDLE_OLD');
    // The policy's own signature does not stand for the assertions.
    const twice = { ...next, signatures: { policy: next.signatures.policy, assertions: next.signatures.policy } };
    assert.is(await refusal(acceptBundle(twice, twofold, null, NOW)), 'ERR_POLICY_BUNDLE');
  },
);

bundles('a version or an expiry that no broker would accept is not made', async () => {
  const { files } = await unsigned(1);
  for (const [version, expiresAt] of [
    [0, NOW + 1],
    [1.5, NOW + 1],
    [1_000_000_000, NOW + 1],
    [1, NOW],
    [1, NOW + 4_000 * DAY],
  ] as const)
    assert.throws(
      () => makeBundle(files, { version, issuedAt: NOW, expiresAt }),
      (error: PolicyError) => error.code === 'ERR_POLICY_BUNDLE',
    );
});

bundles('what is not a bundle is not taken for one', async () => {
  const text = encodeBundle(await signed(1));
  for (const wrong of [
    '',
    '{}',
    'null',
    text.slice(0, -4),
    text.replace('bundle/1', 'bundle/2'),
    text.replace('"terms"', '"more":1,"terms"'),
    text.replace('"model.conf"', '"model.cong"'),
  ])
    assert.is(decodeBundle(wrong), null, wrong.slice(0, 40));
  assert.ok(decodeBundle(text));
});

bundles('the memory is a private file that is whole or refused', async () => {
  const path = join(temporaryDirectory(), 'accepted.bundle');
  const memory = bundleMemory(path);
  assert.is(await memory.read(), null);
  const bundle = await signed(2);
  const versions = { version: 2, policy: hashFiles(bundle.files), assertionsVersion: 0 };
  await memory.keep({ versions, bundle });
  assert.is(statSync(path).mode & 0o777, 0o600);
  const kept = await bundleMemory(path).read();
  assert.equal([kept?.versions, kept?.bundle.signatures], [versions, bundle.signatures]);
  writeFileSync(path, '{"version":2}');
  assert.is(await refusal(memory.read()), 'ERR_POLICY_BUNDLE');
});

bundles.run();
